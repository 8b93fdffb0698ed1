"""RFC 6902 as an agent's state meets it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain import patch
from stratoscope.domain.equality import equal
from stratoscope.domain.patch import PatchConflict, apply, apply_to_state

Json = Any

APPLIED: list[tuple[str, Json, list[dict[str, Json]], Json]] = [
    ("no operation at all", {"a": 1}, [], {"a": 1}),
    ("add a member", {}, [{"op": "add", "path": "/a", "value": 1}], {"a": 1}),
    ("add over a member", {"a": 1}, [{"op": "add", "path": "/a", "value": 2}], {"a": 2}),
    ("add null", {}, [{"op": "add", "path": "/a", "value": None}], {"a": None}),
    ("add at the empty key", {}, [{"op": "add", "path": "/", "value": 1}], {"": 1}),
    ("add below the empty key", {"": {}}, [{"op": "add", "path": "//", "value": 1}], {"": {"": 1}}),
    ("add in the middle", [1, 3], [{"op": "add", "path": "/1", "value": 2}], [1, 2, 3]),
    ("add at the length", [1], [{"op": "add", "path": "/1", "value": 2}], [1, 2]),
    ("add with a dash", [1], [{"op": "add", "path": "/-", "value": [2]}], [1, [2]]),
    ("a dash is a plain key", {}, [{"op": "add", "path": "/-", "value": 1}], {"-": 1}),
    ("an index is a plain key", {}, [{"op": "add", "path": "/01", "value": 1}], {"01": 1}),
    ("add the root", {"a": 1}, [{"op": "add", "path": "", "value": [1]}], [1]),
    ("add deep in lists", [[1, [2]]], [{"op": "add", "path": "/0/1/0", "value": 3}], [[1, [3, 2]]]),
    ("remove a member", {"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
    ("remove an element", [1, 2, 3], [{"op": "remove", "path": "/1"}], [1, 3]),
    ("remove null", {"a": None}, [{"op": "remove", "path": "/a"}], {}),
    ("replace a member", {"a": 1}, [{"op": "replace", "path": "/a", "value": {}}], {"a": {}}),
    ("replace an element", [1, 2], [{"op": "replace", "path": "/1", "value": 3}], [1, 3]),
    ("replace the root", {"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ("members of no meaning", {}, [{"op": "add", "path": "/a", "value": 1, "x": 2}], {"a": 1}),
    (
        "escapes, ~01 being ~1 and not /",
        {"~1": 1, "a/b": 2},
        [{"op": "remove", "path": "/~01"}, {"op": "replace", "path": "/a~1b", "value": 3}],
        {"a/b": 3},
    ),
    ("move a member", {"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1}),
    (
        "move over a member",
        {"a": 1, "b": 2}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1},
    ),
    (
        "move to itself",
        {"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": {"b": 1}},
    ),
    (
        "move up over its parent",
        {"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/a"}], {"a": 1},
    ),
    ("move up to the root", {"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": ""}], {"b": 1}),
    ("move to a longer name", {"a": 1}, [{"op": "move", "from": "/a", "path": "/ab"}], {"ab": 1}),
    (
        "move counts after removal",
        [1, 2, 3], [{"op": "move", "from": "/0", "path": "/2"}], [2, 3, 1],
    ),
    (
        "copy a member",
        {"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]},
    ),
    (
        "copy into itself",
        {"a": {}}, [{"op": "copy", "from": "/a", "path": "/a/b"}], {"a": {"b": {}}},
    ),
    ("copy an element", [1, 2], [{"op": "copy", "from": "/0", "path": "/-"}], [1, 2, 1]),
    (
        "test what is equal",
        {"a": [1, "x"]}, [{"op": "test", "path": "/a", "value": [1.0, "x"]}], {"a": [1, "x"]},
    ),
    ("test the root", {"a": 1}, [{"op": "test", "path": "", "value": {"a": 1}}], {"a": 1}),
    ("test null", {"a": None}, [{"op": "test", "path": "/a", "value": None}], {"a": None}),
    (
        "each operation sees the one before",
        {"a": {}},
        [
            {"op": "add", "path": "/a/b", "value": [1]},
            {"op": "add", "path": "/a/b/-", "value": 2},
            {"op": "move", "from": "/a/b", "path": "/c"},
            {"op": "test", "path": "/c", "value": [1, 2]},
            {"op": "remove", "path": "/c/0"},
        ],
        {"a": {}, "c": [2]},
    ),
]  # fmt: skip

REFUSED: list[tuple[str, Json, dict[str, Json], str]] = [
    ("an unknown op", {}, {"op": "put", "path": "/a", "value": 1}, "no such operation"),
    ("no op", {}, {"path": "/a"}, "'op' must be a text"),
    ("an op that is no text", {}, {"op": ["add"], "path": "/a"}, "'op' must be a text"),
    ("no path", {}, {"op": "add", "value": 1}, "'path' must be a text"),
    ("a null path", {}, {"op": "add", "path": None, "value": 1}, "'path' must be a text"),
    ("a dotted path", {"a": 1}, {"op": "remove", "path": "a"}, "a pointer starts with '/'"),
    ("a bad escape", {"~": 1}, {"op": "remove", "path": "/~"}, "'~' stands only before 0 or 1"),
    ("no value to add", {}, {"op": "add", "path": "/a"}, "'value' is missing"),
    ("no value to replace", {"a": 1}, {"op": "replace", "path": "/a"}, "'value' is missing"),
    ("no value to test", {"a": 1}, {"op": "test", "path": "/a"}, "'value' is missing"),
    ("no from to move", {"a": 1}, {"op": "move", "path": "/a"}, "'from' must be a text"),
    ("no from to copy", {"a": 1}, {"op": "copy", "path": "/a"}, "'from' must be a text"),
    ("a parent that is not there", {}, {"op": "add", "path": "/a/b", "value": 1}, "no member 'a'"),
    ("a scalar as parent", {"a": 1}, {"op": "add", "path": "/a/b", "value": 1}, "no container"),
    (
        "a scalar in a list as parent",
        [1], {"op": "add", "path": "/0/b", "value": 1}, "no container",
    ),
    ("add past the end", [1], {"op": "add", "path": "/2", "value": 1}, "outside the list"),
    ("a dash on the way", [[1]], {"op": "add", "path": "/-/0", "value": 1}, "'-' is no index"),
    ("remove at a dash", [1], {"op": "remove", "path": "/-"}, "'-' is no index"),
    ("replace at a dash", [1], {"op": "replace", "path": "/-", "value": 1}, "'-' is no index"),
    ("test at a dash", [1], {"op": "test", "path": "/-", "value": 1}, "no such value"),
    ("a leading zero", [1, 2], {"op": "replace", "path": "/01", "value": 1}, "is no index"),
    ("a sign", [1, 2], {"op": "remove", "path": "/-1"}, "is no index"),
    ("a float", [1, 2], {"op": "remove", "path": "/1e0"}, "is no index"),
    ("digits of another script", [1, 2], {"op": "remove", "path": "/\u0661"}, "is no index"),
    ("no index at all", [1], {"op": "add", "path": "/a", "value": 1}, "is no index"),
    ("digits without end", [1], {"op": "remove", "path": "/" + "9" * 5000}, "is no index"),
    ("remove what is not there", {}, {"op": "remove", "path": "/a"}, "no member 'a'"),
    ("remove past the end", [1], {"op": "remove", "path": "/1"}, "outside the list"),
    ("remove the root", {"a": 1}, {"op": "remove", "path": ""}, "the root can't be removed"),
    ("replace what is not there", {}, {"op": "replace", "path": "/a", "value": 1}, "no member"),
    ("test what is not there", {}, {"op": "test", "path": "/a", "value": None}, "no such value"),
    ("test another value", {"a": 1}, {"op": "test", "path": "/a", "value": 2}, "another"),
    ("test true as 1", {"a": 1}, {"op": "test", "path": "/a", "value": True}, "another"),
    (
        "test false as 0, nested",
        {"a": [0]}, {"op": "test", "path": "/a", "value": [False]}, "another",
    ),
    ("test a text as a number", {"a": "1"}, {"op": "test", "path": "/a", "value": 1}, "another"),
    (
        "test fewer members",
        {"a": 1, "b": 2}, {"op": "test", "path": "", "value": {"a": 1}}, "another",
    ),
    ("test fewer elements", [1, 2], {"op": "test", "path": "", "value": [1]}, "another"),
    ("move what is not there", {}, {"op": "move", "from": "/a", "path": "/b"}, "no member 'a'"),
    ("move nothing to itself", {}, {"op": "move", "from": "/a", "path": "/a"}, "no such value"),
    ("move into a child", {"a": {}}, {"op": "move", "from": "/a", "path": "/a/b"}, "into itself"),
    ("move the root into it", {"a": {}}, {"op": "move", "from": "", "path": "/a/b"}, "into itself"),
    ("copy what is not there", {}, {"op": "copy", "from": "/a", "path": "/b"}, "no such value"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "operations", "expected"),
    [pytest.param(*case[1:], id=case[0]) for case in APPLIED],
)
def test_operations_apply_as_the_rfc_says(
    document: Json, operations: list[dict[str, Json]], expected: Json
) -> None:
    before = copy.deepcopy(document)

    assert exactly(apply(document, operations), expected)
    assert exactly(document, before)


@pytest.mark.parametrize(
    ("document", "operation", "reason"),
    [pytest.param(*case[1:], id=case[0]) for case in REFUSED],
)
def test_what_does_not_apply_is_refused_with_its_reason(
    document: Json, operation: dict[str, Json], reason: str
) -> None:
    before = copy.deepcopy(document)

    with pytest.raises(PatchConflict) as refused:
        apply(document, [operation])

    assert reason in refused.value.reason
    assert exactly(document, before)


def test_a_conflict_names_the_operation_and_undoes_those_before_it() -> None:
    state = {"a": {"b": 1}}

    with pytest.raises(PatchConflict) as refused:
        apply(
            state,
            [
                {"op": "replace", "path": "/a/b", "value": 2},
                {"op": "test", "path": "/a/b", "value": 1},
                {"op": "remove", "path": "/a"},
            ],
        )

    conflict = refused.value
    assert (conflict.index, conflict.op, conflict.path) == (1, "test", "/a/b")
    assert str(conflict) == "operation 1 (test '/a/b'): the value is another"
    assert state == {"a": {"b": 1}}


def test_a_huge_path_does_not_make_a_huge_message() -> None:
    with pytest.raises(PatchConflict) as refused:
        apply({}, [{"op": "remove", "path": "/" + "x" * 100_000}])

    assert len(str(refused.value)) < 400


def test_untouched_parts_are_shared_with_the_document_given() -> None:
    state = {"big": [list(range(10))], "small": {"x": 1, "far": {}}}

    patched = apply_to_state(state, [{"op": "add", "path": "/small/x", "value": 2}])

    assert patched["big"] is state["big"]
    assert patched["small"]["far"] is state["small"]["far"]
    assert state["small"]["x"] == 1


class CountedList(list[int]):
    """A list that tells how often lists of its kind were copied."""

    copies = 0

    def copy(self) -> "CountedList":
        CountedList.copies += 1
        return CountedList(self)


def test_a_container_is_copied_once_however_often_it_is_touched() -> None:
    log = CountedList(range(1_000))

    patched = apply_to_state(
        {"log": log}, [{"op": "add", "path": "/log/-", "value": n} for n in range(1_000)]
    )

    assert len(patched["log"]) == 2_000
    assert len(log) == 1_000
    assert CountedList.copies == 1


def test_a_copy_does_not_change_with_what_it_was_copied_from() -> None:
    patched = apply(
        {"a": {"n": 1}},
        [
            {"op": "replace", "path": "/a/n", "value": 2},
            {"op": "copy", "from": "/a", "path": "/b"},
            {"op": "replace", "path": "/a/n", "value": 3},
        ],
    )

    assert patched == {"a": {"n": 3}, "b": {"n": 2}}


def test_a_value_is_not_changed_by_operations_below_it() -> None:
    value = {"list": [1]}

    patched = apply(
        {},
        [
            {"op": "add", "path": "/a", "value": value},
            {"op": "add", "path": "/b", "value": value},
            {"op": "add", "path": "/a/list/-", "value": 2},
        ],
    )

    assert patched == {"a": {"list": [1, 2]}, "b": {"list": [1]}}
    assert value == {"list": [1]}


def test_copies_of_copies_meet_their_bound_before_they_fill_the_memory() -> None:
    bomb = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 60

    with pytest.raises(PatchConflict, match="copies more than 33554432 bytes"):
        apply({"a": ["x" * 100]}, bomb)


def test_copied_scalars_count_by_their_size_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch, "MAX_COPIED_BYTES", 1_000)
    operations = [{"op": "copy", "from": "/text", "path": "/other"}] * 2

    assert apply({"text": "x" * 300}, operations) == {"text": "x" * 300, "other": "x" * 300}
    with pytest.raises(PatchConflict, match="copies more"):
        apply({"text": "x" * 600}, operations)


def nested(levels: int) -> Json:
    value: Json = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("op", ["add", "replace"])
def test_a_value_may_reach_the_sixty_fourth_level_and_no_further(op: str) -> None:
    state = {"a": {"b": 1}}

    apply(state, [{"op": op, "path": "/a/b", "value": nested(62)}])
    with pytest.raises(PatchConflict, match="deeper than 64 levels"):
        apply(state, [{"op": op, "path": "/a/b", "value": nested(63)}])


def test_moves_and_copies_can_not_dig_deeper_either() -> None:
    state = {"a": nested(60), "b": {"c": {"d": {}}}}

    apply(state, [{"op": "move", "from": "/a", "path": "/b/c/d/e"}])
    state["a"] = [state["a"]]
    with pytest.raises(PatchConflict, match="deeper than 64 levels") as moved:
        apply(state, [{"op": "move", "from": "/a", "path": "/b/c/d/e"}])
    with pytest.raises(PatchConflict, match="deeper than 64 levels"):
        apply(state, [{"op": "copy", "from": "/a", "path": "/b/c/d/e"}])
    assert (moved.value.index, moved.value.op) == (0, "move")


def test_a_pit_dug_by_moves_is_not_copied() -> None:
    state = {"pit": nested(60), "rest": nested(60)}
    bottom = "/0" * 60
    moves = []
    for _ in range(5):
        moves.append({"op": "move", "from": "/pit", "path": f"/rest{bottom}"})
        moves.append({"op": "move", "from": "/rest", "path": "/pit"})
        moves.append({"op": "add", "path": "/rest", "value": nested(60)})

    with pytest.raises(PatchConflict, match="too deep to be copied"):
        apply(state, [*moves, {"op": "copy", "from": "/pit", "path": "/copy"}])


def test_a_state_stays_an_object() -> None:
    assert apply_to_state({}, [{"op": "add", "path": "", "value": {"a": 1}}]) == {"a": 1}
    with pytest.raises(PatchConflict, match="state must stay an object") as refused:
        apply_to_state(
            {"a": 1},
            [
                {"op": "replace", "path": "/a", "value": 2},
                {"op": "replace", "path": "", "value": [1]},
                {"op": "test", "path": "", "value": [1]},
                {"op": "add", "path": "/-", "value": 2},
            ],
        )
    assert (refused.value.index, refused.value.path) == (1, "")


# A second implementation, as plain as can be: copy everything, follow the pointer, raise anything.

keys = st.sampled_from(["a", "b", "", "0", "-", "~", "/"])
scalars = st.sampled_from([None, True, False, 0, 1, 1.0, "x"])
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
tokens = st.sampled_from(["a", "b", "", "0", "1", "2", "-", "01", "~0", "~1"])
pointers = st.lists(tokens, max_size=3).map(lambda parts: "".join("/" + part for part in parts))
endings = st.sampled_from(["", "", "/a", "/-"])
operations = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
        "path": pointers,
        "from": pointers,
        "value": documents,
    }
)


@given(documents, st.lists(operations, max_size=6))
def test_any_patch_does_what_a_naive_implementation_does(
    document: Json, patch_operations: list[dict[str, Json]]
) -> None:
    before = copy.deepcopy((document, patch_operations))

    try:
        expected = naive(document, patch_operations)
    except Exception:
        with pytest.raises(PatchConflict):
            apply(document, patch_operations)
    else:
        assert exactly(apply(document, patch_operations), expected)

    assert exactly([document, patch_operations], list(before))


@given(st.data(), documents, st.integers(1, 6))
def test_any_run_of_applicable_operations_is_as_naive(
    data: st.DataObject, document: Json, steps: int
) -> None:
    """Draws pointers from the document itself, so that most operations apply and meet."""
    drawn: list[dict[str, Json]] = []
    expected = copy.deepcopy(document)
    for _ in range(steps):
        places = list(pointers_of(expected))
        operation = {
            "op": data.draw(st.sampled_from(["add", "add", "remove", "replace", "move", "copy"])),
            "path": data.draw(st.sampled_from(places)) + data.draw(endings),
            "from": data.draw(st.sampled_from(places)),
            "value": data.draw(documents),
        }
        try:
            expected = naive(expected, [operation])
        except Exception:
            continue
        drawn.append(operation)

    assert exactly(apply(document, drawn), expected)


def naive(document: Json, patch_operations: list[dict[str, Json]]) -> Json:
    holder = [copy.deepcopy(document)]
    for operation in patch_operations:
        target = split(operation["path"])
        match operation["op"]:
            case "add":
                put(holder, target, copy.deepcopy(operation["value"]))
            case "remove":
                take(holder, target)
            case "replace":
                take(holder, target, keep_root=True)
                put(holder, target, copy.deepcopy(operation["value"]))
            case "move":
                source = split(operation["from"])
                assert source == target or target[: len(source)] != source
                look(holder, source)
                put(holder, target, take(holder, source, keep_root=source == target))
            case "copy":
                put(holder, target, copy.deepcopy(look(holder, split(operation["from"]))))
            case "test":
                assert spelled(look(holder, target)) == spelled(operation["value"])
    return holder[0]


def split(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def place(container: Json, token: str) -> Json:
    if isinstance(container, dict):
        return token
    assert isinstance(container, list)
    assert token in [str(index) for index in range(len(container))]
    return int(token)


def look(holder: list[Json], target: list[str]) -> Json:
    value = holder[0]
    for token in target:
        value = value[place(value, token)]
    return value


def put(holder: list[Json], target: list[str], value: Json) -> None:
    if not target:
        holder[0] = value
        return
    parent = look(holder, target[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if target[-1] == "-" else place([*parent, 0], target[-1]), value)
    else:
        parent[place(parent, target[-1])] = value


def take(holder: list[Json], target: list[str], *, keep_root: bool = False) -> Json:
    if not target:
        assert keep_root
        return holder[0]
    parent = look(holder, target[:-1])
    return parent.pop(place(parent, target[-1]))


def pointers_of(value: Json, at: str = "") -> Json:
    yield at
    if isinstance(value, dict):
        for key, child in value.items():
            yield from pointers_of(child, f"{at}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from pointers_of(child, f"{at}/{index}")


def spelled(value: Json) -> str:
    """A text that is the same for values that are equal: 1 as 1.0, true as itself."""
    if isinstance(value, dict):
        return "{" + repr(sorted((key, spelled(child)) for key, child in value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelled, value)) + "]"
    return repr(value) if isinstance(value, bool | str) or value is None else repr(float(value))


def exactly(left: Json, right: Json) -> bool:
    return equal(left, right) and spelled(left) == spelled(right)
