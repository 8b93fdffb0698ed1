"""Subjects that each role may publish and subscribe to at the broker.

Each user has inboxes of its own and may subscribe to no other inbox. Only the navigator publishes
to inboxes, and only to those of roles that ask it. Agents are in accounts of their own, one for
each space: the server delivers their acknowledgements and gate answers there, whatever reply
subject they name. JetStream's subjects are allowed one by one, to the services and to the admin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never, get_args

from stratoscope_contracts import subjects
from stratoscope_contracts.inboxes import (
    COMMON_ASKERS,
    IMPORTED_REPLIES,
    ROLES,
    SPACED_ASKERS,
    SPACED_ROLES,
    Role,
    inbox_prefix,
    role_inboxes,
)
from stratoscope_contracts.words import (
    NAVIGATOR_SERVICE,
    SERVER_MAX_PAYLOAD,
    STREAM_DLQ,
    STREAM_HITS,
    STREAM_PROBE,
    STREAM_RECORD,
    SUBJECT_PROBE,
)

__all__ = [
    "ACCOUNTS",
    "AGENT_LIMITS",
    "ROLES",
    "SPACED_ROLES",
    "Account",
    "Permissions",
    "Role",
    "account_of",
    "agents_account",
    "agents_imports",
    "inbox_prefix",
    "permissions",
]

Account = Literal["STRATO", "AGENTS"]
ACCOUNTS: Final[tuple[Account, ...]] = get_args(Account)
# Of an account of agents: connections of all of them, and what each connection may have.
AGENT_LIMITS: Final = {
    "max_connections": 2048,
    "max_subscriptions": 64,
    "max_payload": SERVER_MAX_PAYLOAD,
    "max_leafnodes": 0,
}

_ROOT: Final = subjects.ROOT
_STREAMS: Final = (STREAM_RECORD, STREAM_DLQ, STREAM_HITS, STREAM_PROBE)
_ANY_SPACE: Final = f"{_ROOT}.*"
_PROJECTED: Final = f"{_ROOT}._projected"
_COMMITTED: Final = f"{_ROOT}._committed"
_WATCHED: Final = f"{_ROOT}._watched"
_WATCH: Final = f"{_ROOT}._watch.*"
_FLOW: Final = f"{_ROOT}._flow.*"

_SERVED: Final = ("", f".{NAVIGATOR_SERVICE}", f".{NAVIGATOR_SERVICE}.*")
_KINDS: Final[tuple[subjects.Kind, ...]] = ("event", "snapshot", "batch")
_CONSUMER: Final = (
    "CONSUMER.CREATE.{}",
    "CONSUMER.CREATE.{}.>",
    "CONSUMER.INFO.{}.*",
    "CONSUMER.DELETE.{}.*",
    "CONSUMER.MSG.NEXT.{}.*",
)


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects; a denied subject is refused although it is allowed too."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    never_publish: tuple[str, ...] = ()
    over: tuple[str, ...] = ("STANDARD", "WEBSOCKET")
    """Kinds of connections."""

    def configured(self) -> dict[str, Any]:
        """The permissions as a user of nats-server's configuration has them."""
        publish: dict[str, Any] = {"allow": list(self.publish)}
        if self.never_publish:
            publish["deny"] = list(self.never_publish)
        return {
            "permissions": {"publish": publish, "subscribe": {"allow": list(self.subscribe)}},
            "allowed_connection_types": list(self.over),
        }


def account_of(role: Role) -> Account:
    """The kind of account that the users of a role belong to."""
    return "AGENTS" if role == "agent" else "STRATO"


def agents_account(space: str) -> str:
    """The name of the account of a space's agents."""
    return f"AGENTS-{space}"


def agents_imports(space: str) -> list[dict[str, Any]]:
    """What the account of a space's agents imports: nothing of another space."""
    room = f"{_ROOT}.{space}"
    services = (f"{room}.rec.*.*", f"{room}.gate.*")
    streams = (f"{room}.ctl.*", f"{room}.dlq.*")
    return [
        *({"service": {"account": "STRATO", "subject": subject}} for subject in services),
        *({"stream": {"account": "STRATO", "subject": subject}} for subject in streams),
    ]


def permissions(role: Role, space: str, name: str) -> Permissions:
    """The permissions of a user.

    Raises SubjectError for a space or a name that is no token of a subject.
    """
    own = f"{inbox_prefix(role, space, name)}.>"
    match role:
        case "agent":
            return _agent(space, name, own)
        case "operator":
            return _asking(space, own, ("STANDARD",))
        case "console":
            return _asking(space, own, ("WEBSOCKET",))
        case "projector":
            return _projector(own)
        case "navigator":
            return _navigator(own)
        case "admin":
            publish = (f"{_ROOT}.>", "$JS.API.>", "$O.>", "$SRV.>")
            return Permissions(publish, (own, f"{_ROOT}.>"))
        case _:
            assert_never(role)


def _agent(space: str, name: str, own: str) -> Permissions:
    """Records one timeline, asks its gate, and hears its commands and dead letters."""
    return Permissions(
        (*(subjects.record(space, name, kind) for kind in _KINDS), subjects.gate(space, name)),
        (own, subjects.ctl(space, name), subjects.dlq(space, name)),
    )


def _asking(space: str, own: str, over: tuple[str, ...]) -> Permissions:
    """Asks the navigator and hears hits; what is too large for a message comes by its verbs."""
    service = (f"$SRV.{verb}{rest}" for verb in ("PING", "INFO", "STATS") for rest in _SERVED)
    return Permissions(
        (f"{_ROOT}.{space}.nav.>", _FLOW, *service),
        (own, subjects.hits_of(space), _PROJECTED),
        over=over,
    )


def _projector(own: str) -> Permissions:
    """Reads the log and creates missing streams; it changes and purges none."""
    return Permissions(
        (
            _PROJECTED,
            _COMMITTED,
            SUBJECT_PROBE,
            f"{_ANY_SPACE}.dlq.*",
            *_api(("STREAM.INFO.{}", "STREAM.CREATE.{}"), _STREAMS),
            *_api(("STREAM.MSG.GET.{}", *_CONSUMER), (STREAM_RECORD,)),
        ),
        (own, _WATCHED),
    )


def _navigator(own: str) -> Permissions:
    """Answers, publishes hits and commands, and records imports.

    It creates a bucket for each space. Only wildcards for all streams can mean these names, so the
    streams of the projector are denied.
    """
    # Navigators answer each other too.
    asking: tuple[Role, ...] = (*SPACED_ASKERS, *COMMON_ASKERS, "navigator")
    return Permissions(
        (
            *(f"{role_inboxes(asker)}.>" for asker in asking),
            # Gate answers go back through the agents' import.
            f"{IMPORTED_REPLIES}>",
            _WATCHED,
            _WATCH,
            SUBJECT_PROBE,
            *(f"{_ANY_SPACE}.{room}" for room in ("hit.*", "ctl.*", "rec.*.*")),
            *_api(("STREAM.INFO.{}", "STREAM.CREATE.{}", "STREAM.PURGE.{}"), ("*",)),
            *_api(("STREAM.MSG.GET.{}", "DIRECT.GET.{}", "DIRECT.GET.{}.>"), ("*",)),
            *_api(_CONSUMER, (STREAM_HITS,)),
            "$O.*.C.*",
            "$O.*.M.*",
        ),
        (
            own,
            *(f"{_ANY_SPACE}.{room}" for room in ("nav.>", "gate.*")),
            _PROJECTED,
            _COMMITTED,
            _WATCH,
            _FLOW,
            "$SRV.>",
        ),
        never_publish=_api(("STREAM.CREATE.{}", "STREAM.PURGE.{}"), _STREAMS),
    )


def _api(verbs: Iterable[str], streams: Iterable[str]) -> tuple[str, ...]:
    named = tuple(streams)
    return tuple(f"$JS.API.{verb.format(stream)}" for verb in verbs for stream in named)
