"""Conditions and timelines for hypothesis, small enough to meet each other."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from pydantic import TypeAdapter

from stratoscope_contracts.breakpoints import Condition
from support.recorded import START

CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)

Json = dict[str, Any]

TYPES = ("a", "b")
PATHS = ("", "health", "bag", "bag.gold", "nowhere")
OVER_EVENT, OVER_STATE = "event.type == 'a'", "state.health < 2"
OVER_BOTH = "event.type != 'b' && state.health < 2"

scalars = st.one_of(
    st.integers(-1, 3), st.booleans(), st.none(), st.sampled_from(["x", "y", "xy", 1.0, 0.5])
)
values = st.one_of(scalars, st.lists(scalars, max_size=2))
states = st.fixed_dictionaries(
    {},
    optional={
        "health": values,
        "bag": st.one_of(
            st.fixed_dictionaries({}, optional={"gold": values, "x": scalars}), values
        ),
    },
)


def _on_state(path: str, op: str, value: Any) -> Json:
    if op == "in":
        value = value if isinstance(value, list) else [value, 1]
    if op == "exists":
        value = value if isinstance(value, bool) else None
    return {"kind": "on_state", "path": path, "op": op, "value": value}


on_state = st.builds(
    _on_state,
    st.sampled_from(PATHS),
    st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "exists"]),
    values,
)
on_change = st.builds(lambda path: {"kind": "on_change", "path": path}, st.sampled_from(PATHS))
at_time = st.builds(lambda time: {"kind": "at_time", "time": time}, st.integers(0, 8))
of_event = st.one_of(
    st.builds(lambda index: {"kind": "at_event_index", "index": index}, st.integers(0, 6)),
    st.builds(lambda type: {"kind": "on_event_type", "type": type}, st.sampled_from(TYPES)),
    st.builds(lambda depth: {"kind": "on_causality_depth", "depth": depth}, st.integers(1, 3)),
)
expressions = st.sampled_from(
    [
        {"kind": "expression", "source": OVER_EVENT, "over": "event"},
        {"kind": "expression", "source": OVER_STATE, "over": "state"},
        {"kind": "expression", "source": OVER_BOTH, "over": "both"},
    ]
)
leaves = st.one_of(on_state, on_change, at_time, of_event, expressions)


def combined(children: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Conditions made of others."""
    several = st.lists(children, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda some: {"kind": "all_of", "conditions": some}, several),
        st.builds(lambda some: {"kind": "any_of", "conditions": some}, several),
        st.builds(lambda one: {"kind": "not", "condition": one}, children),
    )


conditions = st.recursive(leaves, combined, max_leaves=4)


def read(condition: Json) -> Condition:
    """A condition as the contract reads it; times are told in seconds here."""

    def timed(one: Json) -> Json:
        spelled = {key: value for key, value in one.items() if key != "over"}
        if "time" in one:
            spelled["time"] = (START + timedelta(seconds=one["time"])).isoformat()
        if "conditions" in one:
            spelled["conditions"] = [timed(inner) for inner in one["conditions"]]
        if "condition" in one:
            spelled["condition"] = timed(one["condition"])
        return spelled

    return CONDITION.validate_python(timed(condition))


def event(type: str = "a", state: Any = None, *, at: float = 0, depth: int | None = 1) -> Json:
    """An event, with a state where it has a patch."""
    return {"event": {"type": type, "depth": depth}, "clock": at, "state": state}


def snapshot(state: Json, *, at: float = 0) -> Json:
    """A snapshot."""
    return {"event": None, "clock": at, "state": state}


def timeline(*records: Json) -> list[Json]:
    """Records with what follows from the ones before them: index, running clock, lasting state."""
    index, clock, state = -1, 0.0, {}
    line = []
    for record in records:
        sets = record["state"] is not None
        state = record["state"] if sets else state
        clock = max(clock, record["clock"])
        told = record["event"]
        if told is not None:
            index += 1
            told = told | {"index": index}
        line.append({"event": told, "clock": clock, "state": state, "sets": sets, "index": index})
    return line


records = st.one_of(
    st.builds(
        lambda type, state, at, depth: event(type, state, at=at, depth=depth),
        st.sampled_from(TYPES),
        st.one_of(st.none(), states),
        st.integers(0, 8),
        st.one_of(st.none(), st.integers(1, 3)),
    ),
    st.builds(lambda state, at: snapshot(state, at=at), states, st.integers(0, 8)),
)
timelines = st.lists(records, max_size=8).map(lambda some: timeline(*some))
