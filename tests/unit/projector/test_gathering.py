"""What is looked up beside a commit that is on its way, and kept between batches, is enough."""

import asyncio
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Known, Rejection
from stratoscope.projector import gathering as module
from stratoscope.projector.gathering import Gathering
from stratoscope.store.past import Ids
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
            past.write(await gatherer.decide(gathered))

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


@given(
    drawn_logs(),
    st.sampled_from([1, 2, 100]),
    st.sampled_from([0, 1, 3, 100]),
    st.sets(st.integers(0, 20)),
    st.data(),
)
@settings(max_examples=100, deadline=None)
def test_what_was_taken_to_be_new_and_was_not_is_taken_in_as_if_it_had_been_asked_for(
    log: list[Drawn],
    max_heads: int,
    max_recent: int,
    trusted: set[int],
    data: st.DataObject,
):
    """Batches in turn, each written before the next is gathered; some are not taken on trust."""
    past = Past()

    async def run() -> None:
        gatherer = gathering(past, cache_bytes=60, max_heads=max_heads, max_recent=max_recent)
        for number, batch in enumerate(data.draw(split(log))):
            past.settle()
            delivered = [one.delivered for one in batch]
            gathered = await gatherer.gather(delivered, trusting=number in trusted)
            decided = await gatherer.decide(gathered)
            if past.has(gathered.unasked):
                gatherer.forget(decided)
                gathered = await gatherer.gather(delivered)
                assert not gathered.unasked
                decided = await gatherer.decide(gathered)
            past.write(decided)

    asyncio.run(run())
    assert past.told() == fold(log, MAX_STATE_BYTES)


class Asked(Past):
    """Counts the ids that are looked up."""

    count = 0

    async def look_up(self, ids: Ids, known: Known) -> None:
        self.count += len(ids.events)
        await super().look_up(ids, known)


def named(seq: int, id: str, *causes: str) -> Delivered:
    body = {"type": "a", "id": id, "causes": causes}
    subject = f"strato.default.part.{partition_of('default', 'a')}.a.event"
    return Delivered(seq, START, subject, None, orjson.dumps(body))


async def test_only_what_comes_from_nowhere_is_taken_to_be_new():
    first, second, third, fourth, unheard = (str(UUID(int=n)) for n in (1, 2, 3, 4, 99))
    past = Asked()
    gatherer = gathering(past, cache_bytes=0)

    async def unasked(message: Delivered, *, trusting: bool = True) -> bool:
        before = past.count
        gathered = await gatherer.gather([message], trusting=trusting)
        past.write(await gatherer.decide(gathered))
        past.settle()
        assert bool(gathered.unasked) == (past.count == before)
        return bool(gathered.unasked)

    assert await unasked(named(1, first))
    assert not await unasked(named(2, second), trusting=False)
    # A cause that nobody knows of yet, and one of the newest.
    assert not await unasked(named(3, third, unheard))
    assert await unasked(named(4, fourth, third))
    # Sent again at once.
    assert not await unasked(named(5, third))


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


async def test_a_lane_that_goes_on_without_a_partition_reads_its_heads_anew():
    """Another lane moves them meanwhile."""
    one, other = "a", "b"
    past = Past()
    gatherer = gathering(past, cache_bytes=1 << 20)
    batch = await gatherer.decide(await gatherer.gather([message(1, one), message(2, other)]))
    past.write(batch)
    past.settle()
    left = {number: 2 for number in NOWHERE if number != partition_of("default", one)}
    gatherer.serve(left, complete=False)
    assert [name for _, name in gatherer._heads] == [other]
    gatherer.serve(dict.fromkeys(NOWHERE, 2), complete=True)
    again = await gatherer.decide(await gatherer.gather([message(3, one), message(4, other)]))
    assert [(row[0], row[1]) for row in again.events] == [(1, 3), (1, 4)]


async def test_what_is_in_no_partition_is_still_buried():
    passed = dict.fromkeys(range(PARTITIONS), 9)
    gathered = await gathering(Past(), cache_bytes=0, passed=passed).gather(
        [message(7, "99", "rec"), message(8)]
    )
    assert [found.stream_seq for found in gathered.messages] == [7]


def test_event_types_without_end_are_forgotten_but_those_of_a_batch_in_flight(
    monkeypatch: pytest.MonkeyPatch,
):
    """Agents name their own: a few million would be all the memory that a projector may take."""
    monkeypatch.setattr(module, "_MAX_TYPES", 10)
    gatherer = gathering(Past(), cache_bytes=0)

    async def run() -> None:
        for seq in range(1, 100):
            one = message(seq)
            one.data = orjson.dumps({"type": f"t{seq}"})
            batch = await gatherer.decide(await gatherer.gather([one]))
            numbers = {row[6] for row in batch.events}
            if seq > 1:
                # The one before is told after this one was gathered.
                assert gatherer.type_names[before[0]] == f"t{seq - 1}"
            before[:] = numbers
            assert [gatherer.type_names[number] for number in numbers] == [f"t{seq}"]
            assert len(gatherer.type_names) <= 22

    before: list[int] = []
    asyncio.run(run())
