"""A space gets what it may have, and is told clearly where it wants more."""

from pathlib import Path

import pytest

from stratoscope.client import Navigator
from stratoscope_contracts.breakpoints import BreakpointCreateRequest, OnEventTypeCondition
from stratoscope_contracts.errors import BadRequest
from support.administered import Administered
from support.eventually import eventually
from support.service import service

LETTERS = "select space, agent, reason from dead_letter order by stream_seq"


async def test_what_is_over_a_quota_is_a_dead_letter_or_a_bad_request(
    nats_url: str, postgres_dsn: str, tmp_path: Path
) -> None:
    administered = Administered(nats_url, postgres_dsn)
    places = (nats_url, postgres_dsn, tmp_path)
    limits = {
        "STRATO_QUOTA__AGENTS": "2",
        "STRATO_QUOTA__BYTES": "2000",
        "STRATO_QUOTA__BREAKPOINTS": "1",
        "STRATO_RETENTION__CLEANUP_INTERVAL": "0.05",
    }
    async with (
        service("projector", *places, **limits),
        service("navigator", *places, **limits),
        Navigator.connect(nats_url, timeout=20) as nav,
    ):
        # The first in the log have the room; each space has its own.
        for space, agent in (("default", "a"), ("default", "b"), ("default", "c"), ("other", "c")):
            await administered.record(f"strato.{space}.rec.{agent}.event", {"type": "seen"})
        await administered.projected()
        await administered.record("strato.default.rec.a.event", {"type": "seen"})
        await administered.projected()
        assert await _letters(administered) == [("default", "c", "quota")]
        condition = OnEventTypeCondition(kind="on_event_type", type="seen")
        wanted = BreakpointCreateRequest(agent="a", condition=condition)
        await nav.request("breakpoint.create", wanted)
        with pytest.raises(BadRequest, match="the request does not fit") as refused:
            await nav.request("breakpoint.create", wanted)
        assert "the space has at most 1 breakpoints" in str(refused.value.details)

        # Counted now and then: what comes until then is let in.
        large = {"state": {str(n): hash(str(n)) % 2**40 for n in range(400)}}
        await administered.record("strato.other.rec.c.snapshot", large)

        async def is_full() -> bool:
            await administered.record("strato.other.rec.c.event", {"type": "seen"})
            await administered.projected()
            return ("other", "c", "quota") in await _letters(administered)

        await eventually(is_full)
        letters = await _letters(administered)
        assert {letter[0] for letter in letters[1:]} == {"other"}
        # A rebuild repeats these verdicts, and makes none of its own.
        rebuilt = await administered.rebuild()
        assert rebuilt["comparison"]["differing"] == 0
        assert await _letters(administered) == letters


async def _letters(administered: Administered) -> list[tuple[str, str, str]]:
    return [(row[0], row[1], row[2]) for row in await administered.fetch(LETTERS)]
