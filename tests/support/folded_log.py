"""What the log says, folded as plainly as can be: a page of code to hold the projector against.

It shares nothing with the product: the standard library, zstd, the client of the broker, and the
contract's text. It judges only what the tests publish: a body that is no JSON or has no shape, and
a patch that does not apply.
"""

import json
from collections import ChainMap
from collections.abc import AsyncIterator, Iterable, MutableMapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import nats
import zstandard

STREAM = "STRATO_RECORD"
PLACES = UUID("5c2f5d2a-5f0e-5b8e-9d52-7d9a1f0c6d11")


class Logged(NamedTuple):
    """A message as the stream has it."""

    seq: int
    recorded_at: datetime
    subject: str
    body: bytes


@dataclass
class Timeline:
    """All that there is to know of one agent; JSON is kept as sorted text, so that 1 is not 1.0."""

    events: list[dict[str, Any]] = field(default_factory=list)
    # After which event, by which snapshot (none: by the event's patch), and what it became.
    states: list[tuple[int, str | None, str]] = field(default_factory=list)
    edges: set[tuple[str, int]] = field(default_factory=set)
    taints: set[tuple[int, int, int]] = field(default_factory=set)
    duplicates: int = 0
    clock: datetime | None = None
    recorded: datetime | None = None
    state: Any = field(default_factory=dict, compare=False)
    ids: set[str] = field(default_factory=set, compare=False)


@dataclass
class Folded:
    """What a log comes to."""

    timelines: dict[tuple[str, str], Timeline] = field(default_factory=dict)
    dead: set[int] = field(default_factory=set)


class Unreadable(Exception):
    """No records can be made of the message; `ordinal` of the first that is none."""

    def __init__(self, ordinal: int = 0) -> None:
        super().__init__(ordinal)
        self.ordinal = ordinal


class Conflict(Exception):
    """A patch does not apply."""


async def read_log(url: str) -> list[Logged]:
    """The whole stream, by a consumer that the client keeps in order."""
    client = await nats.connect(url.split(","))
    try:
        return [message async for message in _messages(client.jetstream())]
    finally:
        await client.close()


async def _messages(stream: Any) -> AsyncIterator[Logged]:
    left = (await stream.stream_info(STREAM)).state.messages
    reading = await stream.subscribe("", stream=STREAM, ordered_consumer=True)
    for _ in range(left):
        msg = await reading.next_msg(timeout=5)
        seq, nanoseconds = (int(msg.reply.split(".")[part]) for part in (5, 7))
        at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=nanoseconds // 1000)
        yield Logged(seq, at, msg.subject, _unpacked(msg))
    await reading.unsubscribe()


def _unpacked(msg: Any) -> bytes:
    """The body, which imports may have compressed."""
    if (msg.headers or {}).get("Content-Encoding") == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(msg.data)
    return bytes(msg.data)


def naive_fold(log: Iterable[Logged]) -> Folded:
    """The left fold of the log."""
    folded = Folded()
    # By space and id: the lowest place of an event, and its depth.
    depths: dict[tuple[str, str], int] = {}
    for message in log:
        _, space, _, _, agent, kind = message.subject.split(".")
        line = folded.timelines.setdefault((space, agent), Timeline())
        draft = replace(
            line,
            events=[*line.events],
            states=[*line.states],
            edges={*line.edges},
            ids={*line.ids},
        )
        found = ChainMap[tuple[str, str], int]({}, depths)
        ordinal = 0
        try:
            for ordinal, record in enumerate(_records(kind, message.body)):
                _take(draft, message, ordinal, record, space, found)
        except Unreadable as error:
            folded.dead.add(message.seq)
            if _may_set_state(kind, message.body):
                line.taints.add((message.seq, error.ordinal, len(line.events) - 1))
        except Conflict:
            folded.dead.add(message.seq)
            line.taints.add((message.seq, ordinal, len(line.events) - 1))
        else:
            folded.timelines[space, agent] = draft
            depths |= found.maps[0]
    return folded


def _may_set_state(kind: str, body: bytes) -> bool:
    """Whether it was not an event, or a batch of events, that has no patch as far as it is read."""
    try:
        sent = json.loads(body)
    except ValueError:
        return True
    if not isinstance(sent, dict) or kind == "snapshot" or "patch" in sent:
        return True
    if kind == "event":
        return False
    records = sent.get("records", [])
    return not isinstance(records, list) or any(
        not isinstance(one, dict) or one.get("kind") != "event" or "patch" in one for one in records
    )


def _records(kind: str, body: bytes) -> list[dict[str, Any]]:
    try:
        read = json.loads(body)
        records = list(read["records"] if kind == "batch" else [{"kind": kind} | read])
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable from error
    for ordinal, record in enumerate(records):
        try:
            wanted, shape = {"event": ("type", str), "snapshot": ("state", dict)}[record["kind"]]
            if not isinstance(record[wanted], shape):
                raise Unreadable(ordinal)
        except (TypeError, KeyError) as error:
            raise Unreadable(ordinal) from error
    if not records:
        raise Unreadable
    return records


def _take(
    line: Timeline,
    message: Logged,
    ordinal: int,
    record: dict[str, Any],
    space: str,
    depths: MutableMapping[tuple[str, str], int],
) -> None:
    id_ = record.get("id") or str(uuid5(PLACES, f"{STREAM}:{message.seq}:{ordinal}"))
    if id_ in line.ids:
        line.duplicates += 1
        return
    line.ids.add(id_)
    occurred = datetime.fromisoformat(record.get("occurred_at") or message.recorded_at.isoformat())
    clamped = occurred - message.recorded_at > timedelta(days=1)
    counted = message.recorded_at if clamped else occurred
    line.clock = max(line.clock or counted, counted)
    line.recorded = max(line.recorded or message.recorded_at, message.recorded_at)
    if record["kind"] == "snapshot":
        line.state = record["state"]
        line.states.append((len(line.events) - 1, id_, text(line.state)))
        return
    causes = record.get("causes", [])
    depth = 1 + max((depths.get((space, cause), 0) for cause in causes), default=0)
    depths.setdefault((space, id_), depth)
    line.edges |= {(cause, len(line.events)) for cause in causes}
    line.events.append(
        {
            "index": len(line.events),
            "place": (message.seq, ordinal),
            "id": id_,
            "type": record["type"],
            "data": text(record.get("data", {})),
            "metadata": text(record.get("metadata", {})),
            "causes": causes,
            "patch": text(record.get("patch", [])),
            "occurred": occurred,
            "recorded": line.recorded,
            "clock": line.clock,
            "late": occurred < line.clock,
            "clamped": clamped,
            "depth": depth,
        }
    )
    if record.get("patch"):
        line.state = patched(line.state, record["patch"])
        line.states.append((len(line.events) - 1, None, text(line.state)))


def patched(document: Any, patch: list[dict[str, Any]]) -> Any:
    """RFC 6902 by copying everything; pointers without escapes. Raises Conflict."""
    root = {"": deepcopy(document)}
    try:
        for step in patch:
            _step(root, step)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise Conflict from error
    return root[""]


def _step(root: dict[str, Any], step: dict[str, Any]) -> None:
    parent, key = _find(root, step["path"])
    match step["op"]:
        case "add":
            _add(parent, key, step["value"])
        case "remove":
            parent.pop(key)
        case "replace":
            parent[key]  # it must be there
            parent[key] = step["value"]
        case "move":
            source, name = _find(root, step["from"])
            _add(parent, key, source.pop(name))
        case "copy":
            source, name = _find(root, step["from"])
            _add(parent, key, deepcopy(source[name]))
        case "test":
            if text(parent[key]) != text(step["value"]):
                raise Conflict


def _find(root: Any, pointer: str) -> tuple[Any, Any]:
    """The container that a pointer's last token is looked up in, and the token."""
    *path, last = pointer.split("/")
    for token in path:
        root = root[int(token) if isinstance(root, list) else token]
    if isinstance(root, list):
        return root, len(root) if last == "-" else int(last)
    return root, last


def _add(parent: Any, key: Any, value: Any) -> None:
    if isinstance(parent, list):
        if key > len(parent):
            raise Conflict
        parent.insert(key, value)
    else:
        parent[key] = value


def text(document: Any) -> str:
    """One spelling for one document."""
    return json.dumps(document, sort_keys=True)
