"""Secrets are taken out wherever they stand, and nothing of the caller's is changed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from stratoscope.recorder.redaction import REDACTED, parse_path, redact_paths


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("user.token", ("user", "token")),
        ("inventory[1]", ("inventory", "1")),
        ("messages[*].content", ("messages", "*", "content")),
        ("messages.*.content", ("messages", "*", "content")),
        ('a["x.y"].b', ("a", "x.y", "b")),
        ("[0][1]", ("0", "1")),
        ("/a~1b/~0c/0", ("a/b", "~c", "0")),
    ],
)
def test_a_path_is_the_contracts(path: str, segments: tuple[str, ...]) -> None:
    """Dotted or a pointer, and `*` for any segment."""
    assert parse_path(path) == segments


@pytest.mark.parametrize("path", ["", "a..b", "a[", "a[x]", '["a'])
def test_what_is_no_path_is_told_at_once(path: str) -> None:
    """A path that redacts nothing by mistake would be a leak."""
    with pytest.raises(ValueError, match="path"):
        redact_paths([path])


def test_one_text_is_not_taken_for_its_letters() -> None:
    """`redact="token"` would otherwise redact t, o, k, e and n."""
    with pytest.raises(ValueError, match="a list of paths"):
        redact_paths("token")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "state.user.token",
            {"state": {"user": {"token": 1, "n": 2}}},
            {"token": REDACTED, "n": 2},
        ),
        ("user.token", {"state": {"user": {"token": 1, "n": 2}}}, {"token": REDACTED, "n": 2}),
        ("*.token", {"state": {"user": {"token": 1}}}, {"token": REDACTED}),
        ("user.*", {"state": {"user": {"token": 1, "n": [2]}}}, {"token": REDACTED, "n": REDACTED}),
        ("user.other", {"state": {"user": {"token": 1}}}, {"token": 1}),
        ("user[0]", {"state": {"user": [1, 2]}}, [REDACTED, 2]),
        ("user[*].a", {"state": {"user": [{"a": 1}, {"b": 2}, 3]}}, [{"a": REDACTED}, {"b": 2}, 3]),
        ("user", {"state": {"user": {"token": 1}}}, REDACTED),
    ],
)
def test_what_stands_at_a_path_is_taken_out(path: str, before: dict[str, Any], after: Any) -> None:
    """From the record or from its state on, and the caller's own object stays as it is."""
    kept = copy.deepcopy(before)
    assert redact_paths([path])("snapshot", before)["state"]["user"] == after
    assert before == kept


def test_data_metadata_and_label_are_looked_through_too() -> None:
    """A path needs not to say where."""
    record = {"data": {"key": 1}, "metadata": {"key": 2, "a": 3}, "label": "x", "type": "t"}
    assert redact_paths(["key", "label"])("event", record) == {
        "data": {"key": REDACTED},
        "metadata": {"key": REDACTED, "a": 3},
        "label": REDACTED,
        "type": "t",
    }


def test_a_whole_document_stays_an_object() -> None:
    """A text in its place would not be recorded at all."""
    assert redact_paths(["state"])("snapshot", {"state": {"a": 1}}) == {"state": {}}


@pytest.mark.parametrize(
    ("path", "operation", "value"),
    [
        ("user.token", {"op": "replace", "path": "/user/token", "value": "s"}, REDACTED),
        ("state.user.token", {"op": "add", "path": "/user/token/deep", "value": "s"}, REDACTED),
        (
            "user.token",
            {"op": "add", "path": "/user", "value": {"token": "s"}},
            {"token": REDACTED},
        ),
        ("user.token", {"op": "add", "path": "", "value": {"user": 1}}, {"user": 1}),
        ("token", {"op": "add", "path": "", "value": {"token": "s"}}, {"token": REDACTED}),
        ("keys[3]", {"op": "add", "path": "/keys/-", "value": "s"}, REDACTED),
        ("user.token", {"op": "replace", "path": "/user/name", "value": "n"}, "n"),
    ],
)
def test_a_patch_does_not_carry_the_secret_in(
    path: str, operation: dict[str, Any], value: Any
) -> None:
    """What would write to the path is redacted like what stands there."""
    redacted = redact_paths([path])("event", {"patch": [operation, {"op": "remove", "path": "/a"}]})
    assert redacted["patch"] == [{**operation, "value": value}, {"op": "remove", "path": "/a"}]
