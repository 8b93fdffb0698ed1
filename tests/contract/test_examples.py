"""Every message has an example, and it is read alike by its model and by its schema."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel, ValidationError

from stratoscope_contracts.catalogue import DOCUMENTS
from stratoscope_contracts.catalogue import MESSAGES as SENT
from stratoscope_contracts.records import BatchMessage
from stratoscope_contracts.verbs import VERBS

CONTRACTS = Path(__file__).parents[2] / "contracts"
EXAMPLES = sorted((CONTRACTS / "examples").glob("*.json"))


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def validator(name: str) -> Draft202012Validator:
    schema = read(CONTRACTS / "schemas" / f"{name}.json")
    return Draft202012Validator(schema, format_checker=FormatChecker())


MESSAGES = {**SENT, **DOCUMENTS}


def name_of(path: Path) -> str:
    return path.name.removesuffix(".json")


def test_every_message_has_an_example_and_every_example_a_message() -> None:
    """A verb without one is not done."""
    assert {name_of(path) for path in EXAMPLES} == set(MESSAGES)
    assert {f"{name}.request" for name in VERBS} <= set(MESSAGES)


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_an_example_fits_its_model_and_its_schema(path: Path) -> None:
    """Neither says more than the other."""
    MESSAGES[name_of(path)].validate_json(path.read_bytes())
    validator(name_of(path)).validate(read(path))


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_an_example_is_sent_as_it_stands(path: Path) -> None:
    """What the model writes is what the example says, and fits the schema again.

    What a sender left out stays out; in times the spelling may differ, so both are read again.
    """
    adapter = MESSAGES[name_of(path)]
    found = adapter.validate_json(path.read_bytes())
    sent = adapter.dump_json(found, exclude_unset=True)
    assert adapter.validate_json(sent) == found
    assert key_paths(json.loads(sent)) == key_paths(read(path))
    validator(name_of(path)).validate(json.loads(adapter.dump_json(found)))


def key_paths(value: Any, at: str = "") -> set[str]:
    match value:
        case dict():
            return {at}.union(*(key_paths(item, f"{at}.{key}") for key, item in value.items()))
        case list():
            return {at}.union(*(key_paths(item, f"{at}[{i}]") for i, item in enumerate(value)))
        case _:
            return {at}


@pytest.mark.parametrize("path", [p for p in EXAMPLES if ".reply" in p.name], ids=name_of)
def test_an_example_of_a_reply_shows_every_field(path: Path) -> None:
    """A reader finds in it all that can come."""
    found = MESSAGES[name_of(path)].validate_json(path.read_bytes())
    assert isinstance(found, BaseModel)
    assert found.model_fields_set == set(type(found).model_fields)


@pytest.mark.parametrize("name", sorted(VERBS))
def test_schema_and_model_refuse_the_same_typing_error(name: str) -> None:
    """In a request; a reply may grow."""
    body = {**read(CONTRACTS / "examples" / f"{name}.request.json"), "agnet": "a"}
    assert not validator(f"{name}.request").is_valid(body)
    with pytest.raises(ValidationError):
        MESSAGES[f"{name}.request"].validate_python(body)
    reply = {**read(CONTRACTS / "examples" / f"{name}.reply.json"), "later": 1}
    assert validator(f"{name}.reply").is_valid(reply)
    MESSAGES[f"{name}.reply"].validate_python(reply)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("event", {}),
        ("event", {"type": "Bad"}),
        ("event", {"type": "a", "patch": [{"op": "add", "path": "/a"}]}),
        ("event", {"type": "a", "patch": [{"op": "move", "path": "/a", "from": "b"}]}),
        ("event", {"type": "a", "causes": ["0195a3c0-7e10-7001-8a2b-3c4d5e6f0001"] * 65}),
        ("snapshot", {"state": []}),
        ("snapshot", {"state": {}, "memory_usage": -1}),
        ("batch", {"records": []}),
        ("batch", {"records": [{"type": "a"}]}),
        ("state.at.request", {"agent": "a", "at": {}}),
        ("state.at.request", {"agent": "a", "at": {"event_index": 1, "latest": True}}),
        ("state.at.request", {"agent": "a", "at": {"latest": False}}),
        ("state.cut.request", {"at": {"event_index": 1}}),
        ("session.step.request", {"id": "x", "direction": "up"}),
        ("error", {"code": "internal"}),
    ],
)
def test_schema_and_model_refuse_the_same_bodies(name: str, body: dict[str, Any]) -> None:
    """A client that checks by schema is not surprised by the service."""
    assert not validator(name).is_valid(body)
    with pytest.raises(ValidationError):
        MESSAGES[name].validate_json(json.dumps(body))


def test_the_example_of_a_batch_is_a_message_that_a_recorder_sends() -> None:
    """Both kinds of record, and a patch of each shape."""
    batch = BatchMessage.model_validate(read(CONTRACTS / "examples" / "batch.json"))
    assert {record.kind for record in batch.records} == {"event", "snapshot"}
