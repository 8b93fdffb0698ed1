"""The services: who projects, who answers, how far they are, and whether clocks agree."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from stratoscope.admin.doctor.broker import BrokerTime
from stratoscope.admin.doctor.checks import Check, graded
from stratoscope.broker.connection import Connection
from stratoscope.domain.log_identity import identity_difference
from stratoscope.projector.log_check import LogReplaced, check_message, remember
from stratoscope.store.doctor import Lease, Patient
from stratoscope_contracts.version import __version__
from stratoscope_contracts.words import NAVIGATOR_SERVICE, PARTITIONS, STREAM_RECORD

_LISTEN_SECONDS = 0.5
_LOOK_SECONDS = 2.0
_LOOK_EVERY = 0.1
_START_PROJECTOR = "start one: `stratoscope projector`; if one runs, /readyz and its log say why"


async def navigators(broker: Connection) -> Check:
    """Who answers requests, and in which version."""
    heard: list[str] = []

    async def hear(message: Msg) -> None:
        if message.data:
            heard.append(str(orjson.loads(message.data).get("version")))

    try:
        inbox = broker.client.new_inbox()
        subscription = await broker.client.subscribe(inbox, cb=hear)
        await broker.client.publish(f"$SRV.PING.{NAVIGATOR_SERVICE}", b"", reply=inbox)
        await broker.client.flush()
        await asyncio.sleep(_LISTEN_SECONDS)
        await subscription.unsubscribe()
    except NatsError as error:
        return Check(
            "navigators", "fail", f"can't be asked: {error}", "see this role's permissions"
        )
    if not heard:
        advice = "start one: `stratoscope navigator`; without it nobody's questions are answered"
        return Check("navigators", "fail", "none answers", advice)
    if set(heard) != {__version__}:
        versions = ", ".join(sorted(set(heard)))
        advice = "bring all to one version once the upgrade is through"
        return Check(
            "navigators", "warn", f"{len(heard)}, of {versions}, not {__version__}", advice
        )
    return Check("navigators", "ok", f"{len(heard)}, of version {__version__}")


async def projecting(broker: Connection, patient: Patient) -> list[Check]:
    """Who projects, and whether the projection is up with the log."""
    found = [await _log(broker, patient)]
    projectors, leases = await patient.projectors(), await patient.leases()
    found.append(
        Check("projectors", "ok", str(projectors))
        if projectors
        else Check("projectors", "fail", "none lives", _START_PROJECTOR)
    )
    found.append(_leases(leases))
    found.append(await _lag(broker, patient))
    found.append(await _watching(patient))
    found.append(await _dead_letters(patient))
    return found


def _leases(leases: Sequence[Lease]) -> Check:
    free = [str(one.partition) for one in leases if one.free]
    if free:
        message = f"nobody projects {len(free)} of {PARTITIONS} partitions: {', '.join(free)}"
        return Check("leases", "fail", message, _START_PROJECTOR)
    return Check("leases", "ok", f"all {PARTITIONS} partitions are held")


async def _lag(broker: Connection, patient: Patient) -> Check:
    """Behind is well as long as it moves."""
    # In this order: what is committed between the two is in the log.
    first = reached = await _reached(patient)
    last = (await broker.jetstream.stream_info(STREAM_RECORD)).state.last_seq
    if reached > last:
        message = f"unknown: the log ends at {last:,}, and {reached:,} messages were projected"
        return Check("lag", "fail", message, "see the check `log`")
    until = asyncio.get_running_loop().time() + _LOOK_SECONDS
    while reached < last and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(_LOOK_EVERY)
        reached = await _reached(patient)
    if reached >= last:
        return Check("lag", "ok", f"all is projected up to message {last:,}")
    message = f"{last - reached:,} messages behind"
    if reached > first:
        advice = "more is recorded than projected: see lag and batches in its metrics, or wait"
        return Check("lag", "warn", f"{message}, and gets on", advice)
    return Check("lag", "fail", f"{message}, and does not get on", _START_PROJECTOR)


async def _reached(patient: Patient) -> int:
    return min(one.stream_seq for one in await patient.leases())


async def _log(broker: Connection, patient: Patient) -> Check:
    """A projector halts where the log is not the one that it knows."""
    # In this order: what is committed between the two is in the log.
    held = await patient.checkpoints()
    known = await patient.log_created_at(STREAM_RECORD)
    info = await broker.jetstream.stream_info(STREAM_RECORD)
    advice = "restore that stream, or `stratoscope rebuild --force-swap` to take what it has now"
    if known is None:
        return Check("log", "ok", "nothing was projected from it yet")
    remembered = remember(known, held)
    found = identity_difference(STREAM_RECORD, info.created, info.state.last_seq, remembered)
    if found is not None:
        return Check("log", "fail", f"{found}: projectors halt", advice)
    try:
        for seq, digest in remembered.probes:
            if seq >= info.state.first_seq:
                await check_message(broker.client, STREAM_RECORD, seq, digest)
    except LogReplaced as error:
        return Check("log", "fail", str(error), advice)
    return Check("log", "ok", "it is the one that was projected")


async def _watching(patient: Patient) -> Check:
    unwatched = await patient.unwatched()
    if unwatched:
        message = f"nobody watches {unwatched} of {PARTITIONS} partitions for breakpoints"
        advice = "start a navigator: one watches, besides answering"
        return Check("breakpoints", "warn", message, advice)
    return Check("breakpoints", "ok", f"all {PARTITIONS} partitions are watched")


async def _dead_letters(patient: Patient) -> Check:
    lately, unpublished = await patient.dead_letters()
    if unpublished:
        message = f"{unpublished} wait to be published for more than a minute"
        return Check("dead letters", "warn", message, "see the projector's log")
    if lately:
        advice = "docs/errors.md has the reasons, the stream STRATO_DLQ the records"
        return Check("dead letters", "warn", f"{lately} in the last day", advice)
    return Check("dead letters", "ok", "none in the last day")


async def clocks(broker: BrokerTime | None, patient: Patient) -> list[Check]:
    """How far apart clocks are; times of records are the broker's, leases are the database's."""
    asked = datetime.now(UTC)
    said = await patient.clock()
    found = [clock_check("database's clock", asked, said, datetime.now(UTC))]
    if broker is None:
        return [Check("broker's clock", "skip", "it does not say its time"), *found]
    return [clock_check("broker's clock", broker.asked, broker.said, broker.answered), *found]


def clock_check(name: str, asked: datetime, said: datetime, answered: datetime) -> Check:
    """What was said lies between the question and the answer, where the clocks agree."""
    early, late = (asked - said).total_seconds(), (said - answered).total_seconds()
    skew = max(early, late, 0.0)
    message = f"within {skew:.3f} s of this host's" if skew else "agrees with this host's"
    advice = "run NTP on all hosts: recorded times and retention go by these clocks"
    return graded(name, skew, 1.0, 60.0, message, advice)
