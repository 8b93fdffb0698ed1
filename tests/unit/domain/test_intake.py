"""A batch's rows are those of a plain fold of the log, wherever the log is cut into batches."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.domain.canonical import canonical
from stratoscope.domain.intake import decide, place_id
from stratoscope.domain.overload import Overload
from stratoscope.domain.records import (
    Batch,
    EventIn,
    Head,
    Known,
    Limits,
    Message,
    Rejection,
    SnapshotIn,
)
from stratoscope.domain.verdicts import apply_verdict
from stratoscope.projector.decode import decode
from support.drawn_logs import START, STREAM, Drawn, drawn_logs, split
from support.naive_fold import fold
from support.past import Past

LIMITS = Limits(state_bytes=100, field_index=True)
Json = dict[str, Any]


def decided(batches: list[list[Drawn]]) -> Json:
    """What the fold makes of a log that comes in batches, each decided beside the last commit."""
    past = Past()
    heads: dict[tuple[str, str], Head] = {}
    types = {
        name: number for number, name in enumerate(["decision_made", "state_change", "my.own"])
    }
    past.types = types
    recent: list[Known] = []
    for batch in batches:
        messages = [decode(one.delivered) for one in batch]
        for message in messages:
            if isinstance(message, Message) and message.timeline not in heads:
                past.intern(message.timeline)
                heads[message.timeline] = past.heads_now[message.timeline]
        known = past.known()
        known.follow(recent[-2:])
        found = decide(messages, heads, types, known, STREAM, LIMITS)
        heads |= found.heads
        recent.append(known)
        past.write(found)
    return past.told()


@given(drawn_logs())
@settings(max_examples=200, deadline=None)
def test_a_log_is_decided_as_a_plain_fold_decides_it(log: list[Drawn]):
    assert decided([log]) == fold(log, LIMITS.state_bytes)


@given(drawn_logs(), st.data())
@settings(max_examples=200, deadline=None)
def test_where_batches_begin_and_end_does_not_matter(log: list[Drawn], data: st.DataObject):
    assert decided(data.draw(split(log))) == fold(log, LIMITS.state_bytes)


@given(drawn_logs(most=12))
@settings(max_examples=40, deadline=None)
def test_a_message_a_batch_is_no_exception(log: list[Drawn]):
    assert decided([[message] for message in log]) == decided([log])


@pytest.fixture
def heads() -> dict[tuple[str, str], Head]:
    return {("default", "a"): Head(1), ("default", "b"): Head(2)}


@pytest.fixture
def run(heads: dict[tuple[str, str], Head]) -> Callable[..., tuple[Batch, Known]]:
    """Decide messages of agent a over heads that go on with each call."""

    def decide_on(*messages: Message | Rejection, known: Known | None = None):
        known = known or Known()
        batch = decide(messages, heads, {"tried": 1}, known, STREAM, LIMITS)
        heads.update(batch.heads)
        return batch, known

    return decide_on


def event(
    id_: int | None = None,
    *,
    patch: list[Json] | None = None,
    causes: list[int] = (),
    gap: str | None = None,
):
    named = None if id_ is None else UUID(int=id_)
    caused = [UUID(int=one) for one in causes]
    return EventIn(named, "tried", None, "{}", None, caused, patch, "[]" if patch else None, gap)


def snapshot(state: Json, id_: int | None = None) -> SnapshotIn:
    named = None if id_ is None else UUID(int=id_)
    return SnapshotIn(named, None, state, canonical(state), None, None, None)


def message(seq: int, *records: EventIn | SnapshotIn, agent: str = "a") -> Message:
    return Message(seq, START, "default", agent, 0, records)


SET = [{"op": "add", "path": "/n", "value": 1}]
CONFLICT = [{"op": "remove", "path": "/missing"}]


def test_a_refused_message_leaves_everything_as_it_was(run, heads):
    run(message(1, event(1, patch=SET)))
    kept = deepcopy(heads[("default", "a")])
    refused = message(
        2,
        event(2, causes=[1]),
        event(1),
        snapshot({"new": 1}, 3),
        event(4, patch=CONFLICT),
        event(5),
    )
    batch, known = run(refused)
    assert heads[("default", "a")] == kept
    assert batch == Batch(batch.heads, taints=batch.taints, rejections=batch.rejections)
    assert known == Known()


def test_the_taint_stands_where_the_record_would_have_stood(run):
    run(message(1, event(1), event(2)))
    batch, _ = run(message(2, event(3), event(4, patch=CONFLICT)))
    assert batch.taints == [(1, 2, 1, 1, None)]
    assert [(one.stream_seq, one.ordinal, one.reason) for one in batch.rejections] == [
        (2, 1, "patch_conflict")
    ]


def test_a_gap_taints_at_its_event_and_goes_with_a_refused_message(run):
    missing = event(2)
    missing.gap = '{"records":3}'
    batch, _ = run(message(1, event(1), missing, event(3)))
    assert batch.taints == [(1, 1, 1, 1, '{"records":3}')]
    batch, _ = run(message(3, missing, event(4, patch=CONFLICT)))
    assert batch.taints == [(1, 3, 1, 2, None)]


def test_a_batch_that_was_sent_again_is_left_out_whole(run):
    missing = event(3)
    missing.gap = '{"records":3}'
    records = event(1, patch=SET), snapshot({"n": 5}, 2), missing, event(4, causes=[1])
    batch, _ = run(message(1, *records), message(2, *records))
    assert batch.duplicates == ["event", "snapshot", "event", "event"]
    assert (len(batch.events), len(batch.versions), len(batch.taints)) == (3, 2, 1)
    assert batch.rejections == []


def test_a_refused_messages_ids_are_free_again(run):
    batch, known = run(message(1, event(1), event(2, patch=CONFLICT)), message(2, event(1)))
    assert [row[1] for row in batch.events] == [2]
    assert known.cause(("default", UUID(int=1))).place == (2, 0)


def test_a_refused_message_takes_nothing_from_another_agent(run):
    """The other agent's event stands first with that id, and keeps its place among the causes."""
    _, known = run(message(1, event(1), agent="b"), message(2, event(1), event(2, patch=CONFLICT)))
    assert known.cause(("default", UUID(int=1))).place == (1, 0)
    assert known.has((2, UUID(int=1)))
    assert not known.has((1, UUID(int=1)))


def test_a_message_that_can_be_refused_is_still_counted_from_the_one_before(run):
    batch, _ = run(
        message(1, event(1, patch=SET)), message(2, event(2, patch=CONFLICT)), message(3, event(3))
    )
    assert [(row[0], row[1]) for row in batch.events] == [(0, 1), (1, 3)]


def test_a_patched_state_over_the_limit_is_refused(run):
    large = [{"op": "add", "path": "/text", "value": "x" * LIMITS.state_bytes}]
    batch, _ = run(message(1, event(1, patch=large)))
    assert [one.reason for one in batch.rejections] == ["state_over_limit"]
    assert batch.taints == [(1, 1, 0, -1, None)]


def test_a_state_that_copies_grow_beyond_the_limit_of_values_is_refused(heads):
    full = [{"op": "add", "path": "/l", "value": [{}] * 600_000}]
    copy = [{"op": "copy", "from": "/l", "path": "/m"}]
    log = message(1, event(1, patch=full)), message(2, event(2, patch=copy))
    batch = decide(log, heads, {"tried": 1}, Known(), STREAM)
    assert [(one.stream_seq, one.reason) for one in batch.rejections] == [(2, "state_over_limit")]
    assert "more than 1000000 JSON values" in batch.rejections[0].detail
    assert [row[1] for row in batch.versions] == [1]


def test_a_rejection_passes_through_and_touches_no_timeline(run):
    rejection = Rejection(1, None, "not_json", "no")
    batch, _ = run(rejection)
    assert batch == Batch(rejections=[rejection])


@pytest.mark.parametrize(
    ("records", "reason", "ordinal", "taints"),
    [
        (
            (event(2), event(3, patch=[{"op": "add", "path": "/a", "value": 1}])),
            "as_it_was",
            1,
            [(1, 5, 1, 0, None)],
        ),
        ((event(2, gap='{"lost":1}'),), "as_it_was", None, [(1, 5, 0, 0, None)]),
        ((snapshot({}, 2),), "as_it_was", None, [(1, 5, 0, 0, None)]),
        ((), "as_it_was", None, [(1, 5, 0, 0, None)]),
        ((event(2), event(3)), "as_it_was", 1, []),
        ((event(2), event(3)), "patch_conflict", 1, [(1, 5, 1, 0, None)]),
        ((event(2), event(3)), "over_budget", 0, [(1, 5, 0, 0, None)]),
    ],
)
def test_what_was_refused_before_is_refused_again_with_the_same_mark(
    run, records: tuple[Any, ...], reason: str, ordinal: int | None, taints: list[Any]
):
    """Its rules may have changed since: the verdict stands, though it would be taken now.

    One without records could not be read. A verdict on a patch says that there was one.
    """
    verdict = Rejection(5, ordinal, reason, "as it was said then")
    run(message(1, event(1)))
    batch, known = run(apply_verdict(message(5, *records), verdict))
    assert batch == Batch(batch.heads, taints=taints, rejections=[verdict])
    assert known == Known()


def test_a_duplicate_is_counted_and_moves_nothing_else(run, heads):
    run(message(1, event(1), snapshot({"n": 1}, 2)))
    clock = heads[("default", "a")].clock
    batch, _ = run(
        message(2, event(1), event(2), snapshot({}, 1)),
        known=Known(ids={(1, UUID(int=1)), (1, UUID(int=2))}),
    )
    assert batch == Batch(batch.heads, duplicates=["event", "event", "snapshot"])
    head = heads[("default", "a")]
    assert (head.duplicates, head.next_event, head.next_version) == (3, 1, 1)
    assert head.clock == clock


def test_a_record_without_an_id_is_named_after_its_place(run):
    first, _ = run(message(7, event(), event()))
    assert [row[9] for row in first.events] == [place_id(STREAM, 7, 0), place_id(STREAM, 7, 1)]
    assert place_id(STREAM, 7, 0) != place_id("ANOTHER", 7, 0)
    assert place_id(STREAM, 7, 0).version == 5


def test_a_state_that_was_not_loaded_is_an_error_and_not_an_empty_one(run, heads):
    heads[("default", "a")].next_version = 3
    with pytest.raises(LookupError, match="agent 1"):
        run(message(1, event(1, patch=SET)))


def test_without_a_field_index_the_head_says_from_where_one_would_be_complete(heads):
    batch = decide([message(1, snapshot({"n": 1}), snapshot({"n": 2}))], heads, {}, Known(), STREAM)
    assert not batch.changes
    assert batch.heads[("default", "a")].indexed_from == 2


def test_the_heads_before_are_left_as_they_were(heads):
    before = dict(heads)
    decide([message(1, event(1), snapshot({}))], heads, {"tried": 1}, Known(), STREAM)
    assert heads == before == {("default", "a"): Head(1), ("default", "b"): Head(2)}


def test_patches_over_the_work_of_a_message_are_refused_and_leave_the_state_in_doubt(
    run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(LIMITS, "work_bytes", 200)
    change = [{"op": "add", "path": "/n", "value": 1}]
    run(message(1, snapshot({"text": "x" * 80}, 1)))
    batch, _ = run(message(2, event(2, patch=change), event(3, patch=change)))
    assert not batch.rejections
    batch, _ = run(message(3, *(event(4 + n, patch=change) for n in range(3))))
    assert [one.reason for one in batch.rejections] == ["over_budget"]
    assert [taint[:3] for taint in batch.taints] == [(1, 3, 2)]


def test_a_batch_over_the_work_that_others_wait_for_is_given_up_and_leaves_the_heads(
    run, monkeypatch: pytest.MonkeyPatch
):
    run(message(1, snapshot({"text": "x" * 80}, 1)))
    monkeypatch.setattr(LIMITS, "batch_work_bytes", 250)
    change = [{"op": "add", "path": "/n", "value": 1}]
    two = (event(2, patch=change), event(3, patch=change))
    with pytest.raises(Overload) as raised:
        run(message(2, *two), message(3, event(4, patch=change)))
    assert raised.value.partitions == {message(3).partition}
    batch, _ = run(message(2, *two))
    assert [row[0] for row in batch.events] == [0, 1]


def test_of_states_with_many_values_a_snapshot_changes_the_root(
    run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stratoscope.domain.intake._MANY_VALUES", 20)
    run(message(1, snapshot({"a": 1, "b": 1}, 1)))
    batch, _ = run(message(2, snapshot({"a": 1, "b": 2}, 2)))
    assert batch.changed[1, 1] == (("b",),)
    batch, _ = run(message(3, snapshot({"a": [0] * 30}, 3)))
    assert batch.changed[1, 2] == ((),)
