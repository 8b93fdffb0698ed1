"""Records as lines of a file: one JSON object each, read as strictly as they will be judged.

    {"agent": "explorer-7", "kind": "event", "type": "decision_made", "data": {"go": "north"}}
    {"agent": "explorer-7", "kind": "snapshot", "state": {"health": 100}}

A field that no record has is refused here although the wire passes over it: it would be lost, and
is more often a slip than a wish.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from pydantic import TypeAdapter, ValidationError

from stratoscope.broker.payload import PayloadRejected, check_metadata, decode_record_json
from stratoscope.cli.faults import Fault
from stratoscope.cli.gist import harmless
from stratoscope_contracts.errors import field_errors
from stratoscope_contracts.records import BatchEvent, BatchSnapshot
from stratoscope_contracts.words import MAX_UNPACKED_BYTES, AgentName, RecordKind

_AGENT: Final[TypeAdapter[str]] = TypeAdapter(AgentName)
# With what may stand around a record.
_LONGEST_LINE: Final = MAX_UNPACKED_BYTES + 1024
_MODELS: Final[dict[str, type[BatchEvent | BatchSnapshot]]] = {
    "event": BatchEvent,
    "snapshot": BatchSnapshot,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a file, and how far into the file it ends."""

    number: int
    agent: str
    kind: RecordKind
    fields: dict[str, Any]
    end: int


class BadLine(Fault):
    """A line that is no record; names the line, the field and what is wrong with it."""


def lines(raw: IO[bytes]) -> Iterator[Line]:
    """The records of a file, empty lines passed over; BadLine at the first that is none."""
    end = 0
    # A line that never ends is not read to its end.
    pieces = iter(lambda: raw.readline(_LONGEST_LINE), b"")
    for number, text in enumerate(pieces, start=1):
        end += len(text)
        if len(text) == _LONGEST_LINE or text.strip():
            yield _line(number, text, end)


def _line(number: int, text: bytes, end: int) -> Line:
    try:
        document = _document(text)
        agent = _agent_of(document)
        model = _model_of(document)
        _check_fields(model, document)
        record = model.model_validate_json(text)
        check_metadata(record.metadata)
    except _Wrong as wrong:
        raise BadLine(f"line {number}: {wrong}", wrong.hint) from None
    except PayloadRejected as refusal:
        raise BadLine(f"line {number}: {refusal.detail}") from None
    except ValidationError as error:
        found = "; ".join(f"{field or 'the record'}: {said}" for field, said in field_errors(error))
        raise BadLine(f"line {number}: {found}") from None
    del document["kind"]
    return Line(number, agent, record.kind, document, end)


class _Wrong(ValueError):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def _document(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_UNPACKED_BYTES:
        said = len(text) if text.endswith(b"\n") else f"more than {MAX_UNPACKED_BYTES}"
        raise _Wrong(f"{said} bytes, at most {MAX_UNPACKED_BYTES}", "record less of it")
    document = decode_record_json(text)
    if not isinstance(document, dict):
        raise _Wrong("a record is a JSON object", 'as in {"agent":"a","kind":"event","type":"x"}')
    return document


def _agent_of(document: dict[str, Any]) -> str:
    agent = document.pop("agent", None)
    if agent is None:
        raise _Wrong("agent: missing", 'say whose record it is, as in "agent":"explorer-7"')
    try:
        return _AGENT.validate_python(agent, strict=True)
    except ValidationError:
        raise _Wrong("agent: no name for one", "letters, digits, _ and -, at most 128") from None


def _model_of(document: dict[str, Any]) -> type[BatchEvent | BatchSnapshot]:
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in _MODELS:
        raise _Wrong('kind: "event" or "snapshot"', "every line says which of the two it is")
    return _MODELS[kind]


def _check_fields(model: type[BatchEvent | BatchSnapshot], document: dict[str, Any]) -> None:
    unknown = sorted(document.keys() - model.model_fields.keys())
    if unknown:
        known = ", ".join(sorted(model.model_fields.keys() - {"kind"}))
        raise _Wrong(f"{harmless(', '.join(unknown))}: no such field", f"there are {known}")
