"""A rebuild from a log that has lost its beginning, and of a projection that has lost its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest

from support.administered import Administered
from support.eventually import eventually
from support.service import ServiceProcess, service

EVENT = "strato.default.rec.explorer.event"
OFTEN = {"STRATO_RETENTION__CLEANUP_INTERVAL": "0.1"}


def a_step(number: int) -> dict[str, object]:
    return {"type": "a", "patch": [{"op": "add", "path": "/n", "value": number}]}


@pytest.fixture
async def tidy(administered: Administered, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """A projector that keeps bases at every moment, and no more than some events."""
    places = (administered.nats_url, administered.dsn, tmp_path)
    limit = {"STRATO_RETENTION__MAX_EVENTS_PER_AGENT": "200"}
    async with service("projector", *places, **OFTEN, **limit) as running:
        yield running


async def test_what_the_log_has_lost_is_not_given_up_unasked(
    administered: Administered, tidy: ServiceProcess
):
    seqs = await administered.record(EVENT, *map(a_step, range(20)))
    await administered.projected()
    client = await nats.connect(administered.nats_url)
    await client.jetstream().purge_stream("STRATO_RECORD", seq=seqs[10])
    await client.close()

    async def has_base() -> bool:
        return bool(await administered.fetch("select from base"))

    await eventually(has_base)
    refused = await administered.run("rebuild")
    assert refused.code == 1
    (difference,) = refused.json["comparison"]["differences"]
    assert difference["parts"].keys() == {"begins"}
    assert (await administered.rebuild("--force-swap"))["resumed"]
    indexes = await administered.fetch("select event_index from event order by event_index")
    assert [row["event_index"] for row in indexes][-10:] == list(range(10, 20))
    assert (await administered.run("verify")).code == 0


async def test_what_retention_dropped_is_no_difference(
    administered: Administered, tidy: ServiceProcess
):
    await administered.record(EVENT, *map(a_step, range(400)))
    await administered.projected()

    async def dropped() -> bool:
        rows = await administered.fetch("select first_position, swept_event from agent")
        return bool(rows[0]["first_position"] > 0 and rows[0]["swept_event"] > 0)

    await eventually(dropped)
    assert (await administered.run("verify")).code == 0
    done = await administered.rebuild()
    assert done["comparison"]["differing"] == 0
    # Whoever took over drops it again.
    await eventually(dropped)
    assert (await administered.run("verify")).code == 0
