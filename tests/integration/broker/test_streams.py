"""The streams are as the contract has them, and a stranger's are left alone."""

from __future__ import annotations

import pytest
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig, SubjectTransform
from nats.js.errors import APIError

from stratoscope.broker.connection import Connection
from stratoscope.broker.streams import (
    DAY,
    StreamSettings,
    StreamsUnusable,
    definitions,
    ensure_streams,
)
from stratoscope_contracts import subjects
from stratoscope_contracts.words import (
    MAX_MESSAGE_BYTES,
    STREAM_DLQ,
    STREAM_HITS,
    STREAM_RECORD,
)


async def test_missing_streams_are_made_and_a_second_look_changes_nothing(
    connection: Connection,
) -> None:
    """Every service does this at its start."""
    settings = StreamSettings(max_bytes=64 * 1024 * 1024, max_age=DAY)
    first = await ensure_streams(connection.jetstream, settings)
    assert first.made == (STREAM_RECORD, STREAM_DLQ, STREAM_HITS)
    assert first.differences == ()
    second = await ensure_streams(connection.jetstream, settings)
    assert second.made == ()
    assert second.differences == ()


async def test_the_record_stream_is_as_the_contract_has_it(connection: Connection) -> None:
    """Read back from the server, word by word."""
    await ensure_streams(connection.jetstream, StreamSettings())
    config = (await connection.jetstream.stream_info(STREAM_RECORD)).config
    assert config.subjects == ["strato.*.rec.*.*"]
    assert config.subject_transform == SubjectTransform(
        src="strato.*.rec.*.*",
        dest="strato.{{wildcard(1)}}.part.{{partition(16,1,2)}}.{{wildcard(2)}}.{{wildcard(3)}}",
    )
    assert config.retention == RetentionPolicy.LIMITS
    assert config.discard == DiscardPolicy.NEW
    assert config.max_msg_size == MAX_MESSAGE_BYTES
    assert config.duplicate_window == 0.1
    assert not config.deny_delete
    assert not config.deny_purge


async def test_the_window_of_the_record_stream_is_the_smallest_that_the_server_takes(
    connection: Connection,
) -> None:
    """A millisecond less is refused, and none at all would be two minutes."""
    wanted = definitions(StreamSettings())[0]
    with pytest.raises(APIError, match="100ms"):
        await connection.jetstream.add_stream(wanted.evolve(duplicate_window=0.099))
    made = await connection.jetstream.add_stream(wanted.evolve(duplicate_window=0))
    assert made.config.duplicate_window == 120
    report = await ensure_streams(connection.jetstream, StreamSettings())
    assert "STRATO_RECORD.duplicate_window is 120.0, not 0.1" in report.warnings
    await connection.jetstream.update_stream(made.config.evolve(duplicate_window=0.1))
    assert (await ensure_streams(connection.jetstream, StreamSettings())).differences == ()


async def test_the_partition_of_an_agent_is_the_servers(connection: Connection) -> None:
    """What `partition_of` says is where the server puts it: the projectors rely on it."""
    await ensure_streams(connection.jetstream, StreamSettings())
    names = [(f"space-{n % 7}", f"Agent_{n}-x{'y' * (n % 90)}") for n in range(400)]
    for space, agent in names:
        await connection.jetstream.publish(subjects.record(space, agent, "event"), b"{}")
    info = await connection.jetstream.stream_info(STREAM_RECORD, subjects_filter=">")
    expected = {subjects.stored(space, agent, "event"): 1 for space, agent in names}
    assert info.state.subjects == expected
    assert {subjects.partition_of(space, agent) for space, agent in names} == set(range(16))


async def test_a_stream_that_differs_is_reported_and_not_changed(connection: Connection) -> None:
    """Its owner may have his reasons."""
    theirs = definitions(StreamSettings(max_bytes=10_000_000))[0].evolve(max_msg_size=1_000_000)
    await connection.jetstream.add_stream(theirs)
    report = await ensure_streams(connection.jetstream, StreamSettings(max_bytes=20_000_000))
    assert report.made == (STREAM_DLQ, STREAM_HITS)
    assert {(one.field, one.expected, one.found) for one in report.differences} == {
        ("max_bytes", 20_000_000, 10_000_000),
        ("max_msg_size", MAX_MESSAGE_BYTES, 1_000_000),
    }
    assert "STRATO_RECORD.max_bytes is 10000000, not 20000000" in report.warnings
    after = (await connection.jetstream.stream_info(STREAM_RECORD)).config
    assert after.max_bytes == 10_000_000


async def test_a_stream_that_would_make_the_log_lie_is_refused(connection: Connection) -> None:
    """Other partitions would reorder agents; a work queue would lose what was read."""
    theirs = StreamConfig(
        name=STREAM_RECORD, subjects=[subjects.RECORDED], retention=RetentionPolicy.WORK_QUEUE
    )
    await connection.jetstream.add_stream(theirs)
    with pytest.raises(StreamsUnusable, match="retention is 'workqueue', not 'limits'") as refused:
        await ensure_streams(connection.jetstream, StreamSettings())
    fields = {one["field"] for one in refused.value.details["differences"]}
    assert fields == {"retention", "subject_transform"}


@pytest.mark.parametrize(
    "feature",
    ["allow_rollup_hdrs", "allow_msg_ttl", "allow_msg_schedules", "allow_atomic"],
)
async def test_a_stream_that_takes_orders_from_headers_is_refused(
    connection: Connection, feature: str
) -> None:
    """An agent's own header would empty the log, or have it record for another agent."""
    # The server itself refuses some of them together with `discard: new`.
    wanted = definitions(StreamSettings())[0].evolve(discard=DiscardPolicy.OLD)
    await connection.jetstream.add_stream(wanted.evolve(**{feature: True}))
    with pytest.raises(StreamsUnusable, match=f"STRATO_RECORD.{feature} is True"):
        await ensure_streams(connection.jetstream, StreamSettings())


async def test_a_stream_that_takes_our_subjects_is_named_as_the_trouble(
    connection: Connection,
) -> None:
    """The server's own words do not say what to do."""
    await connection.jetstream.add_stream(StreamConfig(name="OTHER", subjects=["strato.>"]))
    with pytest.raises(StreamsUnusable, match="another stream takes some of its subjects"):
        await ensure_streams(connection.jetstream, StreamSettings())


def test_what_anybody_may_fill_has_a_bound_and_loses_the_oldest():
    """Else one space's dead letters and hits take the disk that all spaces record on."""
    _, dead_letters, hits = definitions(StreamSettings())
    for stream in (dead_letters, hits):
        assert 0 < (stream.max_bytes or 0) <= 1 << 30
        assert stream.discard == DiscardPolicy.OLD
