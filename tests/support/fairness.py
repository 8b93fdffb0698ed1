"""What the load of one space costs the requests of another one, measured beside each other."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg

from support.saturating import Load, Saturator, saturator

Json = dict[str, Any]
LOUD, QUIET = "loud", "quiet"
# What a space costs another one at most: see docs/operating.md.
FACTOR = 2.0
# Two other test workers and their services run on the same two processors. Each time that one of
# them has a processor in the middle of a request is some milliseconds more, whatever the navigator
# does, and requests that wait for more processes meet more of that.
GRACE_SECONDS = 0.005
ROUNDS = 2
# Such a moment can last for a whole measurement. What is unfair is so each time.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What the quiet space asks, `times` in each round."""

    verb: str
    body: Json
    times: int = 8

    async def seconds(self, client: Client, space: str) -> float:
        """How long it takes until there is a reply that is no error.

        A worker process that the machine does not run for a quarter of a second is taken for one
        that does not end, and `over_budget`: such a request is asked again.
        """
        begun = time.perf_counter()
        async with asyncio.timeout(60):
            while True:
                reply = await asked(client, space, self.verb, self.body)
                if "Nats-Service-Error" not in (reply.headers or {}):
                    return time.perf_counter() - begun
                assert json.loads(reply.data)["code"] == "over_budget", reply.data


@dataclass(frozen=True, slots=True)
class Saturation:
    """What the loud space asks; `code` is what it is answered where that is an error."""

    name: str
    load: Load
    code: str | None = None

    async def check(self, client: Client) -> None:
        """Ask once: what is refused for another reason would saturate nothing."""
        body = self.load.bodies[0].replace("{number}", "00000000").encode()
        reply = await client.request(self.load.subject, body, timeout=60)
        assert json.loads(reply.data).get("code") == self.code, reply.data


@dataclass(slots=True)
class _Times:
    """What each question took, in seconds."""

    by_verb: dict[str, list[float]] = field(default_factory=dict)

    async def measure(self, client: Client, space: str, questions: tuple[Question, ...]) -> None:
        """Ask the questions of one round, mixed."""
        for turn in range(max(question.times for question in questions)):
            for question in questions:
                if turn < question.times:
                    taken = await question.seconds(client, space)
                    self.by_verb.setdefault(question.verb, []).append(taken)


async def asked(client: Client, space: str, verb: str, body: Json) -> Msg:
    """The reply to a request."""
    subject, payload = f"strato.{space}.nav.{verb}", json.dumps(body).encode()
    return await client.request(subject, payload, timeout=60)


async def assert_is_fair_beside(
    quiet: Client,
    loud: Client,
    questions: tuple[Question, ...],
    *saturations: Saturation,
    space: str = QUIET,
) -> None:
    """Hold the medians of a space beside each load of another one to twice the usual ones.

    The loads come from a process of its own. Usual is what a request takes while that process keeps
    a processor busy with nothing. All are measured in turn, in several rounds of another order
    each, so that a busy moment of the machine meets all of them. What is found unfair is measured
    again, and has to be so each time.
    """
    await _Times().measure(quiet, space, questions)
    for one in saturations:
        await one.check(loud)
    unfair = list(saturations)
    async with saturator() as process:
        for _ in range(ATTEMPTS):
            unfair = await _unfair(process, unfair, quiet, space, questions)
            if not unfair:
                break
    assert not unfair, [one.name for one in unfair]


async def _unfair(
    process: Saturator,
    saturations: list[Saturation],
    quiet: Client,
    space: str,
    questions: tuple[Question, ...],
) -> list[Saturation]:
    """Those beside which a question takes more than it may, measured once."""
    usual, beside = _Times(), {one.name: _Times() for one in saturations}
    phases: list[Saturation | None] = [None, *saturations]
    for turn in range(ROUNDS):
        for one in phases[turn % len(phases) :] + phases[: turn % len(phases)]:
            times = beside[one.name] if one else usual
            await _measure(process, one, times, quiet, space, questions)
    return [one for one in saturations if not _is_fair(one.name, beside[one.name], usual)]


def _is_fair(name: str, beside: _Times, usual: _Times) -> bool:
    """Whether all medians are within their limit; all are printed."""
    are_fair = True
    for verb, now in beside.by_verb.items():
        before = usual.by_verb[verb]
        factor = median(now) / median(before)
        print(f"{verb} beside {name}: {shown(now)}, usually {shown(before)}, {factor:.2f}")
        are_fair &= median(now) <= FACTOR * median(before) + GRACE_SECONDS
    return are_fair


async def _measure(
    process: Saturator,
    one: Saturation | None,
    times: _Times,
    quiet: Client,
    space: str,
    questions: tuple[Question, ...],
) -> None:
    async with process.load(one.load if one else None):
        # A worker process more starts once, and a load needs a moment to be what it is.
        for question in questions:
            await question.seconds(quiet, space)
        await times.measure(quiet, space, questions)


def shown(times: list[float]) -> str:
    """Median and ninth decile in milliseconds."""
    return f"{median(times) * 1e3:.1f} ms ({quantiles(times, n=10)[8] * 1e3:.1f} ms)"
