"""Logs drawn at random, with whatever agents do to one: twice, late, wrong, damaged."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from hypothesis import strategies as st

from stratoscope.broker.puller import Delivered
from stratoscope_contracts.subjects import stored

STREAM = "STRATO_RECORD"
START = datetime(2026, 11, 23, 8, tzinfo=UTC)
TIMELINES = [("default", "a"), ("default", "b"), ("default", "c"), ("other", "a")]

Json = dict[str, Any]


@dataclass(frozen=True)
class Drawn:
    """A message of a log; `body` is None where it is no JSON."""

    seq: int
    recorded_at: datetime
    space: str
    agent: str
    kind: str
    body: Json | None

    @property
    def records(self) -> list[Json]:
        """What it holds, each with its kind."""
        assert self.body is not None
        if self.kind == "batch":
            return list(self.body["records"])
        return [{"kind": self.kind} | self.body]

    @property
    def delivered(self) -> Delivered:
        """As the broker hands it out."""
        subject = stored(self.space, self.agent, self.kind)  # type: ignore[arg-type]  # drawn from three
        data = b"{" if self.body is None else orjson.dumps(self.body)
        return Delivered(self.seq, self.recorded_at, subject, None, data)


# The ids that records without one get from their places are drawn, too: anybody may send them.
_PLACES = UUID("5c2f5d2a-5f0e-5b8e-9d52-7d9a1f0c6d11")
_place_ids = st.builds(
    lambda seq, ordinal: str(uuid5(_PLACES, f"{STREAM}:{seq}:{ordinal}")),
    st.integers(1, 20),
    st.integers(0, 1),
)
_numbers = st.integers(0, 3)
_values = _numbers | st.sampled_from(["x", "y" * 60, [1], {"k": 1}])
_members = st.sampled_from(["/n", "/m", "/list"])
_operations = st.one_of(
    st.builds(lambda path, value: {"op": "add", "path": path, "value": value}, _members, _values),
    st.builds(lambda value: {"op": "add", "path": "/list/-", "value": value}, _values),
    st.builds(
        lambda path, value: {"op": "replace", "path": path, "value": value}, _members, _values
    ),
    st.builds(lambda path: {"op": "remove", "path": path}, _members),
    st.builds(lambda value: {"op": "test", "path": "/n", "value": value}, _numbers),
    st.builds(
        lambda op, source, path: {"op": op, "from": source, "path": path},
        st.sampled_from(["move", "copy"]),
        _members,
        _members,
    ),
    st.sampled_from([{}, 1]).map(lambda value: {"op": "replace", "path": "", "value": value}),
)
_offsets = st.integers(-100_000, 100_000) | st.integers(-10, 10)
_times = _offsets.map(lambda seconds: (START + timedelta(seconds=seconds)).isoformat())
_states = st.dictionaries(st.sampled_from(["n", "m", "list"]), _values, max_size=3)


def _ids(agent: tuple[str, str], unique: bool) -> st.SearchStrategy[str]:
    """Few ids, so that they meet; of its own agent only where they are to be unique in a space."""
    numbers = st.integers(1, 8)
    if unique:
        return numbers.map(lambda n: str(uuid5(NAMESPACE_URL, f"{agent}{n}")))
    return numbers.map(lambda n: str(UUID(int=n))) | _place_ids


def _event(ids: st.SearchStrategy[str], causes: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["decision_made", "state_change", "my.own"])},
        optional={
            "id": ids,
            "occurred_at": _times,
            "data": st.just({"d": 1}),
            "metadata": st.sampled_from([{}, {"m": 1}]),
            "causes": st.lists(causes, max_size=3),
            "patch": st.lists(_operations, max_size=3),
        },
    )


def _snapshot(ids: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"state": _states},
        optional={
            "id": ids,
            "occurred_at": _times,
            "memory_usage": st.integers(0, 9),
            "metadata": st.just({"m": 2}),
            "label": st.just("here"),
        },
    )


@st.composite
def drawn_messages(draw: st.DrawFn, seq: int, unique_ids: bool) -> Drawn:
    """One message at a place of the log."""
    timeline = draw(st.sampled_from(TIMELINES))
    ids = _ids(timeline, unique_ids)
    causes = st.one_of([_ids(one, unique_ids) for one in TIMELINES])
    event, snapshot = _event(ids, causes), _snapshot(ids)
    tagged = st.one_of(
        event.map(lambda one: {"kind": "event"} | one),
        snapshot.map(lambda one: {"kind": "snapshot"} | one),
    )
    batch = st.lists(tagged, min_size=1, max_size=4).map(lambda records: {"records": records})
    kind, bodies = draw(
        st.sampled_from(
            [("event", event), ("event", event), ("snapshot", snapshot), ("batch", batch)]
        )
    )
    body = draw(bodies if draw(st.integers(0, 15)) else st.none())
    recorded_at = START + timedelta(seconds=seq + draw(st.sampled_from([0, 0, 0, -3, 100_000])))
    return Drawn(seq, recorded_at, *timeline, kind, body)


@st.composite
def drawn_logs(draw: st.DrawFn, *, unique_ids: bool = False, most: int = 24) -> list[Drawn]:
    """A log: its places go up, with gaps."""
    steps = draw(st.lists(st.integers(1, 2), min_size=1, max_size=most))
    seqs = [sum(steps[: n + 1]) for n in range(len(steps))]
    return [draw(drawn_messages(seq, unique_ids)) for seq in seqs]


@st.composite
def split(draw: st.DrawFn, log: list[Drawn]) -> list[list[Drawn]]:
    """The log cut into batches at random points."""
    cuts = sorted(draw(st.sets(st.integers(1, len(log)))))
    bounds = [0, *cuts, len(log)]
    pieces = [log[start:end] for start, end in pairwise(bounds)]
    return [piece for piece in pieces if piece]
