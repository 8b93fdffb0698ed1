"""Every message of the wire under the name of its schema and its examples.

A name is `<verb>.request`, `<verb>.reply` or the message's own word. Schemas, the AsyncAPI file
and the examples all go by it, so that what one of them lacks shows as a missing name.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from stratoscope_contracts.breakpoints import Hit
from stratoscope_contracts.control import CtlMessage, GateReply, GateRequest
from stratoscope_contracts.envelopes import SpilledReply
from stratoscope_contracts.errors import ErrorBody
from stratoscope_contracts.exchange import ExportDocument
from stratoscope_contracts.records import BatchMessage, EventRecord, SnapshotRecord
from stratoscope_contracts.verbs import VERBS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def _entries() -> Iterator[tuple[str, Any]]:
    yield "event", EventRecord
    yield "snapshot", SnapshotRecord
    yield "batch", BatchMessage
    for verb in VERBS.values():
        yield f"{verb.name}.request", verb.request
        yield f"{verb.name}.reply", verb.reply
        if verb.stream is not None:
            yield f"{verb.name}.message", verb.stream
    yield "error", ErrorBody
    yield "spilled", SpilledReply
    yield "hit", Hit
    yield "ctl", CtlMessage
    yield "gate.request", GateRequest
    yield "gate.reply", GateReply


MESSAGES: Final[Mapping[str, TypeAdapter[Any]]] = MappingProxyType(
    {name: TypeAdapter(model) for name, model in _entries()}
)


# What is no message, but put into the object store.
DOCUMENTS: Final[Mapping[str, TypeAdapter[Any]]] = MappingProxyType(
    {"export": TypeAdapter(ExportDocument)}
)


class _Plain(GenerateJsonSchema):
    """JSON Schema alone: no titles that repeat a field's name, no words of OpenAPI."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        found = super().tagged_union_schema(schema)
        # An object here, where AsyncAPI has a text of that name; the members' constants say it.
        found.pop("discriminator", None)
        return found


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema of a message or an object, as a document of its own."""
    # Read, not written: a reader's view knows nothing of how a service leaves out absent fields.
    adapter = {**MESSAGES, **DOCUMENTS}[name]
    found = adapter.json_schema(mode="validation", schema_generator=_Plain)
    return {"$schema": DIALECT, **found, "title": name}
