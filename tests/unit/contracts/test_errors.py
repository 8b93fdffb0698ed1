"""An error is the same on both sides of the wire."""

import pytest
from pydantic import ValidationError

from stratoscope_contracts import errors
from stratoscope_contracts.errors import NUMBERS, BadRequest, Code, ErrorBody, Internal, StratoError
from stratoscope_contracts.looking import StateAtRequest
from stratoscope_contracts.records import BatchMessage


def all_kinds(root: type[StratoError] = StratoError) -> set[type[StratoError]]:
    return {root, *(kind for child in root.__subclasses__() for kind in all_kinds(child))}


KINDS = {
    kind.code: kind for kind in all_kinds() if "code" in vars(kind) and kind is not StratoError
}


def test_every_code_has_a_number_and_an_exception_of_its_own() -> None:
    """One tree, closed."""
    assert set(KINDS) == set(Code) == set(NUMBERS)


@pytest.mark.parametrize("code", Code)
def test_an_error_crosses_the_wire_as_what_it_was(code: Code) -> None:
    """Code, message and details survive."""
    raised = KINDS[code]("it went wrong", {"index": 7})
    found = StratoError.from_reply(raised.to_body().model_dump_json())
    assert type(found) is type(raised)
    assert (found.message, found.details, str(found)) == (
        "it went wrong",
        {"index": 7},
        "it went wrong",
    )
    assert found.number == NUMBERS[code]


def test_a_code_from_a_later_navigator_is_kept() -> None:
    """A client does not fall over what it does not know."""
    found = StratoError.from_body(ErrorBody(code="too_early", message="wait", details={"n": 1}))
    assert type(found) is Internal
    assert found.details == {"n": 1, "code": "too_early"}


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", '{"code":5}'])
def test_an_error_that_cannot_be_read_is_an_error_all_the_same(body: bytes | str) -> None:
    """Whatever stands behind the error header."""
    assert type(StratoError.from_reply(body)) is Internal


def test_headers_are_one_line_and_never_empty() -> None:
    """A line break would end the header; NATS services need a text."""
    assert errors.AgentNotFound("no\nsuch  agent").to_headers() == {
        "Nats-Service-Error": "no such agent",
        "Nats-Service-Error-Code": "404",
    }
    assert Internal("").to_headers()["Nats-Service-Error"] == "internal"


def test_missing_things_are_one_family() -> None:
    """A caller may catch them together."""
    family = {kind.code for kind in all_kinds(errors.NotFound) if kind is not errors.NotFound}
    assert family == {code for code, number in NUMBERS.items() if number == 404}


def test_out_of_bounds_names_the_index_and_the_bounds() -> None:
    """Both bounds belong to the timeline."""
    found = errors.NavigationOutOfBounds.at(12, first=-1, last=9)
    assert found.details == {"index": 12, "first": -1, "last": 9}


def test_a_body_that_does_not_fit_names_each_field() -> None:
    """The message lists them, the details say what is wrong with each."""
    with pytest.raises(ValidationError) as caught:
        StateAtRequest.model_validate_json('{"at":{"event_index":-5},"depth":1}')
    found = BadRequest.from_validation(caught.value)
    assert found.message == "the request does not fit: agent, at.event_index, depth"
    assert [item["field"] for item in found.details["errors"]] == [
        "agent",
        "at.event_index",
        "depth",
    ]


def test_what_was_sent_is_never_repeated() -> None:
    """Neither values nor tags nor texts that are not JSON."""
    for body in (
        '{"agent":"s3cret.","at":{"time":"s3cret"},"path":{"s3cret":1},"wait_for":"s3cret"}',
        '{"agent":"a","at":{"s3cret":1}}',
        "s3cret",
    ):
        with pytest.raises(ValidationError) as caught:
            StateAtRequest.model_validate_json(body)
        assert "s3cret" not in BadRequest.from_validation(caught.value).to_body().model_dump_json()
    with pytest.raises(ValidationError) as caught:
        BatchMessage.model_validate_json('{"records":[{"kind":"s3cret"}]}')
    found = BadRequest.from_validation(caught.value)
    assert found.details["errors"] == [
        {"field": "records[0]", "message": "one of 'event', 'snapshot'"}
    ]


def test_a_field_deep_in_a_batch_is_spelled_as_a_path() -> None:
    """With nothing of the unions between."""
    body = '{"records":[{"kind":"event","type":"a","patch":[{"op":"move","path":"/a"}]}]}'
    with pytest.raises(ValidationError) as caught:
        BatchMessage.model_validate_json(body)
    assert errors.field_errors(caught.value) == [("records[0].patch[0].from", "Field required")]


def test_a_body_that_is_no_json_has_no_field() -> None:
    """The fault is the body's."""
    with pytest.raises(ValidationError) as caught:
        StateAtRequest.model_validate_json("{")
    found = BadRequest.from_validation(caught.value)
    assert found.message == "the request does not fit: the body"
    assert found.details["errors"][0]["field"] == ""


def test_a_fault_found_after_the_shape_is_told_the_same_way() -> None:
    """A path that does not parse, a limit that another field sets."""
    found = BadRequest.of_fields(("path", "not a path"))
    assert found.details == {"errors": [{"field": "path", "message": "not a path"}]}


def test_a_fault_of_the_request_as_a_whole_is_told_the_same_way() -> None:
    """A reader of `details.errors` finds it there too, with what else is known beside it."""
    found = BadRequest.of_whole("no such verb", nearest="stats")
    errors = [{"field": "", "message": "no such verb"}]
    assert found.details == {"errors": errors, "nearest": "stats"}
