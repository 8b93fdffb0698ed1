"""The broker: its version and limits, the three streams, and what it is allowed to keep."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from nats.errors import Error as NatsError
from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError

from stratoscope.admin.doctor.buckets import bucket_checks
from stratoscope.admin.doctor.checks import Check, graded
from stratoscope.broker.connection import Connection
from stratoscope.broker.quorum import copies_in_reach, has_quorum
from stratoscope.broker.store_probe import is_stored
from stratoscope.broker.streams import Difference, StreamSettings, definitions, differences
from stratoscope_contracts.words import MAX_MESSAGE_BYTES, MIB, STREAM_PROBE, STREAM_RECORD

_OLDEST = (2, 10)
_ROOM = MAX_MESSAGE_BYTES + MIB
_SECONDS = 5.0
# What an operator decides.
_DECIDED = frozenset({"max_bytes", "max_age", "num_replicas"})
_FRACTION = re.compile(r"\.(\d+)")


@dataclass(frozen=True, slots=True)
class BrokerTime:
    """The broker's clock, between two readings of ours."""

    asked: datetime
    said: datetime
    answered: datetime


async def broker_checks(broker: Connection) -> list[Check]:
    """What can be seen of a broker that answers."""
    found = [_version(broker), _payload(broker)]
    found += [check async for check in _streams(broker)]
    found.append(await _storing(broker))
    # Where JetStream does not answer, the streams have a line that says so.
    with suppress(NatsError, TimeoutError):
        found += await bucket_checks(broker)
    return found


def _version(broker: Connection) -> Check:
    version = broker.client.connected_server_version
    url = broker.client.connected_url
    number = f"{version.major}.{version.minor}.{version.patch}"
    message = f"nats-server {number}{f' at {url.hostname}' if url else ''}"
    if (version.major, version.minor) < _OLDEST:
        advice = "run nats-server 2.10 or later: partitions need its subject transforms"
        return Check("broker", "fail", message, advice)
    return Check("broker", "ok", message)


def _payload(broker: Connection) -> Check:
    limit = broker.client.max_payload
    message = f"max_payload is {limit / MIB:.1f} MiB"
    if limit < _ROOM:
        advice = f"set max_payload to {_ROOM // MIB}MB: records may have 8 MiB and headers"
        return Check("message size", "warn", message, advice)
    return Check("message size", "ok", message)


async def _streams(broker: Connection) -> AsyncIterator[Check]:
    for wanted in definitions(StreamSettings()):
        name = str(wanted.name)
        try:
            info = await broker.jetstream.stream_info(name)
        except NotFoundError:
            advice = "start a projector, which makes it, or see why its role may not"
            yield Check(f"stream {name}", "fail", "it is not there", advice)
            continue
        except (NatsError, TimeoutError) as error:
            advice = (
                "a cluster needs a majority of its servers (`nats server report jetstream`); one"
                " server needs -js; see this role's permissions on $JS.API.>"
            )
            message = f"JetStream does not tell of it: {type(error).__name__}"
            yield Check(f"stream {name}", "fail", message, advice)
            continue
        for check in _stream(name, info.config, wanted):
            yield check
        if name == STREAM_RECORD:
            yield log_room(info.state.bytes, info.config.max_bytes)
            yield copies_check(info)


async def _storing(broker: Connection) -> Check:
    """Whether the broker stores a message: a full disk leaves all else as it was."""
    stored = await is_stored(broker.client)
    if stored is None:
        return Check("storing", "skip", f"there is no stream {STREAM_PROBE}: a projector makes it")
    if stored:
        return Check("storing", "ok", "a message was stored")
    advice = (
        "see its log: after a full disk, free space and restart the broker, which does not write to"
        " a stream again before; a cluster needs a majority of its servers"
    )
    return Check("storing", "fail", "JetStream stores nothing: nothing can be recorded", advice)


def _stream(name: str, found: Any, wanted: Any) -> Iterator[Check]:
    found_differences = [one for one in differences(wanted, found) if one.field not in _DECIDED]
    if not found_differences:
        yield Check(f"stream {name}", "ok", "as the contract has it")
    for one in found_differences:
        yield Check(f"stream {name}", "fail" if one.breaking else "warn", str(one), _advice(one))


def _advice(one: Difference) -> str:
    if one.breaking:
        return "the log would lie: give that stream another name"
    if one.stream == STREAM_RECORD and one.field == "duplicate_window":
        return (
            "an agent that uses a message id first has another's record swallowed: "
            f"`nats stream edit {one.stream} --dupe-window={one.expected * 1000:.0f}ms`"
        )
    return "change it with `nats stream edit`, or the projector's STRATO_STREAM_ settings"


def log_room(used: int, limit: int | None) -> Check:
    if not limit or limit < 0:
        return Check("log size", "ok", f"{used / MIB:,.1f} MiB, without a limit of its own")
    share = used / limit
    message = f"{used / MIB:,.1f} MiB, {share:.0%} of what the stream may have"
    advice = "records are refused once it is full: raise max_bytes, or set a max_age"
    return graded("log size", share, 0.8, 0.95, message, advice)


def copies_check(info: StreamInfo) -> Check:
    """Whether the log has copies, and enough of them are in reach."""
    reached, copies = copies_in_reach(info)
    if (info.config.num_replicas or 1) == 1:
        advice = "for production, three servers and STRATO_STREAM_REPLICAS=3: one disk is one copy"
        return Check("log copies", "ok", "1: what that disk loses is lost", advice)
    message = f"{reached} of {copies} in reach"
    if not has_quorum(info):
        advice = "start the other servers, or mend the network between them"
        return Check("log copies", "fail", f"{message}: nothing can be recorded", advice)
    replicas = (info.cluster.replicas if info.cluster is not None else None) or []
    behind = [one.name or "a server" for one in replicas if not one.current]
    if behind:
        return Check("log copies", "warn", f"{', '.join(behind)} lag behind", "see that server")
    return Check("log copies", "ok", message)


async def broker_time(broker: Connection) -> BrokerTime | None:
    """The broker's clock, by what it says of the log; None where it does not say."""
    asked = datetime.now(UTC)
    try:
        subject = f"$JS.API.STREAM.INFO.{STREAM_RECORD}"
        message = await broker.client.request(subject, b"", timeout=_SECONDS)
    except NatsError:
        return None
    said = orjson.loads(message.data).get("ts")
    if not isinstance(said, str):
        return None
    # Nanoseconds, which Python does not read.
    cut = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", said)
    return BrokerTime(asked, datetime.fromisoformat(cut), datetime.now(UTC))


async def monitored(url: str | None) -> list[Check]:
    """What only the broker's monitoring port knows."""
    if url is None:
        message = "only the broker's monitoring port tells"
        return [Check("sync_interval", "skip", message, "name it with --monitor")]
    try:
        async with asyncio.timeout(_SECONDS):
            jetstream = await _get(url, "/jsz?config=true")
            healthy = await _get(url, "/healthz")
    except (OSError, ValueError, TimeoutError) as error:
        message = f"{url} does not answer: {type(error).__name__}"
        return [Check("monitoring", "warn", message, "see http_port in the broker's configuration")]
    return [_sync_interval(jetstream), _health(healthy)]


def _sync_interval(jetstream: dict[str, Any]) -> Check:
    configured = jetstream.get("config") or {}
    if configured.get("sync_always"):
        return Check("sync_interval", "ok", "always: what is acknowledged is on the disk")
    seconds = int(configured.get("sync_interval") or 0) / 1e9
    message = f"{seconds:g} s: a power failure loses what was acknowledged in that time"
    advice = "for production, `sync_interval: always` in the broker's jetstream section"
    return graded("sync_interval", seconds, 1.5, float("inf"), message, advice)


def _health(healthy: dict[str, Any]) -> Check:
    if healthy.get("status") == "ok":
        return Check("broker health", "ok", "it says ok")
    message = f"it says {healthy.get('status')}: {healthy.get('error', '')}"
    return Check("broker health", "fail", message, "see its log; a full disk needs a restart too")


async def _get(url: str, path: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.hostname is None:
        raise ValueError("not an address")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 8222)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {parts.hostname}\r\n\r\n".encode())
        raw = await reader.read()
    finally:
        writer.close()
    document: dict[str, Any] = orjson.loads(raw.partition(b"\r\n\r\n")[2])
    return document
