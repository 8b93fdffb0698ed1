"""The AsyncAPI document says of every verb where it is asked and what it answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratoscope_contracts import subjects
from stratoscope_contracts.catalogue import MESSAGES
from stratoscope_contracts.verbs import VERBS

CONTRACTS = Path(__file__).parents[2] / "contracts"
DOCUMENT: dict[str, Any] = yaml.safe_load((CONTRACTS / "asyncapi.yaml").read_text("utf-8"))


def references(value: Any) -> Iterator[str]:
    match value:
        case {"$ref": str() as reference}:
            yield reference
        case dict():
            for item in value.values():
                yield from references(item)
        case list():
            for item in value:
                yield from references(item)


def resolve(reference: str) -> Any:
    file, _, pointer = reference.partition("#")
    found = json.loads((CONTRACTS / file).read_text("utf-8")) if file else DOCUMENT
    for token in filter(None, pointer.split("/")):
        found = found[token]
    return found


def resolved(value: dict[str, Any]) -> Any:
    while "$ref" in value:
        value = resolve(value["$ref"])
    return value


def test_it_is_asyncapi_3_with_its_parts() -> None:
    """In the shape that tools of that version read."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert DOCUMENT["servers"]["nats"]["protocol"] == "nats"
    assert DOCUMENT["defaultContentType"] == "application/json"


def test_every_reference_leads_somewhere() -> None:
    """Into the document, or to a schema beside it."""
    found = list(references(DOCUMENT))
    assert found
    for reference in found:
        resolve(reference)


@pytest.mark.parametrize("name", sorted(DOCUMENT["channels"]))
def test_a_channel_declares_the_parameters_of_its_address(name: str) -> None:
    """No more and no fewer."""
    channel = DOCUMENT["channels"][name]
    address = channel["address"] or ""
    parameters = {part[1:-1] for part in address.split(".") if part.startswith("{")}
    assert set(channel.get("parameters", {})) == parameters
    assert channel["messages"]


@pytest.mark.parametrize("name", sorted(DOCUMENT["channels"]))
def test_an_address_is_a_subject_that_the_parser_knows(name: str) -> None:
    """The document and the code name the same places."""
    address = DOCUMENT["channels"][name]["address"]
    if address is None:
        assert name == "inbox"
        return
    values = {"space": "default", "agent": "explorer-7", "partition": "3", "request": "r-1"}
    subjects.parse(address.format_map(values))


@pytest.mark.parametrize("name", sorted(DOCUMENT["operations"]))
def test_an_operation_speaks_of_messages_of_its_channel(name: str) -> None:
    """As AsyncAPI demands, in the reply as in the request."""
    operation = DOCUMENT["operations"][name]
    assert operation["action"] in {"send", "receive"}
    for side in filter(None, (operation, operation.get("reply"))):
        channel = side["channel"]["$ref"]
        assert side["messages"]
        for message in side["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_is_an_operation_with_its_reply(name: str) -> None:
    """Asked at its subject, answered by its reply, an error or a spill."""
    operation = DOCUMENT["operations"][name]
    channel = resolved(operation["channel"])
    assert channel["address"] == f"strato.{{space}}.nav.{name}"
    assert payload_of(operation["messages"][0]) == f"./schemas/{name}.request.json"
    replies = {payload_of(message) for message in operation["reply"]["messages"]}
    assert f"./schemas/{name}.reply.json" in replies
    assert {"./schemas/error.json", "./schemas/spilled.json"} <= replies
    for code in VERBS[name].all_errors:
        assert code.value in operation["description"]


def payload_of(message: dict[str, Any]) -> str:
    return str(resolved(message)["payload"]["$ref"])


def test_every_message_of_the_catalogue_is_a_message_of_the_document() -> None:
    """And some channel carries it."""
    assert set(MESSAGES) <= set(DOCUMENT["components"]["messages"])
    carried = {
        reference["$ref"].rpartition("/")[2]
        for channel in DOCUMENT["channels"].values()
        for reference in channel["messages"].values()
    }
    assert carried == set(DOCUMENT["components"]["messages"])
