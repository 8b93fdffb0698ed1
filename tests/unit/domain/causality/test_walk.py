"""Walks over events read by the block, against the same walks over everything at once."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.causality.blocks import LARGEST, Blocks
from stratoscope.domain.causality.chains import longest_chain
from stratoscope.domain.causality.graphs import levels
from stratoscope.domain.causality.nodes import Node, depth
from stratoscope.domain.causality.past import Stretch
from stratoscope.domain.causality.walk import Descent, Walk


class Row(NamedTuple):
    agent_id: int
    event_index: int
    stream_seq: int
    ordinal: int
    depth: int | None
    id: UUID
    causes: Sequence[UUID] | None


Log = list[Row]
STRANGER = UUID(int=999)


@st.composite
def logs(draw: st.DrawFn, late: bool = False) -> Log:
    """Up to thirty events of three agents; each names earlier ones, or any where `late`."""
    size = draw(st.integers(1, 30))
    log: Log = []
    ends = {1: 0, 2: 0, 3: 0}
    for seq in range(size):
        agent = draw(st.sampled_from([1, 1, 1, 2, 3]))
        named = range(size) if late else range(seq)
        causes = draw(st.lists(st.sampled_from(named), max_size=3, unique=True)) if named else []
        ids = [UUID(int=cause) for cause in causes] + [STRANGER] * draw(st.integers(0, 1))
        early = [log[cause].depth or 1 for cause in causes if cause < seq]
        log.append(Row(agent, ends[agent], seq, 0, depth(early), UUID(int=seq), ids or None))
        ends[agent] += 1
    return log


def located(log: Log, wanted: list[UUID]) -> dict[UUID, tuple[int, int]]:
    return {row.id: (row.agent_id, row.event_index) for row in log if row.id in wanted}


def within(log: Log, stretches: list[Stretch]) -> list[Row]:
    return [
        row
        for stretch in stretches
        for row in log
        if row.agent_id == stretch.agent_id and stretch.after < row.event_index <= stretch.upto
    ]


def run(log: Log, walk: "Walk[Row] | Descent[Row]", event_id: UUID) -> int:
    """Answer what a walk asks until it asks no more; how often it asked."""
    walk.begin(event_id)
    asked = 0
    while wanted := walk.wanted():
        found = located(log, wanted)
        stretches = walk.blocks.stretches(wanted, found)
        walk.go_on(within(log, stretches), found)
        asked += 1
    return asked


def as_nodes(log: Log) -> dict[str, Node]:
    return {
        str(row.id): Node(str(row.id), (row.stream_seq, 0), tuple(map(str, row.causes or ())))
        for row in log
    }


@given(logs(late=True), st.integers(1, 40))
def test_a_walk_reaches_the_nearest_events_level_by_level(log: Log, limit: int) -> None:
    event = log[-1].id
    walk = Walk[Row](limit, Blocks())

    run(log, walk, event)

    rows = {row.id: row for row in log}
    steps = levels(
        str(event), lambda id: [str(c) for c in rows[UUID(id)].causes or () if c in rows]
    )
    reached = [steps[str(id)] for id in walk.reached]
    assert reached == sorted(steps.values())[:limit]
    assert all(walk.reached[id] is rows[id] for id in walk.reached)


@given(logs())
def test_a_descent_is_the_longest_chain(log: Log) -> None:
    event = log[-1].id
    descent = Descent[Row](Blocks())

    run(log, descent, event)

    chain = [str(row.id) for row in reversed(descent.chain)]
    assert chain == longest_chain(as_nodes(log), str(event))
    assert not descent.is_lost


def chain_of(length: int) -> Log:
    return [
        Row(1, n, n, 0, n + 1, UUID(int=n), [UUID(int=n - 1)] if n else None) for n in range(length)
    ]


def test_a_long_chain_takes_few_questions() -> None:
    log = chain_of(5 * LARGEST)
    descent = Descent[Row](Blocks())

    assert run(log, descent, log[-1].id) < 15
    assert len(descent.chain) == len(log)


def test_causes_here_and_there_bring_little_along() -> None:
    log = [
        Row(1, n, n, 0, n // 100 + 1, UUID(int=n), [UUID(int=n - 100)] if n >= 100 else None)
        for n in range(2_000)
    ]
    walk = Walk[Row](100, Blocks())

    run(log, walk, log[-1].id)

    assert len(walk.reached) == 20
    assert len(walk.blocks.read) < len(log) / 3


def test_a_descent_is_lost_where_a_cause_of_its_depth_is_gone() -> None:
    log = chain_of(9)
    descent = Descent[Row](Blocks())
    run(log[4:], descent, log[-1].id)
    assert descent.is_lost


def test_a_descent_is_lost_where_a_depth_is_open() -> None:
    log = chain_of(3)
    log[-1] = log[-1]._replace(depth=None)
    descent = Descent[Row](Blocks())
    run(log, descent, log[-1].id)
    assert descent.is_lost
    nowhere = Descent[Row](Blocks())
    run(log, nowhere, STRANGER)
    assert nowhere.is_lost


def test_what_was_looked_up_is_what_stands_there() -> None:
    """Two agents have an event with one id; the one that was looked up is meant."""
    meant = Row(1, 0, 1, 0, 1, UUID(int=1), None)
    other = Row(2, 0, 2, 0, 1, UUID(int=1), None)
    blocks = Blocks[Row]()
    spots = {meant.id: (1, 0)}
    blocks.stretches([meant.id], spots)

    blocks.keep([other, meant], spots)

    assert blocks.read[meant.id] is meant
