"""Whatever was taken can be read: by every verb and every command, in strict JSON.

`STRATO_FUZZ_RECORDS` and `STRATO_FUZZ_SEED` make it longer, or repeat it (`make soak`).
"""

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path

from stratoscope_contracts.verbs import VERBS
from support.forking import Forking
from support.odd_commands import COMMANDS, NOT_DRAWN, command_names, given
from support.odd_records import OddRecords
from support.odd_requests import REQUESTS, Draw, Taken
from support.odd_stack import SPACE, Asker, Bystander, account, projected, send, strictly
from support.saturating import saturator
from support.service import service
from support.wire import connected

RECORDS = int(os.environ.get("STRATO_FUZZ_RECORDS", "2000"))
SEED = int(os.environ.get("STRATO_FUZZ_SEED") or random.SystemRandom().randrange(10**9))
# The other space asks on the same event loop as the test itself, which checks replies of megabytes
# meanwhile, and other tests run beside this one. test_fairness.py measures more closely.
_GRACE_SECONDS = 0.03
_NOT_LOADED = ("Traceback (most recent call last)", "[internal]", "the navigator's log has it")
_JSON_OUTPUT = frozenset(COMMANDS) - {"export", "migrate", "verify", "doctor", "audit", "replay"}


def test_every_verb_has_a_generator() -> None:
    assert REQUESTS.keys() == VERBS.keys()


def test_every_command_has_a_generator_or_a_reason() -> None:
    assert COMMANDS.keys() | NOT_DRAWN.keys() == command_names()


async def test_whatever_was_taken_can_be_read(
    nats_url: str, projection_dsn: str, forking: Forking, scratch: Path
) -> None:
    print(f"seed {SEED}, {RECORDS} records; `make soak SEED={SEED}` repeats it")
    messages = list(OddRecords(SEED).messages(RECORDS))
    async with (
        service("projector", nats_url, projection_dsn, scratch) as projector,
        service("navigator", nats_url, projection_dsn, scratch) as navigator,
        connected(nats_url) as client,
    ):
        began = time.monotonic()
        bystander = Bystander(client)
        await bystander.record()
        async with saturator() as busy, busy.load(None):
            usual = await bystander.ask(100)
        beside = asyncio.create_task(bystander.ask_until_cancelled())
        sent = await send(client, messages)
        await projected(client, max(sent.records))
        accounts, taken = await account(projection_dsn, sent)
        print(f"projected after {time.monotonic() - began:.1f} s: {accounts}")
        asker = Asker(client, taken, SEED)
        await asker.ask_all(max(3, min(200, RECORDS // 500)))
        print(f"asked after {time.monotonic() - began:.1f} s: {asker.answers.total()} answers")
        beside.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beside
        said = _commands(forking, nats_url, projection_dsn, taken)
        print(f"commands after {time.monotonic() - began:.1f} s")
        logs = projector.log.read_text() + navigator.log.read_text()
        for running in (projector, navigator):
            assert running.process.returncode is None
            assert await running.is_ready(), (await running.get("/readyz"), logs[-3000:])
    if kept := os.environ.get("STRATO_FUZZ_LOG"):
        _keep(Path(kept), logs)
    assert not asker.faults, f"seed {SEED}\n" + "\n".join(asker.faults[:20])
    assert not said, f"seed {SEED}\n" + "\n".join(said[:20])
    assert accounts.total == sent.total, f"seed {SEED}: {accounts} of {sent.total}"
    assert "Traceback" not in logs
    during = sorted(bystander.seconds)[len(bystander.seconds) // 2]
    print(f"another space: {usual * 1000:.1f} ms before, {during * 1000:.1f} ms meanwhile")
    assert during < 2 * usual + _GRACE_SECONDS, f"seed {SEED}"


def _keep(file: Path, logs: str) -> None:
    file.write_text(logs)


def _commands(forking: Forking, nats_url: str, dsn: str, taken: Taken) -> list[str]:
    """What commands must not say or end with, over what was taken."""
    draw = Draw(random.Random(SEED), taken)
    found: list[str] = []
    environment = os.environ | {
        "STRATO_NATS_URL": nats_url,
        "STRATO_POSTGRES_DSN": dsn,
        "COLUMNS": "100",
    }
    rounds = max(1, min(20, RECORDS // 5000))
    for name, drawn in [*COMMANDS.items()] * rounds:
        words = [one.replace("\x00", "") for one in drawn(draw)]
        wants_json = name in _JSON_OUTPUT and "--format" not in " ".join(words) and draw.likely()
        options = ("-o", "json") if wants_json and not {"--dot", "--mermaid"} & {*words} else ()
        arguments = (*name.split(), *options, *words)
        try:
            done = forking.run(arguments, environment, given(name, draw))
        except UnicodeError as error:
            found.append(f"{arguments}: {error}")
            continue
        problem = _problem(done.returncode, done.stdout, done.stderr, bool(options))
        if problem:
            found.append(f"{arguments} ended with {done.returncode}: {problem}")
    return found


def _problem(code: int, out: str, err: str, is_json: bool) -> str:
    if code not in range(5):
        return f"{out[-300:]} {err[-600:]}"
    for word in _NOT_LOADED:
        if word in out + err:
            return f"{out[-300:]} {err[-900:]}"
    if is_json and code == 0:
        for line in filter(None, out.split("\n")):
            try:
                strictly(line.encode())
            except ValueError as error:
                return f"{error}: {line[:300]}"
    return ""


def test_the_same_seed_gives_the_same_messages() -> None:
    one, other = (list(OddRecords(7).messages(300)) for _ in range(2))
    assert one == other
    assert sum(message.records for message in one) == 300
    assert SPACE == "default"
