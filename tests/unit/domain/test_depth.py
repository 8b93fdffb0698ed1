"""A depth that was left open is filled in with what a fold of the whole log would have given."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.domain.depth import Unresolved, depth_of, resolve, standing
from stratoscope.domain.intake import decide
from stratoscope.domain.records import Cause, Known, Limits
from stratoscope.domain.timeline import Place
from stratoscope.projector.decode import decode
from support.drawn_logs import STREAM, TIMELINES, Drawn, drawn_logs, split
from support.naive_fold import fold
from support.past import Past

TYPES = {"decision_made": 1, "state_change": 2, "my.own": 3}
LIMITS = Limits(state_bytes=100)


class Apart:
    """Projectors of some agents each, that see what the others have committed, now and then."""

    def __init__(self) -> None:
        self.past = Past()
        self.past.types = TYPES
        for timeline in TIMELINES:
            self.past.intern(timeline)
        self.heads = dict(self.past.heads_now)
        self.recent: dict[int, list[Known]] = {0: [], 1: []}

    def project(self, projector: int, batch: list[Drawn], seen: Known) -> None:
        """One projector's next batch; `seen` is when it looked up the past."""
        messages = [decode(one.delivered) for one in batch]
        seen.follow(self.recent[projector][-2:])
        found = decide(messages, self.heads, TYPES, seen, STREAM, LIMITS)
        self.heads |= found.heads
        self.recent[projector].append(seen)
        self.past.write(found)
        self.past.settle()

    def resolve(self, through: int, page: int) -> None:
        """The leased resolver, behind the lowest watermark."""
        while rows := self._open(through)[:page]:
            known = self.past.known()
            found = resolve([self._unresolved(row) for row in rows], known)
            assert len(found) == len(rows)
            for agent_id, event_index, depth in found:
                for row in rows:
                    if (row["agent_id"], row["event_index"]) == (agent_id, event_index):
                        row["depth"] = depth

    def _open(self, through: int):
        rows = [row for row in self.past.events if row["depth"] is None]
        due = [row for row in rows if row["stream_seq"] <= through]
        return sorted(due, key=lambda row: (row["stream_seq"], row["ordinal"]))

    def _unresolved(self, row) -> Unresolved:
        place = Place(row["stream_seq"], row["ordinal"])
        identity = row["agent_id"], row["event_index"], place
        return Unresolved(*identity, self.past.space(row), row["id"], row["causes"])


@given(drawn_logs(unique_ids=True), st.data())
@settings(max_examples=60, deadline=None)
def test_projectors_apart_and_a_resolver_give_the_depths_of_one_fold(
    log: list[Drawn], data: st.DataObject
):
    owners = {timeline: data.draw(st.integers(0, 1), label="owner") for timeline in TIMELINES}
    shares = {
        owner: [one for one in log if owners[one.space, one.agent] == owner] for owner in (0, 1)
    }
    queues = {owner: data.draw(split(share)) if share else [] for owner, share in shares.items()}
    apart = Apart()
    looked_up: dict[int, Known | None] = {0: None, 1: None}
    while any(queues.values()):
        owner = data.draw(st.sampled_from([owner for owner in queues if queues[owner]]))
        # What is looked up while a batch before is on its way may be older than what is decided.
        seen, looked_up[owner] = looked_up[owner], apart.past.known(complete=False)
        if seen is not None:
            apart.project(owner, queues[owner].pop(0), seen)
            looked_up[owner] = (
                apart.past.known(complete=False) if data.draw(st.booleans()) else None
            )
        watermark = min([queue[0][0].seq for queue in queues.values() if queue], default=10**9) - 1
        if data.draw(st.booleans()):
            apart.resolve(watermark, data.draw(st.integers(1, 3)))
    apart.resolve(10**9, data.draw(st.integers(1, 3)))
    whole = fold(log, LIMITS.state_bytes)["timelines"]
    found = apart.past.told()["timelines"]
    for timeline, expected in whole.items():
        depths = [(event["place"], event["depth"]) for event in expected["events"]]
        assert [(event["place"], event["depth"]) for event in found[timeline]["events"]] == depths


ONE, TWO = UUID(int=1), UUID(int=2)


def known(*, complete: bool = True, **depths: tuple[int, int | None]) -> Known:
    """Causes by name: the message they stand in, and their depth."""
    names = {"one": ONE, "two": TWO}
    causes = {
        ("default", names[name]): Cause(Place(seq, 0), depth)
        for name, (seq, depth) in depths.items()
    }
    return Known(causes=causes, complete=complete)


def test_a_root_has_depth_one():
    assert depth_of("default", Place(1, 0), [], known()) == 1


def test_the_deepest_cause_before_it_counts():
    assert depth_of("default", Place(5, 0), [ONE, TWO], known(one=(1, 3), two=(2, 7))) == 8


def test_a_cause_that_stands_later_or_at_the_same_place_does_not_count():
    assert depth_of("default", Place(5, 0), [ONE, TWO], known(one=(5, 3), two=(6, 7))) == 1


def test_a_cause_of_another_space_does_not_count():
    assert depth_of("other", Place(5, 0), [ONE], known(one=(1, 3))) == 1


def test_a_cause_that_is_nowhere_counts_only_once_all_is_known():
    assert depth_of("default", Place(5, 0), [ONE], known()) == 1
    assert depth_of("default", Place(5, 0), [ONE], known(complete=False)) is None


def test_a_cause_whose_own_depth_is_open_leaves_it_open():
    assert depth_of("default", Place(5, 0), [ONE], known(one=(1, None))) is None
    assert depth_of("default", Place(5, 0), [ONE], known(one=(6, None))) == 1
    assert depth_of("default", Place(5, 0), [ONE, TWO], known(one=(1, None), two=(2, 7))) is None


def test_causes_that_are_late_or_nowhere_leave_an_event_unclosed():
    place = Place(5, 0)
    assert standing("default", place, [ONE, TWO], known(one=(1, 3), two=(2, 7))) == (8, True)
    assert standing("default", place, [ONE, TWO], known(one=(1, 3), two=(6, 7))) == (4, False)
    assert standing("default", place, [ONE, TWO], known(one=(1, 3))) == (4, False)


def test_what_is_resolved_counts_for_what_follows_it_on_the_page():
    first = Unresolved(1, 0, Place(1, 0), "default", ONE, [])
    second = Unresolved(2, 0, Place(2, 0), "default", TWO, [ONE])
    assert resolve([first, second], known(one=(1, None), two=(2, None))) == [(1, 0, 1), (2, 0, 2)]


def test_an_event_with_the_id_of_another_does_not_settle_that_ones_depth():
    """The cause that is meant stands lower, and its depth is known already."""
    twin = Unresolved(2, 0, Place(2, 0), "default", ONE, [])
    effect = Unresolved(3, 0, Place(3, 0), "default", TWO, [ONE])
    assert resolve([twin, effect], known(one=(1, 4))) == [(2, 0, 1), (3, 0, 5)]


def test_what_still_waits_is_left_open():
    event = Unresolved(2, 0, Place(2, 0), "default", TWO, [ONE])
    assert resolve([event], known(one=(1, None))) == []
