"""Requests that can't be sent say which text is in the way."""

from typing import Any

import pytest

from stratoscope.client.spelling import spelled
from stratoscope_contracts.breakpoints import BreakpointCreateRequest
from stratoscope_contracts.errors import BadRequest


def request(**more: Any) -> BreakpointCreateRequest:
    condition = {"kind": "on_state", "path": "x", "op": "eq", "value": more.pop("value", 1)}
    return BreakpointCreateRequest.model_validate({"agent": "a", "condition": condition, **more})


def nested(depth: int, innermost: Any) -> Any:
    for _ in range(depth):
        innermost = [innermost]
    return innermost


@pytest.mark.parametrize(
    "value", ["\udcff", ["fine", "\ud800"], {"\udcff": 1}, {"a": [["\udfff"]]}]
)
def test_a_text_that_is_no_unicode_is_named(value: Any) -> None:
    with pytest.raises(BadRequest, match=r"'\\ud[8-f].*' can't be sent: it is no Unicode"):
        spelled(request(value=value))


def test_of_a_long_text_the_part_that_is_wrong_is_shown() -> None:
    with pytest.raises(BadRequest) as refused:
        spelled(request(value="x" * 5000 + "\udcff" + "y" * 5000))
    assert "xxx\\udcffyyy" in refused.value.message
    assert len(refused.value.message) < 200


def test_what_is_nested_too_deeply_is_told() -> None:
    with pytest.raises(BadRequest, match="nested too deeply"):
        spelled(request(value=nested(300, 1)))
    with pytest.raises(BadRequest, match="no Unicode"):
        spelled(request(value=nested(300, "\udcff")))


def test_only_what_was_given_is_spelled() -> None:
    assert (
        spelled(request(value="é\U0001f600"))
        == (
            '{"agent":"a","condition":{"kind":"on_state","path":"x","op":"eq","value":"é\U0001f600"}}'
        ).encode()
    )
