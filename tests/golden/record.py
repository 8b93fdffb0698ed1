"""Write a log down as a golden history: `python tests/golden/record.py NATS_URL > X.ndjson`.

One line a message, in the log's order: what the projector is given, and nothing else.
"""

import asyncio
import base64
import json
import sys

from stratoscope.broker.connection import connect
from stratoscope.broker.puller import Puller
from stratoscope_contracts.words import STREAM_RECORD


async def main(url: str) -> None:
    """Print every message of the log."""
    broker = await connect(url, name="golden")
    try:
        last = (await broker.jetstream.stream_info(STREAM_RECORD)).state.last_seq
        async with Puller(broker.client, STREAM_RECORD, start_seq=1) as puller:
            taken = 0
            while taken < last:
                for message in await puller.take(1000, 1.0, 1 << 30):
                    taken = message.stream_seq
                    line = {
                        "stream_seq": message.stream_seq,
                        "recorded_at": message.recorded_at.isoformat(),
                        "subject": message.subject,
                        "headers": message.headers,
                        "data": base64.b64encode(message.data).decode(),
                    }
                    print(json.dumps(line, sort_keys=True))
    finally:
        await broker.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
