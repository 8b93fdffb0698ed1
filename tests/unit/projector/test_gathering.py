"""What is looked up beside a commit that is on its way, and kept between batches, is enough."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Rejection
from stratoscope.projector.gathering import Gathering
from stratoscope_contracts.subjects import partition_of
from stratoscope_contracts.words import MAX_STATE_BYTES, PARTITIONS
from support.drawn_logs import START, STREAM, Drawn, drawn_logs, split
from support.naive_fold import fold
from support.past import Past

NOWHERE = dict.fromkeys(range(PARTITIONS), 0)


def gathering(
    past: Past,
    *,
    cache_bytes: int,
    max_heads: int = 100,
    max_recent: int = 100,
    passed: dict[int, int] | None = None,
) -> Gathering:
    return Gathering(
        past,  # type: ignore[arg-type]  # it has the reader's methods
        STREAM,
        complete=True,
        cache_bytes=cache_bytes,
        max_heads=max_heads,
        max_recent=max_recent,
        passed=passed or NOWHERE,
    )


def projected(
    batches: list[list[Drawn]],
    cache_bytes: int,
    restarts: set[int],
    past: Past | None = None,
    max_heads: int = 100,
    max_recent: int = 100,
    sifts: bool = False,
) -> dict[str, Any]:
    """A log taken in: each batch is gathered while the one before is being written."""
    past = past or Past()

    async def run() -> None:
        kept = {"cache_bytes": cache_bytes, "max_heads": max_heads, "max_recent": max_recent}
        gatherer = gathering(past, **kept)
        if sifts:
            gatherer.sift()
        for number, batch in enumerate(batches):
            if number in restarts:
                past.settle()
                gatherer = gathering(past, **kept)
            gathered = await gatherer.gather([one.delivered for one in batch])
            assert gathered.through == batch[-1].seq
            past.write(gatherer.decide(gathered))

    asyncio.run(run())
    return past.told()


@given(
    drawn_logs(),
    st.sampled_from([0, 60, 1 << 30]),
    st.sampled_from([1, 2, 100]),
    st.sampled_from([0, 1, 3, 100]),
    st.sets(st.integers(0, 20)),
    st.data(),
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_cached_dropped_or_begun_anew_the_log_is_taken_in_as_it_is_told(
    log: list[Drawn],
    cache_bytes: int,
    max_heads: int,
    max_recent: int,
    restarts: set[int],
    data: st.DataObject,
):
    batches = data.draw(split(log))
    found = projected(batches, cache_bytes, restarts, max_heads=max_heads, max_recent=max_recent)
    assert found == fold(log, MAX_STATE_BYTES)


@given(drawn_logs(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_rebuild_repeats_the_verdicts_and_gives_the_same(log: list[Drawn], data: st.DataObject):
    first = projected([log], 0, set())
    rebuilt = Past()
    rebuilt.verdicts_before = {
        seq: Rejection(seq, ordinal, reason, "") for seq, ordinal, reason in first["rejections"]
    }
    restarts = data.draw(st.sets(st.integers(1, 20), max_size=2))
    assert projected(data.draw(split(log)), 0, restarts, rebuilt, sifts=True) == first


def message(seq: int, agent: str = "a", room: str | None = None) -> Delivered:
    room = room or f"part.{partition_of('default', agent)}"
    return Delivered(seq, START, f"strato.default.{room}.{agent}.event", None, b'{"type":"a"}')


async def test_what_a_partition_has_taken_in_already_is_passed_over():
    """Partitions that were projected apart need not have come equally far."""
    one, other = "a", "b"
    assert partition_of("default", one) != partition_of("default", other)
    passed = NOWHERE | {partition_of("default", one): 3}
    gathered = await gathering(Past(), cache_bytes=0, passed=passed).gather(
        [message(seq, agent) for seq in (1, 2, 3, 4, 5) for agent in (one, other)][:9]
    )
    taken = [(found.stream_seq, found.agent) for found in gathered.messages]
    assert taken == [(1, other), (2, other), (3, other), (4, one), (4, other), (5, one)]
    assert gathered.through == 5


async def test_what_is_in_no_partition_is_still_buried():
    passed = dict.fromkeys(range(PARTITIONS), 9)
    gathered = await gathering(Past(), cache_bytes=0, passed=passed).gather(
        [message(7, "99", "rec"), message(8)]
    )
    assert [found.stream_seq for found in gathered.messages] == [7]
