"""Who is let in at the broker: a roster, the configuration that follows from it, and the seeds.

The roster holds public keys only, and so does what the broker reads: nothing that stays with it
lets anybody in. A seed is written once, for its owner to take away.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from stratoscope.admin.roles import (
    ACCOUNTS,
    AGENT_LIMITS,
    SPACED_ROLES,
    Account,
    Role,
    account_of,
    agents_account,
    agents_imports,
    inbox_prefix,
    permissions,
)
from stratoscope.broker.login import INBOX_COMMENT
from stratoscope_contracts.subjects import SubjectError
from stratoscope_contracts.words import DEFAULT_SPACE

ROSTER: Final = "roster.json"
# In a folder of its own, which is all that the broker sees: users, and accounts with agents.
USERS: Final[dict[Account, str]] = {"STRATO": "broker/users.conf", "AGENTS": "broker/agents.conf"}
_HEADING: Final = "# Written by `stratoscope creds`; changes here are lost.\n"


class CredsError(Exception):
    """The roster can't be changed like this; the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """One who is let in."""

    role: Role
    space: str
    name: str
    nkey: str

    @property
    def seed_file(self) -> str:
        """The name of the file with the seed."""
        space = f".{self.space}" if self.role in SPACED_ROLES else ""
        return f"{self.role}{space}.{self.name}.nk"

    def configured(self) -> dict[str, object]:
        """As a user of nats-server's configuration has it."""
        return {"nkey": self.nkey} | permissions(self.role, self.space, self.name).configured()


def members(folder: Path) -> list[Member]:
    """Who is let in. Raises CredsError for a roster that is none."""
    try:
        found = json.loads((folder / ROSTER).read_text("utf-8"))
        return sorted(Member(**one) for one in found)
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise CredsError(f"can't read {folder / ROSTER}: {error}") from error


def add(
    folder: Path, role: Role, name: str, space: str = DEFAULT_SPACE, *, renew: bool = False
) -> Path:
    """Let one more in; the file with the seed, which is nowhere else.

    Raises CredsError for who is in already, unless the key is to be renewed, and for a name that
    can't be.
    """
    there = members(folder)
    seed, nkey = _new_key()
    member = Member(role, space, name, nkey)
    others = [one for one in there if not _same(one, member)]
    if len(others) < len(there) and not renew:
        raise CredsError(f"the {role} {name} is let in already")
    # A name that no subject can hold is refused before anything is written.
    texts = _users([*others, member])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / member.seed_file
    prefix = inbox_prefix(role, space, name)
    _write(file, f"{INBOX_COMMENT}{prefix}\n{seed}\n", 0o600)
    _keep(folder, [*others, member], texts)
    return file


def revoke(folder: Path, role: Role, name: str, space: str = DEFAULT_SPACE) -> Member:
    """Let one in no longer. Raises CredsError for who was not."""
    there = members(folder)
    gone = next((one for one in there if _same(one, Member(role, space, name, ""))), None)
    if gone is None:
        raise CredsError(f"there is no {role} {name} to be revoked")
    others = [one for one in there if one != gone]
    _keep(folder, others, _users(others))
    (folder / gone.seed_file).unlink(missing_ok=True)
    return gone


def is_first_of_space(folder: Path, role: Role, space: str) -> bool:
    """Whether a space has an agent and had none before: its account is new to the broker.

    nats-server connects a new account's imports only at the second time that it reads it.
    """
    return (
        role == "agent"
        and [one.space for one in members(folder) if one.role == role].count(space) == 1
    )


def rewrite(folder: Path) -> int:
    """Write what the broker reads anew from the roster, as this version lays it out.

    Returns the number of members. Raises CredsError for a roster that can't be read.
    """
    there = members(folder)
    texts = _users(there)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _keep(folder, there, texts)
    return len(there)


def _same(one: Member, other: Member) -> bool:
    spaces = one.space == other.space or one.role not in SPACED_ROLES
    return (one.role, one.name) == (other.role, other.name) and spaces


def _keep(folder: Path, those: Iterable[Member], users: Mapping[Account, str]) -> None:
    listed = [asdict(member) for member in sorted(those)]
    _write(folder / ROSTER, json.dumps(listed, indent=1) + "\n", 0o644)
    for account, text in users.items():
        file = folder / USERS[account]
        file.parent.mkdir(exist_ok=True)
        file.parent.chmod(0o755)
        _write(file, text, 0o644)


def _users(those: Iterable[Member]) -> dict[Account, str]:
    """What nats-server's configuration includes: users of STRATO, and accounts of agents."""
    kinds: dict[Account, dict[str, list[dict[str, object]]]] = {name: {} for name in ACCOUNTS}
    try:
        for member in sorted(those):
            kind = account_of(member.role)
            name = agents_account(member.space) if kind == "AGENTS" else kind
            kinds[kind].setdefault(name, []).append(member.configured())
    except SubjectError as error:
        raise CredsError("a name is [A-Za-z0-9_-]{1,128}, a space [a-z0-9-]{1,32}") from error
    own = json.dumps(kinds["STRATO"].get("STRATO", []), indent=1)
    agents = (_account(name, users) for name, users in kinds["AGENTS"].items())
    return {"STRATO": f"{_HEADING}users: {own}\n", "AGENTS": _HEADING + "".join(agents)}


def _account(name: str, users: list[dict[str, object]]) -> str:
    space = name.removeprefix(agents_account(""))
    block = {"limits": AGENT_LIMITS, "imports": agents_imports(space), "users": users}
    return f'"{name}": {json.dumps(block, indent=1)}\n'


def _new_key() -> tuple[str, str]:
    """A seed, and the public key that it makes."""
    # Comes with an extra; whoever gets here has it.
    import nkeys

    seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)
    return seed.decode(), nkeys.from_seed(bytearray(seed)).public_key.decode()


def _write(path: Path, text: str, mode: int) -> None:
    """Whole or not at all: the broker may read it at any time."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    # Whatever is masked here: the broker is another account.
    os.fchmod(descriptor, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
