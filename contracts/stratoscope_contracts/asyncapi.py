"""The AsyncAPI 3 document: who may publish what where, and what is answered.

It is written from the side of the services: they receive records and requests, and send replies,
hits, commands and dead letters. A reply goes to the inbox that its request names, so all replies
share one channel without an address.
"""

from typing import Any, Final

from stratoscope_contracts import words
from stratoscope_contracts.catalogue import MESSAGES
from stratoscope_contracts.errors import NUMBERS, Code
from stratoscope_contracts.subjects import ROOT
from stratoscope_contracts.verbs import VERBS, Verb
from stratoscope_contracts.version import __version__

Document = dict[str, Any]

_SPACE: Final = f"{ROOT}.{{space}}"
_KINDS: Final = ("event", "snapshot", "batch")
_INBOX: Final = "inbox"
# What may come in place of any reply.
_INSTEAD: Final = ("error", "spilled")


def asyncapi() -> Document:
    """The whole document, in the order in which it reads best."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stratoscope",
            "version": __version__,
            "description": "The wire of a time-travel debugger for agents, over NATS. "
            "README.md beside this file says how it hangs together.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "nats": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "A NATS server with JetStream, 2.15 or newer",
            }
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "parameters": _parameters(),
            "schemas": _header_schemas(),
            "messages": {name: _message(name) for name in _message_names()},
        },
    }


def _channels() -> Document:
    found: Document = {}
    for kind in _KINDS:
        address = f"{_SPACE}.rec.{{agent}}.{kind}"
        found[f"rec.{kind}"] = _channel(address, kind)
        stored = f"{_SPACE}.part.{{partition}}.{{agent}}.{kind}"
        found[f"part.{kind}"] = _channel(stored, kind)
    for verb in VERBS.values():
        found[f"nav.{verb.name}"] = _channel(f"{_SPACE}.nav.{verb.name}", f"{verb.name}.request")
    found["nav.cancel"] = _channel(f"{_SPACE}.nav.cancel.{{request}}", "cancel")
    for room in ("dlq", "hit", "ctl"):
        found[room] = _channel(f"{_SPACE}.{room}.{{agent}}", room)
    found["gate"] = _channel(f"{_SPACE}.gate.{{agent}}", "gate.request")
    found[_INBOX] = {
        "address": None,
        "description": "The reply subject that a request names.",
        "messages": {name: _component(name) for name in _inbox_names()},
    }
    return found


def _channel(address: str, message: str) -> Document:
    names = [part[1:-1] for part in address.split(".") if part.startswith("{")]
    return {
        "address": address,
        "messages": {message: _component(message)},
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in names},
    }


def _operations() -> Document:
    found: Document = {}
    for kind in _KINDS:
        found[f"record.{kind}"] = _operation(
            "receive", f"rec.{kind}", kind, f"An agent records: {kind}"
        )
        found[f"store.{kind}"] = _operation(
            "send", f"part.{kind}", kind, f"As {words.STREAM_RECORD} keeps it: {kind}"
        )
    for verb in VERBS.values():
        found[verb.name] = _verb_operation(verb)
    found["cancel"] = _operation(
        "receive", "nav.cancel", "cancel", "The requester of a long verb gives it up"
    )
    found["dead_letter"] = _operation(
        "send", "dlq", "dlq", f"What could not be taken, kept in {words.STREAM_DLQ}"
    )
    found["hit"] = _operation(
        "send", "hit", "hit", f"A breakpoint was hit, kept in {words.STREAM_HITS}"
    )
    found["ctl"] = _operation("send", "ctl", "ctl", "A command to a live agent")
    found["gate"] = _operation("receive", "gate", "gate.request", "An agent asks whether to go on")
    found["gate"]["reply"] = _reply("gate.reply", "error")
    return found


def _operation(action: str, channel: str, message: str, summary: str) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _verb_operation(verb: Verb) -> Document:
    found = _operation("receive", f"nav.{verb.name}", f"{verb.name}.request", verb.summary)
    codes = ", ".join(code.value for code in Code if code in verb.all_errors)
    found["description"] = f"May answer with the errors {codes}."
    streamed = (f"{verb.name}.message",) if verb.stream is not None else ()
    found["reply"] = _reply(*streamed, f"{verb.name}.reply", *_INSTEAD)
    return found


def _reply(*messages: str) -> Document:
    return {
        "channel": {"$ref": f"#/channels/{_INBOX}"},
        "messages": [{"$ref": f"#/channels/{_INBOX}/messages/{name}"} for name in messages],
    }


def _message_names() -> list[str]:
    return [*MESSAGES, "dlq", "cancel"]


def _inbox_names() -> list[str]:
    answers = (".reply", ".message")
    return [name for name in MESSAGES if name.endswith(answers) or name in _INSTEAD]


def _component(name: str) -> Document:
    return {"$ref": f"#/components/messages/{name}"}


def _message(name: str) -> Document:
    found: Document = {"name": name}
    headers = _HEADERS_OF.get(name)
    if headers is not None:
        found["headers"] = {"$ref": f"#/components/schemas/{headers}"}
    found["payload"] = _PAYLOADS.get(name, {"$ref": f"./schemas/{name}.json"})
    return found


_PAYLOADS: Final[Document] = {
    "dlq": {"description": "The body as it came, whatever it was."},
    "cancel": {"description": "Empty: the subject names the request."},
}
_HEADERS_OF: Final = {
    **dict.fromkeys(_KINDS, "recordHeaders"),
    "dlq": "deadLetterHeaders",
    "error": "errorHeaders",
    "replay.request": "requestHeaders",
    "replay.reply": "replayEndHeaders",
}


def _header_schemas() -> Document:
    text: Document = {"type": "string"}
    record = {
        words.HEADER_TRACEPARENT: {**text, "description": "W3C trace context, kept"},
        words.HEADER_ENCODING: {**text, "enum": [words.ENCODING_ZSTD]},
        words.HEADER_IMPORT: {**text, "description": "on the batches of an import"},
    }
    numbers = sorted({str(number) for number in NUMBERS.values()})
    error = {
        words.HEADER_ERROR: {**text, "minLength": 1},
        words.HEADER_ERROR_NUMBER: {**text, "enum": numbers},
    }
    request = {
        words.HEADER_REQUEST: {
            **text,
            "description": "names the request, so that it can be stopped",
        },
        words.HEADER_FLOW: {
            **text,
            "enum": [words.FLOW_ANSWERED],
            "description": "each message that has a reply subject is answered",
        },
    }
    dead = {words.HEADER_REASON: text, words.HEADER_STREAM_SEQ: {**text, "pattern": "^[0-9]+$"}}
    return {
        "recordHeaders": {"type": "object", "properties": record},
        "errorHeaders": {"type": "object", "properties": error, "required": [*error]},
        "deadLetterHeaders": {"type": "object", "properties": dead, "required": [*dead]},
        "requestHeaders": {"type": "object", "properties": request},
        "replayEndHeaders": {
            "type": "object",
            "properties": {words.HEADER_REPLAY_END: text},
            "required": [words.HEADER_REPLAY_END],
        },
    }


def _parameters() -> Document:
    return {
        "space": {
            "description": f"A tenant: {words.SPACE_PATTERN}",
            "default": words.DEFAULT_SPACE,
        },
        "agent": {"description": f"One recorded timeline: {words.AGENT_PATTERN}"},
        "partition": {
            "description": f"NATS's partition({words.PARTITIONS}, space, agent)",
            "enum": [str(number) for number in range(words.PARTITIONS)],
        },
        "request": {"description": f"The request's own {words.HEADER_REQUEST} header"},
    }
