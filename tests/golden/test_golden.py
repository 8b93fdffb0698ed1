"""Recorded histories are projected as they were when they were recorded.

Each file in `histories` is a log that was really recorded (`record.py` says how), each line of
`digests.json` what its projection was then. A change that gives an old log another meaning fails
here. One that means to, says why in its commit and writes the digests anew:
`python tests/golden/test_golden.py`.
"""

import base64
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.domain import delta
from stratoscope.domain.intake import decide
from stratoscope.domain.records import (
    EVENT_COLUMNS,
    VERSION_COLUMNS,
    Batch,
    EventIn,
    Head,
    Known,
    Limits,
    Message,
)
from stratoscope.projector.decode import decode

HERE = Path(__file__).parent
HISTORIES = sorted((HERE / "histories").glob("*.ndjson"))
DIGESTS = HERE / "digests.json"


def log_of(file: Path) -> list[Delivered]:
    """The messages of a history."""
    found = []
    for line in file.read_text().splitlines():
        message = json.loads(line)
        found.append(
            Delivered(
                message["stream_seq"],
                datetime.fromisoformat(message["recorded_at"]),
                message["subject"],
                message["headers"],
                base64.b64decode(message["data"]),
            )
        )
    return found


def projected(log: list[Delivered]) -> tuple[Batch, dict[int, str], dict[int, str]]:
    """The rows of a whole log, with the names behind the numbers of agents and types."""
    decoded = [decode(message) for message in log]
    messages = [one for one in decoded if isinstance(one, Message)]
    names = sorted({one.timeline for one in messages})
    types = sorted({r.type for one in messages for r in one.records if isinstance(r, EventIn)})
    heads = {name: Head(agent_id=number) for number, name in enumerate(names)}
    numbers = {name: number for number, name in enumerate(types)}
    batch = decide(decoded, heads, numbers, Known(), "STRATO_RECORD", Limits(field_index=True))
    agents = {number: "/".join(name) for number, name in enumerate(names)}
    return batch, agents, {number: name for name, number in numbers.items()}


def digest(log: list[Delivered]) -> dict[str, Any]:
    """What a log means: numbers to look at, and a hash over all that can be asked of it."""
    batch, agents, types = projected(log)
    told = hashlib.sha256()
    for row in batch.events:
        event = dict(zip(EVENT_COLUMNS, row, strict=True))
        event |= {"agent_id": agents[event["agent_id"]], "type_id": types[event["type_id"]]}
        told.update(json.dumps(event, default=str, sort_keys=True).encode())
    for version, raw in states(batch):
        kept = {k: v for k, v in version.items() if k not in ("blob", "size", "slot", "digest")}
        kept["agent_id"] = agents[kept["agent_id"]]
        told.update(json.dumps(kept, default=str, sort_keys=True).encode() + raw)
    for rejection in batch.rejections:
        place = rejection.stream_seq, rejection.ordinal, rejection.reason
        told.update(json.dumps(place).encode())
    return {
        "events": len(batch.events),
        "states": len(batch.versions),
        "dead_letters": len(batch.rejections),
        "duplicates": sum(head.duplicates for head in batch.heads.values()),
        "sha256": told.hexdigest(),
    }


def states(batch: Batch) -> list[tuple[dict[str, Any], bytes]]:
    """Every state version with the document that it rebuilds to."""
    rows = [dict(zip(VERSION_COLUMNS, row, strict=True)) for row in batch.versions]
    found = []
    for agent_id in {row["agent_id"] for row in rows}:
        mine = {row["version"]: row for row in rows if row["agent_id"] == agent_id}
        raws = delta.unfold_all(
            {
                version: delta.Frame(row["slot"], row["size"], row["digest"], row["blob"])
                for version, row in mine.items()
            },
            mine,
        )
        found += [(mine[version], raw) for version, raw in sorted(raws.items())]
    return sorted(found, key=lambda one: (one[0]["stream_seq"], one[0]["ordinal"]))


def test_there_are_histories() -> None:
    assert {file.stem for file in HISTORIES} == json.loads(DIGESTS.read_text()).keys()


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
def test_an_old_history_means_what_it_meant(file: Path) -> None:
    assert digest(log_of(file)) == json.loads(DIGESTS.read_text())[file.stem]


if __name__ == "__main__":
    found = {file.stem: digest(log_of(file)) for file in HISTORIES}
    DIGESTS.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
