"""The commands beside the services, wired: the one place here that reads settings."""

import uvloop

from stratoscope.admin.progress import Teller
from stratoscope.admin.rebuild import APPLICATION, Rebuilt, Wanted, discard, locked, rebuild
from stratoscope.admin.verify import Verified, verify
from stratoscope.broker.connection import connect
from stratoscope.broker.login import Login
from stratoscope.projector.app import calm_the_collector
from stratoscope.projector.settings import ProjectorSettings
from stratoscope.store.database import OPERATIONS, connection
from stratoscope.store.migration import Migrated, migrate
from stratoscope.telemetry.logs import configure_logs
from stratoscope.telemetry.settings import read_settings

_VERIFY = "stratoscope verify"


def run_rebuild(
    nats_url: str, postgres_dsn: str, wanted: Wanted, teller: Teller, login: Login | None = None
) -> Rebuilt:
    """Rebuild with the projector's settings."""
    settings = read_settings(ProjectorSettings, "rebuild").model_copy(
        update={"nats_url": nats_url, "postgres_dsn": postgres_dsn}
    )
    # What a projector tells of itself is of no interest here, but for what goes wrong.
    configure_logs("rebuild", "warning")
    calm_the_collector()

    async def run() -> Rebuilt:
        broker = await connect(nats_url, name=APPLICATION, login=login)
        try:
            return await rebuild(settings, broker, wanted, teller)
        finally:
            await broker.close()

    return uvloop.run(run())


def run_discard(postgres_dsn: str) -> list[str]:
    """Drop what rebuilds have left half filled; the names."""

    async def run() -> list[str]:
        await migrate(postgres_dsn)
        async with connection(postgres_dsn, OPERATIONS, APPLICATION) as session:
            return await discard(await locked(session))

    return uvloop.run(run())


def run_verify(
    postgres_dsn: str,
    teller: Teller,
    space: str | None,
    agent: str | None,
    *,
    nats_url: str | None,
    login: Login | None = None,
) -> Verified:
    """Verify the serving projection; without a broker's address it is not compared with the log."""

    async def run() -> Verified:
        if nats_url is None:
            return await verify(postgres_dsn, teller, space, agent)
        broker = await connect(nats_url, name=_VERIFY, login=login)
        try:
            return await verify(postgres_dsn, teller, space, agent, broker)
        finally:
            await broker.close()

    return uvloop.run(run())


def run_migrate(postgres_dsn: str) -> Migrated:
    """Bring the database to what this version needs."""
    return uvloop.run(migrate(postgres_dsn))
