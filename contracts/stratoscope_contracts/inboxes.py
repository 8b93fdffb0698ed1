"""Roles at the broker, and the inboxes that belong to each.

A client subscribes to its replies under an inbox prefix that names its role, and its space where
the role has one: `_INBOX_operator.lab.ops`. The broker's permissions and the navigator's check of
reply subjects are both made from these names.
"""

from typing import Final, Literal, get_args

from stratoscope_contracts import subjects

Role = Literal["agent", "operator", "console", "projector", "navigator", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
# Roles that belong to one space. The others serve all spaces.
SPACED_ROLES: Final[frozenset[Role]] = frozenset({"agent", "operator", "console"})
# Roles that ask the navigator: those of a space, and those of all spaces. No navigator is one:
# every subscriber of hits sees an inbox of the navigator that published them.
SPACED_ASKERS: Final[tuple[Role, ...]] = ("operator", "console")
COMMON_ASKERS: Final[tuple[Role, ...]] = ("admin",)
# The server's own reply subjects of requests that come through an account's import. No client can
# name one: the server refuses it.
IMPORTED_REPLIES: Final = "_R_."


def role_inboxes(role: Role) -> str:
    """The first token of all inboxes of a role."""
    return f"_INBOX_{role}"


def inbox_prefix(role: Role, space: str, name: str) -> str:
    """The prefix of a user's inboxes, without the last dot.

    Raises SubjectError for a space or a name that is no token of a subject.
    """
    subjects.gate(space, name)
    inboxes = role_inboxes(role)
    return f"{inboxes}.{space}.{name}" if role in SPACED_ROLES else f"{inboxes}.{name}"
