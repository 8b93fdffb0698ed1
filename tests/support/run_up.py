"""`up` with services that do nothing, as a process of its own, to be signalled and killed.

The argument is JSON: {"data", "json", "ports", "projector": [flag…], "nats_url", "postgres_dsn"}.
"""

import asyncio
import json
import logging
import sys
from pathlib import Path

from stratoscope.embedded import Wanted, run_up

_DUMMY = (sys.executable, str(Path(__file__).with_name("dummy_service.py")))


def main() -> int:
    asked = json.loads(sys.argv[1])
    logging.basicConfig(stream=sys.stderr)
    wanted = Wanted(
        data=Path(asked["data"]),
        ports=asked.get("ports", {}),
        nats_url=asked.get("nats_url"),
        postgres_dsn=asked.get("postgres_dsn"),
        projector=(*_DUMMY, *asked.get("projector", [])),
        navigator=_DUMMY,
    )
    return asyncio.run(run_up(wanted, json_output=asked.get("json", True)))


if __name__ == "__main__":
    sys.exit(main())
