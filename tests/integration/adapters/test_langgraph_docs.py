"""The documentation's example runs."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from stratoscope.broker.connection import connect
from stratoscope.broker.streams import StreamSettings, ensure_streams
from support.log import Log

PAGE = Path(__file__).parents[3] / "docs" / "langgraph.md"


async def recorded_types(url: str) -> list[str]:
    opened = await connect(url, name="test")
    await ensure_streams(opened.jetstream, StreamSettings())
    records = await Log(opened).records("explorer-7")
    await opened.close()
    return [record.get("type", "snapshot") for record in records]


def test_the_example_records_a_run(nats_url: str) -> None:
    assert asyncio.run(recorded_types(nats_url)) == []
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    space: dict[str, object] = {}
    exec(example.replace("nats://127.0.0.1:4222", nats_url), space)
    assert space["result"]
    assert asyncio.run(recorded_types(nats_url)) == [
        "message_received",
        "snapshot",
        "snapshot",
        "action_execution",
        "state_change",
        "snapshot",
        "message_sent",
    ]
