"""A projection read out of Postgres into the shape of the naive fold, to be compared with it."""

import json
from collections import defaultdict
from dataclasses import fields
from itertools import zip_longest
from typing import Any

import asyncpg

from stratoscope.domain import delta
from support.folded_log import Folded, Timeline, naive_fold, read_log, text

_SERVING = "select schema_name from strato.projection where serving"
_EVENTS = """
    select event.*, event_type.name as type from event join event_type using (type_id)
    order by agent_id, event_index
"""


async def read_projection(dsn: str) -> Folded:
    """Everything in the tables, states rebuilt, at one moment."""
    session = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
    try:
        schema = await session.fetchval(_SERVING)
        await session.execute(f"set search_path to {schema}, strato")
        async with session.transaction(isolation="repeatable_read", readonly=True):
            return await _folded(session)
    finally:
        await session.close()


async def _folded(session: asyncpg.Connection) -> Folded:
    folded, lines = Folded(), dict[int, Timeline]()
    for row in await session.fetch("select * from agent"):
        line = Timeline(duplicates=row["duplicates"], clock=row["clock"])
        line.recorded = row["recorded_at"]
        folded.timelines[row["space"], row["name"]] = lines[row["agent_id"]] = line
    for row in await session.fetch(_EVENTS):
        lines[row["agent_id"]].events.append(_event(row))
    await _read_states(session, lines)
    for row in await session.fetch("select * from edge"):
        lines[row["agent_id"]].edges.add((str(row["cause"]), row["event_index"]))
    for row in await session.fetch("select * from taint"):
        taint = (row["stream_seq"], row["ordinal"], row["event_index"])
        lines[row["agent_id"]].taints.add(taint)
    folded.dead = {row[0] for row in await session.fetch("select stream_seq from dead_letter")}
    return folded


def _event(row: asyncpg.Record) -> dict[str, Any]:
    occurred = row["occurred_at"] or row["clock"]
    return {
        "index": row["event_index"],
        "place": (row["stream_seq"], row["ordinal"]),
        "id": str(row["id"]),
        "type": row["type"],
        "data": text(json.loads(row["data"])),
        "metadata": text(json.loads(row["metadata"] or "{}")),
        "causes": [str(cause) for cause in row["causes"] or ()],
        "patch": text(json.loads(row["patch"] or "[]")),
        "occurred": occurred,
        "recorded": row["recorded_at"],
        "clock": row["clock"],
        "late": occurred < row["clock"],
        "clamped": occurred > row["clock"],
        "depth": row["depth"],
    }


async def _read_states(session: asyncpg.Connection, lines: dict[int, Timeline]) -> None:
    groups: dict[int, dict[int, asyncpg.Record]] = defaultdict(dict)
    for row in await session.fetch("select * from state_version order by agent_id, version"):
        group = groups[row["agent_id"]]
        group[row["slot"]] = row
        chain = [group[slot] for slot in delta.chain(row["slot"])]
        raw = delta.unfold([one["blob"] for one in chain], [one["size"] for one in chain])[-1]
        snapshot = str(row["snapshot_id"]) if row["snapshot_id"] else None
        state = text(json.loads(delta.verified(raw, row["digest"])))
        lines[row["agent_id"]].states.append((row["event_index"], snapshot, state))


def differences(naive: Folded, projected: Folded) -> list[str]:
    """Where the two say different things, in words; nothing where they are equal."""
    found = []
    if naive.dead != projected.dead:
        found.append(f"dead letters: {naive.dead} in the log, {projected.dead} in the projection")
    for agent in naive.timelines.keys() | projected.timelines.keys():
        ours = naive.timelines.get(agent, Timeline())
        theirs = projected.timelines.get(agent, Timeline())
        for part in fields(Timeline):
            if part.compare and getattr(ours, part.name) != getattr(theirs, part.name):
                found.append(
                    f"{agent} {part.name}: "
                    + _first(getattr(ours, part.name), getattr(theirs, part.name))
                )
    return found


def _first(ours: Any, theirs: Any) -> str:
    if not isinstance(ours, list):
        return f"{ours} in the log, {theirs} in the projection"
    pairs = enumerate(zip_longest(ours, theirs))
    at, (left, right) = next((at, pair) for at, pair in pairs if pair[0] != pair[1])
    return f"at {at} of {len(ours)} and {len(theirs)}: {left} in the log, {right} in the projection"


async def assert_equals_log(nats_url: str, dsn: str) -> Folded:
    """Hold the projection to the naive fold of the log; gives it, for more to be asked."""
    log = await read_log(nats_url)
    projected = await read_projection(dsn)
    found = differences(naive_fold(log), projected)
    assert not found, "\n".join(found[:10])
    return projected
