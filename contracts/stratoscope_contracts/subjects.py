"""Every subject of the wire, built and read in one place.

A subject is `strato.<space>.<room>.…`. Names of spaces and agents hold no dots, so a subject
splits into tokens without ambiguity; the only room with dots of its own is `nav`, whose verb is
all that follows. `parse` is the inverse of the builders: what it takes, they spell.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, assert_never

from stratoscope_contracts.words import AGENT_PATTERN, PARTITIONS, SPACE_PATTERN

Kind = Literal["event", "snapshot", "batch"]

ROOT: Final = "strato"
# What the record stream listens to, and what it stores it as. The tokens that the partition
# reads, space and agent, are the wildcards 1 and 2.
RECORDED: Final = f"{ROOT}.*.rec.*.*"
STORED: Final = f"{ROOT}.*.part.*.*.*"
STORED_TRANSFORM: Final = (
    f"{ROOT}.{{{{wildcard(1)}}}}.part.{{{{partition({PARTITIONS},1,2)}}}}"
    ".{{wildcard(2)}}.{{wildcard(3)}}"
)
DEAD_LETTERS: Final = f"{ROOT}.*.dlq.*"
HITS: Final = f"{ROOT}.*.hit.*"
CANCELS: Final = f"{ROOT}.*.nav.cancel.*"

_SPACE: Final = re.compile(SPACE_PATTERN[:-1] + r"\Z")
_AGENT: Final = re.compile(AGENT_PATTERN[:-1] + r"\Z")
_VERB: Final = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)*\Z")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_FNV_OFFSET: Final = 2166136261
_FNV_PRIME: Final = 16777619


class SubjectError(ValueError):
    """A text that is no subject of the wire, or a name that can't stand in one."""


@dataclass(frozen=True, slots=True)
class Record:
    """Where a recorder publishes."""

    space: str
    agent: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the stream keeps it, with its partition."""

    space: str
    partition: int
    agent: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Nav:
    """A verb of the navigator."""

    space: str
    verb: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Asks a navigator to give up a long request."""

    space: str
    request: str


Room = Literal["dlq", "hit", "ctl", "gate"]


@dataclass(frozen=True, slots=True)
class AgentRoom:
    """A subject of one agent: its dead letters, hits, commands or gate."""

    space: str
    room: Room
    agent: str


Subject = Record | Stored | Nav | Cancel | AgentRoom


def record(space: str, agent: str, kind: Kind) -> str:
    """Where a recorder publishes a record of an agent."""
    return f"{ROOT}.{_space(space)}.rec.{_agent(agent)}.{_kind(kind)}"


def stored(space: str, agent: str, kind: Kind) -> str:
    """The subject under which the stream keeps a record; its partition follows from the names."""
    number = partition_of(_space(space), _agent(agent))
    return f"{ROOT}.{space}.part.{number}.{agent}.{_kind(kind)}"


def stored_partition(number: int, space: str = "*") -> str:
    """The filter of one partition's records, in every space unless one is named."""
    if space != "*":
        _space(space)
    return f"{ROOT}.{space}.part.{_partition(number)}.*.*"


def nav(space: str, verb: str) -> str:
    """Where a verb is asked for; the space `*` gives the navigator's own subscription."""
    if space != "*":
        _space(space)
    if not _VERB.match(verb) or verb.partition(".")[0] == "cancel":
        raise SubjectError("not a verb")
    return f"{ROOT}.{space}.nav.{verb}"


def cancel(space: str, request: str) -> str:
    """Where the requester of a long verb gives it up."""
    if not _TOKEN.match(request):
        raise SubjectError("not a request id")
    return f"{ROOT}.{_space(space)}.nav.cancel.{request}"


def dlq(space: str, agent: str) -> str:
    """Where the dead letters of an agent go."""
    return _agent_room(space, "dlq", agent)


def hit(space: str, agent: str) -> str:
    """Where the breakpoint hits of an agent are published."""
    return _agent_room(space, "hit", agent)


def hits_of(space: str) -> str:
    """All hits of a space."""
    return f"{ROOT}.{_space(space)}.hit.*"


def ctl(space: str, agent: str) -> str:
    """Where the commands to a live agent go."""
    return _agent_room(space, "ctl", agent)


def gate(space: str, agent: str) -> str:
    """Where a live agent asks whether it may go on."""
    return _agent_room(space, "gate", agent)


def build(subject: Subject) -> str:
    """The text of a parsed subject."""
    match subject:
        case Record():
            return record(subject.space, subject.agent, subject.kind)
        case Stored():
            return _build_stored(subject)
        case Nav():
            return nav(subject.space, subject.verb)
        case Cancel():
            return cancel(subject.space, subject.request)
        case AgentRoom():
            return _agent_room(subject.space, subject.room, subject.agent)
        case _:
            assert_never(subject)


def parse(text: str) -> Subject:
    """What a subject says; SubjectError where it is none of the wire's."""
    match text.split("."):
        case [root, space, *rest] if root == ROOT:
            return _parse_room(_space(space), rest)
        case _:
            raise SubjectError("not a subject of the wire")


@lru_cache(maxsize=65_536)
def partition_of(space: str, agent: str) -> int:
    """NATS's partition(16, space, agent): FNV-1a, 32 bits, over the tokens one after the other."""
    value = _FNV_OFFSET
    for byte in (space + agent).encode():
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    return value % PARTITIONS


def _parse_room(space: str, rest: list[str]) -> Subject:
    match rest:
        case ["rec", agent, kind]:
            return Record(space, _agent(agent), _kind(kind))
        case ["part", number, agent, kind]:
            return Stored(space, _partition_text(number), _agent(agent), _kind(kind))
        case ["nav", "cancel", request] if _TOKEN.match(request):
            return Cancel(space, request)
        case ["nav", first, *more] if first != "cancel" and _VERB.match(".".join([first, *more])):
            return Nav(space, ".".join([first, *more]))
        case [("dlq" | "hit" | "ctl" | "gate") as room, agent]:
            return AgentRoom(space, room, _agent(agent))
        case _:
            raise SubjectError("not a subject of the wire")


def _build_stored(subject: Stored) -> str:
    # Spelled as it was read: the server decided the partition, whatever its number is here.
    number = _partition(subject.partition)
    agent, kind = _agent(subject.agent), _kind(subject.kind)
    return f"{ROOT}.{_space(subject.space)}.part.{number}.{agent}.{kind}"


def _agent_room(space: str, room: Room, agent: str) -> str:
    return f"{ROOT}.{_space(space)}.{room}.{_agent(agent)}"


def _space(space: str) -> str:
    if not _SPACE.match(space):
        raise SubjectError("a space is [a-z0-9-]{1,32}")
    return space


def _agent(agent: str) -> str:
    if not _AGENT.match(agent):
        raise SubjectError("an agent is [A-Za-z0-9_-]{1,128}")
    return agent


def _kind(kind: str) -> Kind:
    match kind:
        case "event" | "snapshot" | "batch":
            return kind
        case _:
            raise SubjectError("a record is an event, a snapshot or a batch")


def _partition(number: int) -> int:
    if not 0 <= number < PARTITIONS:
        raise SubjectError(f"a partition is 0 to {PARTITIONS - 1}")
    return number


def _partition_text(text: str) -> int:
    if text not in _PARTITION_TEXTS:
        raise SubjectError(f"a partition is 0 to {PARTITIONS - 1}")
    return int(text)


# No leading zeros, no signs, no digits of other scripts: one spelling a partition.
_PARTITION_TEXTS: Final = frozenset(str(number) for number in range(PARTITIONS))
