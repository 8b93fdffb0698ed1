"""The database: its version and settings, whether it is migrated, and what it may do."""

import shutil
from pathlib import Path

import asyncpg

from stratoscope.admin.doctor.checks import Check, graded
from stratoscope.domain.rules import RULE_VERSION
from stratoscope.store.database import OPERATIONS
from stratoscope.store.doctor import Missing, Patient, Served
from stratoscope_contracts.words import MIB

_OLDEST = 15
_MIGRATE = "run `stratoscope migrate` with the owner's DSN"


async def database_checks(patient: Patient) -> tuple[list[Check], Served | None]:
    """What can be seen of a database that answers, and the projection that it serves."""
    found = await _server(patient)
    served = await patient.served()
    found += await _migrations(patient, served)
    if served is not None:
        found.append(_rules(served))
    found.append(await _disk(patient))
    return found, served


async def _server(patient: Patient) -> list[Check]:
    said = await patient.server()
    version = f"Postgres {said['version']}"
    major = said["number"] // 10_000
    found = [
        Check("database", "ok", version)
        if major >= _OLDEST
        else Check("database", "fail", version, f"run Postgres {_OLDEST} or later")
    ]
    risky = [name for name in ("fsync", "full_page_writes") if said[name] != "on"]
    if risky:
        advice = "turn them on: a crash may damage what is stored"
        found.append(Check("durability", "fail", f"{', '.join(risky)} off", advice))
    elif said["synchronous_commit"] == "off":
        advice = "turn it on: a crash loses what operators did last"
        found.append(Check("durability", "warn", "synchronous_commit is off", advice))
    else:
        found.append(Check("durability", "ok", "a commit is on the disk"))
    found.append(_role(said["may_create"], said["services"]))
    found.append(_service_roles(await patient.privileged()))
    return found


def _role(may_create: bool, services: list[str]) -> Check:
    name = "database role"
    if may_create:
        return Check(name, "ok", "may make schemas")
    if services:
        return Check(name, "ok", f"has the rights of {' and '.join(services)} only")
    message = "may not make schemas, as migrations and rebuilds do"
    return Check(name, "fail", message, "grant create on the database to it")


def _service_roles(privileged: list[tuple[str, str]]) -> Check:
    name = "services' database roles"
    if not privileged:
        return Check(name, "ok", "no service that is connected may create or is a superuser")
    found = ", ".join(f"{service} as {role}" for service, role in privileged)
    advice = "give each service a login of its own: docs/roles.md, Database roles"
    return Check(name, "warn", f"more rights than a service needs: {found}", advice)


async def _migrations(patient: Patient, served: Served | None) -> list[Check]:
    if served is None:
        return [Check("migrations", "fail", "the database is empty", _MIGRATE)]
    rooms = ((OPERATIONS, "operations"), (served.schema, "projection"))
    return [migrated(await patient.migrated(*room)) for room in rooms]


def migrated(found: Missing) -> Check:
    name = f"migrations of {found.schema}"
    if found.missing:
        return Check(name, "fail", f"missing: {', '.join(found.missing)}", _MIGRATE)
    if found.unknown:
        numbers = ", ".join(map(str, found.unknown))
        advice = "this program is older than what migrated the database: upgrade it"
        return Check(name, "warn", f"unknown to this version: {numbers}", advice)
    return Check(name, "ok", "all applied")


def _rules(served: Served) -> Check:
    message = f"{served.schema} was made by version {served.rule_version} of {RULE_VERSION}"
    if served.rule_version < RULE_VERSION:
        advice = "run `stratoscope rebuild` to have all of it by today's rules"
        return Check("rules of intake", "warn", message, advice)
    if served.rule_version > RULE_VERSION:
        advice = "a newer version has rebuilt it: upgrade this one"
        return Check("rules of intake", "warn", message, advice)
    return Check("rules of intake", "ok", message)


async def _disk(patient: Patient) -> Check:
    size = f"the database has {await patient.size() / MIB:,.1f} MiB"
    try:
        folder = await patient.folder()
    except asyncpg.PostgresError:
        folder = None
    try:
        free = shutil.disk_usage(Path(folder or "/nowhere"))
    except OSError:
        return Check("database's disk", "skip", f"{size}; its disk is not seen from here")
    return disk("database's disk", free.used, free.free, size)


def disk(name: str, used: int, free: int, about: str) -> Check:
    """How full a disk is."""
    share = used / max(used + free, 1)
    message = f"{about}; the disk is {share:.0%} full, {free / MIB:,.0f} MiB are free"
    advice = "make room or drop what is old: retention, `stratoscope rebuild --discard`"
    return graded(name, share, 0.85, 0.95, message, advice)
