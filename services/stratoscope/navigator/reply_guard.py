"""Reply subjects that the navigator accepts, checked before it acts on a message.

nats-server does not check the reply subject of a request. The navigator publishes its answer there
with its own rights, so an unchecked reply subject would let an operator of one space publish into
another. What is refused is neither answered nor acted upon; it is counted and logged at a limited
rate.

    requests    inboxes of operators and consoles of the subject's space, and of admins
    discovery   inboxes of the same roles, of any space: the subject names none
    gates       the server's own replies of an account's import
    replicas    inboxes of navigators
    cancels     no reply subject, or that of a request

Where a deployment has other inboxes, such as the single login of the embedded broker, `extra`
prefixes are accepted everywhere. The check is on the path of each request: under a microsecond.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from time import monotonic
from typing import Final, Literal

import structlog

from stratoscope_contracts.inboxes import (
    COMMON_ASKERS,
    IMPORTED_REPLIES,
    ROLES,
    SPACED_ASKERS,
    role_inboxes,
)

Asked = Literal["request", "discovery", "gate", "replica", "cancel"]
# Inboxes of clients that no role names, as the embedded broker's single login has them.
SINGLE_LOGIN: Final = ("_INBOX.",)
# Stands for the request's space in an extra prefix.
SPACE: Final = "{space}"
_SPACES_KEPT: Final = 1024
_LOG_SECONDS: Final = 10.0
_SHOWN: Final = 200
_COMMON: Final = tuple(f"{role_inboxes(role)}." for role in COMMON_ASKERS)
_OF_ROLES: Final = tuple(f"{role_inboxes(role)}." for role in ROLES)
_CANCEL: Final = ".nav.cancel."
log = structlog.get_logger(__name__)


class ReplyGuard:
    """Accepts or refuses messages by their reply subjects."""

    def __init__(
        self,
        extra: Iterable[str],
        count: Callable[[Asked], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Take prefixes besides those of roles, and where a refused message is counted."""
        self._extra = tuple(extra)
        self._count = count
        self._clock = clock
        self._log_again_at = 0.0
        self._unlogged = 0
        # Bounded: a space is what the subject says.
        self._of_space = lru_cache(_SPACES_KEPT)(self._prefixes)
        self._of_gate = lru_cache(_SPACES_KEPT)(self._gate_prefixes)
        spaced = (f"{role_inboxes(role)}." for role in SPACED_ASKERS)
        self._discovery = (*_COMMON, *spaced, *(one.partition(SPACE)[0] for one in self._extra))
        fixed = tuple(one for one in self._extra if SPACE not in one)
        self._replica = (f"{role_inboxes('navigator')}.", *fixed)

    def accepts_request(self, subject: str, reply: str) -> bool:
        """Whether to act on a request; a cancel that has no reply is for others to act on."""
        if reply.startswith(self._of_space(subject.split(".", 2)[1])):
            return True
        if _CANCEL not in subject:
            return self._refuse("request", subject, reply)
        return False if not reply else self._refuse("cancel", subject, reply)

    def accepts_cancel(self, subject: str, reply: str) -> bool:
        """Whether to act on a cancel.

        Each part that runs requests hears it, so a refusal is counted by `accepts_request`.
        """
        return not reply or reply.startswith(self._of_space(subject.split(".", 2)[1]))

    def accepts_gate(self, subject: str, reply: str) -> bool:
        """Whether to answer a question at a gate."""
        prefixes = self._of_gate(subject.split(".", 2)[1])
        return reply.startswith(prefixes) or self._refuse("gate", subject, reply)

    def accepts_discovery(self, subject: str, reply: str) -> bool:
        """Whether to answer a question of NATS services, ADR-32."""
        return reply.startswith(self._discovery) or self._refuse("discovery", subject, reply)

    def accepts_replica(self, subject: str, reply: str) -> bool:
        """Whether to answer another navigator."""
        return reply.startswith(self._replica) or self._refuse("replica", subject, reply)

    def _prefixes(self, space: str) -> tuple[str, ...]:
        spaced = (f"{role_inboxes(role)}.{space}." for role in SPACED_ASKERS)
        return (*_COMMON, *spaced, *self._extra_of(space))

    def _gate_prefixes(self, space: str) -> tuple[str, ...]:
        return (IMPORTED_REPLIES, *self._extra_of(space))

    def _extra_of(self, space: str) -> Iterable[str]:
        # A space may be named after a role: as _INBOX_{space}. it would have all inboxes of it.
        named = (one.replace(SPACE, space) for one in self._extra)
        return (one for one in named if not one.startswith(_OF_ROLES))

    def _refuse(self, asked: Asked, subject: str, reply: str) -> bool:
        self._count(asked)
        now = self._clock()
        if now < self._log_again_at:
            self._unlogged += 1
            return False
        self._log_again_at = now + _LOG_SECONDS
        log.warning(
            "a message is refused for its reply subject",
            asked=asked,
            subject=subject[:_SHOWN],
            reply=reply[:_SHOWN],
            refused_unlogged=self._unlogged,
        )
        self._unlogged = 0
        return False


def extra_prefixes(named: str | None, own: str) -> tuple[str, ...]:
    """Prefixes accepted besides those of roles.

    `named` is a text of prefixes parted by commas. Without it the navigator's own inbox prefix
    decides: that of its role stands for a broker with roles, where there are no others; any other
    stands for a single login. Raises ValueError for a prefix that could reach other subjects.
    """
    if named is None:
        return () if own.startswith(f"{role_inboxes('navigator')}.") else SINGLE_LOGIN
    found = tuple(part.strip() for part in named.split(",") if part.strip())
    for prefix in found:
        if not prefix.startswith("_") or not prefix.endswith(".") or _is_pattern(prefix):
            raise ValueError(
                f"{prefix} is no prefix of reply subjects: it begins with _, ends with a dot,"
                " as in _INBOX. or _INBOX_web.{space}., and holds no wildcard"
            )
    return found


def _is_pattern(prefix: str) -> bool:
    return any(character in "*>" or not character.isprintable() for character in prefix)
