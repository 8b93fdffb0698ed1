"""The whole examination: what depends on something that is not there is left out."""

import asyncio
from contextlib import AsyncExitStack

import uvloop
from nats.errors import Error as NatsError

from stratoscope.admin.doctor.broker import broker_checks, broker_time, monitored
from stratoscope.admin.doctor.checks import Check, Diagnosis
from stratoscope.admin.doctor.database import database_checks
from stratoscope.admin.doctor.services import clocks, navigators, projecting
from stratoscope.broker.connection import BrokerUnreachable, Connection, connect
from stratoscope.broker.login import Login
from stratoscope.store.database import DATABASE_ERRORS, OPERATIONS, connection
from stratoscope.store.doctor import Patient, Served

_APPLICATION = "stratoscope doctor"
_CUT_SHORT = (*DATABASE_ERRORS, NatsError)
_SECONDS = 20.0


def run_doctor(
    nats_url: str, postgres_dsn: str, monitor: str | None, login: Login | None = None
) -> Diagnosis:
    """Look at everything; nothing is changed."""
    return uvloop.run(examine(nats_url, postgres_dsn, monitor, login))


async def examine(
    nats_url: str, postgres_dsn: str, monitor: str | None = None, login: Login | None = None
) -> Diagnosis:
    """All checks that can be made."""
    found: list[Check] = []
    async with AsyncExitStack() as stack:
        broker = await _broker(stack, nats_url, login, found)
        if broker is not None:
            found += await broker_checks(broker)
        found += await monitored(monitor)
        patient, served = await _database(stack, postgres_dsn, found)
        if broker is not None:
            found.append(await navigators(broker))
        if broker is not None and patient is not None:
            found += await _together(broker, patient, served)
    return Diagnosis(found)


async def _broker(
    stack: AsyncExitStack, url: str, login: Login | None, found: list[Check]
) -> Connection | None:
    try:
        broker = await connect(url, name=_APPLICATION, login=login)
    except BrokerUnreachable as error:
        advice = "check STRATO_NATS_URL, the credentials, and that nats-server runs"
        found.append(Check("broker", "fail", str(error), advice))
        return None
    stack.push_async_callback(broker.close)
    return broker


async def _database(
    stack: AsyncExitStack, dsn: str, found: list[Check]
) -> tuple[Patient | None, Served | None]:
    try:
        session = await stack.enter_async_context(connection(dsn, OPERATIONS, _APPLICATION))
        patient = Patient(session)
        checks, served = await database_checks(patient)
    except _CUT_SHORT as error:
        advice = "check STRATO_POSTGRES_DSN, the role's password, and that Postgres runs"
        found.append(Check("database", "fail", str(error), advice))
        return None, None
    found += checks
    return patient, served


async def _together(broker: Connection, patient: Patient, served: Served | None) -> list[Check]:
    found = await clocks(await broker_time(broker), patient)
    if served is None:
        return found
    await patient.look_at(served.schema)
    try:
        async with asyncio.timeout(_SECONDS):
            found += await projecting(broker, patient)
    except _CUT_SHORT as error:
        # What is missing has a line of its own above.
        message = f"can't be seen: {type(error).__name__}: {error}".rstrip(": ")
        found.append(Check("projection", "fail", message, "mend what is said above first"))
    return found
