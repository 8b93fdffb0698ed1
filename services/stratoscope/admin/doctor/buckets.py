"""The buckets of the object store: an age and a size that bound each of them."""

from stratoscope.admin.doctor.checks import Check, graded
from stratoscope.broker.connection import Connection
from stratoscope.broker.objects import stream_of
from stratoscope_contracts.words import MIB, exports_bucket, spill_bucket

_PREFIXES = (stream_of(exports_bucket("")), stream_of(spill_bucket("")))
_NAME = "buckets"


async def bucket_checks(broker: Connection) -> list[Check]:
    """A check of each bucket that has no bound or is nearly full, or one of all of them."""
    found = []
    count = 0
    for info in await broker.jetstream.streams_info():
        name = info.config.name or ""
        if name.startswith(_PREFIXES):
            count += 1
            bucket = name.removeprefix(stream_of(""))
            found.append(
                bucket_check(bucket, info.state.bytes, info.config.max_bytes, info.config.max_age)
            )
    told = [one for one in found if one.status != "ok"]
    return told or [Check(_NAME, "ok", f"{count}, each with an age and a size")]


def bucket_check(bucket: str, used: int, max_bytes: int | None, max_age: float | None) -> Check:
    """Whether a bucket is bounded, and has room."""
    name = f"bucket {bucket}"
    if not max_bytes or max_bytes < 0 or not max_age:
        age, size = ("1h", "256MB") if bucket.startswith(spill_bucket("")) else ("168h", "2GB")
        advice = (
            "it may fill the broker's disk:"
            f" `nats stream edit {stream_of(bucket)} --max-age={age} --max-bytes={size}`"
        )
        return Check(name, "warn", "it has no age, or no size", advice)
    share = used / max_bytes
    message = f"{used / MIB:,.1f} MiB, {share:.0%} of what it may have"
    advice = "its space's exports are refused once it is full: raise its max_bytes"
    return graded(name, share, 0.8, 2.0, message, advice)
