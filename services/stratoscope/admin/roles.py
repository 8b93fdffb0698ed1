"""Who may publish and listen to what: the roles of those who connect to the broker.

Each has inboxes of its own and may listen to no other's. Nobody but the navigator, who answers, may
publish to an inbox, and he only to those of roles that ask: so a reply is the navigator's or the
broker's, and no other role can put words into its mouth. JetStream's own subjects are given one by
one: only who tends the log may change or empty a stream, and an agent asks it nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never, get_args

from stratoscope_contracts import subjects
from stratoscope_contracts.words import (
    NAVIGATOR_SERVICE,
    STREAM_DLQ,
    STREAM_HITS,
    STREAM_RECORD,
    exports_bucket,
    spill_bucket,
)

Role = Literal["agent", "operator", "console", "projector", "navigator", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
# Those that belong to a space; the others serve or tend all of them.
SPACED: Final = frozenset({"agent", "operator", "console"})

_ROOT: Final = subjects.ROOT
_STREAMS: Final = (STREAM_RECORD, STREAM_DLQ, STREAM_HITS)
_ANY_SPACE: Final = f"{_ROOT}.*"
_PROJECTED: Final = f"{_ROOT}._projected"
_COMMITTED: Final = f"{_ROOT}._committed"
_WATCHED: Final = f"{_ROOT}._watched"
_WATCH: Final = f"{_ROOT}._watch.*"
_FLOW: Final = f"{_ROOT}._flow.*"


# Those whom the navigator answers: it too, since replicas ask one another.
_ASKERS: Final[tuple[Role, ...]] = ("agent", "operator", "console", "navigator", "admin")
_SERVED: Final = ("", f".{NAVIGATOR_SERVICE}", f".{NAVIGATOR_SERVICE}.*")
_CONSUMER: Final = (
    "CONSUMER.CREATE.{}",
    "CONSUMER.CREATE.{}.>",
    "CONSUMER.INFO.{}.*",
    "CONSUMER.DELETE.{}.*",
    "CONSUMER.MSG.NEXT.{}.*",
)


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects; what is denied counts before what is allowed."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    never_publish: tuple[str, ...] = ()
    over: tuple[str, ...] = ("STANDARD", "WEBSOCKET")
    """How it may connect."""

    def configured(self) -> dict[str, Any]:
        """As a user of nats-server's configuration has it."""
        publish: dict[str, Any] = {"allow": list(self.publish)}
        if self.never_publish:
            publish["deny"] = list(self.never_publish)
        return {
            "permissions": {"publish": publish, "subscribe": {"allow": list(self.subscribe)}},
            "allowed_connection_types": list(self.over),
        }


def inbox_prefix(role: Role, space: str, name: str) -> str:
    """What the inboxes of one who connects begin with."""
    return f"{_inboxes(role)}.{space}.{name}" if role in SPACED else f"{_inboxes(role)}.{name}"


def permissions(role: Role, space: str, name: str) -> Permissions:
    """What one who connects may do. Raises SubjectError for a name that no subject can hold."""
    # Checks both names, whatever the role makes of them.
    gate = subjects.gate(space, name)
    own = f"{inbox_prefix(role, space, name)}.>"
    match role:
        case "agent":
            record = subjects.record(space, name, "event").rpartition(".")[0]
            return Permissions((f"{record}.*", gate), (own, subjects.ctl(space, name)))
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


def _asking(space: str, own: str, over: tuple[str, ...]) -> Permissions:
    """One who asks the navigator, hears hits and fetches what is too large for a message."""
    service = (f"$SRV.{verb}{rest}" for verb in ("PING", "INFO", "STATS") for rest in _SERVED)
    exports = exports_bucket(space)
    buckets = (f"OBJ_{exports}", f"OBJ_{spill_bucket(space)}")
    read = ("STREAM.INFO.{}", "STREAM.MSG.GET.{}", "DIRECT.GET.{}", "DIRECT.GET.{}.>")
    return Permissions(
        (
            f"{_ROOT}.{space}.nav.>",
            _FLOW,
            *service,
            *_api(read, buckets),
            f"$O.{exports}.C.*",
            f"$O.{exports}.M.*",
        ),
        (own, subjects.hits_of(space), _PROJECTED),
        over=over,
    )


def _projector(own: str) -> Permissions:
    """Reads the log, and makes the streams where they are missing; it changes and empties none."""
    return Permissions(
        (
            _PROJECTED,
            _COMMITTED,
            f"{_ANY_SPACE}.dlq.*",
            *_api(("STREAM.INFO.{}", "STREAM.CREATE.{}"), _STREAMS),
            *_api(("STREAM.MSG.GET.{}", *_CONSUMER), (STREAM_RECORD,)),
        ),
        (own, _WATCHED),
    )


def _navigator(own: str) -> Permissions:
    """Answers, publishes hits, and records what is imported.

    It makes a bucket for each space, whose names only wildcards for all streams can mean: what is
    denied keeps these from the log.
    """
    return Permissions(
        (
            *(f"{_inboxes(asker)}.>" for asker in _ASKERS),
            _WATCHED,
            _WATCH,
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


def _inboxes(role: Role) -> str:
    return f"_INBOX_{role}"
