"""JSON documents for properties, and pairs with as much in common as two states of an agent."""

import json
from typing import Any

from hypothesis import strategies as st

Json = Any

keys = st.sampled_from(["a", "b", "c", "", "0", "~/", "metadata", "é", "\U0001f600", "\ufffd"])
scalars = st.sampled_from([None, True, False, 0, 1, 0.0, -0.0, 1.0, 2.5, "", "x", "1"])
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Json, Json]:
    """Two documents that have much in common, as two states of one agent do."""
    old = draw(documents)
    return old, draw(edits(old))


def edits(value: Json) -> st.SearchStrategy[Json]:
    kept = st.just(value)
    if isinstance(value, list):
        inside = st.tuples(*map(edits, value)).map(list)
        return st.one_of(kept, inside, inside, inside.map(lambda v: v[:-1]), documents)
    if isinstance(value, dict):
        inside = st.fixed_dictionaries({}, optional={k: edits(v) for k, v in value.items()})
        return st.one_of(kept, inside, st.dictionaries(keys, scalars).map(value.__or__), documents)
    return st.one_of(kept, kept, scalars)


pairs = edited() | st.tuples(documents, documents)


def state_of(mebibytes: int) -> bytes:
    """A snapshot of many small members."""
    count = (mebibytes << 20) // 13
    return json.dumps({"state": {f"k{n:07d}": 0 for n in range(count)}}).encode()


def patches(count: int) -> bytes:
    """A batch of events that change one member each."""
    events = [
        {
            "kind": "event",
            "type": "x",
            "patch": [{"op": "replace", "path": "/k0000000", "value": n}],
        }
        for n in range(count)
    ]
    return json.dumps({"records": events}).encode()
