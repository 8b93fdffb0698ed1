"""The real Prometheus, on the configuration that is shipped."""

import asyncio
import json
import math
import shutil
import tempfile
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from stratoscope.embedded.ports import LOOPBACK, free_port
from support.busy import Busy
from support.observed import PROMETHEUS, Json


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOOPBACK}:{port}/api/v1"

    async def ask(self, path: str, **query: str) -> Json:
        """The data of an answer."""
        return await asyncio.to_thread(self._ask, f"{path}?{urllib.parse.urlencode(query)}")

    def _ask(self, path: str) -> Json:
        with urllib.request.urlopen(f"{self._url}/{path}", timeout=5) as reply:
            answer: Json = json.load(reply)
        assert answer["status"] == "success", answer
        found: Json = answer["data"]
        return found

    async def is_up(self) -> bool:
        """Whether it has scraped both services."""
        try:
            found = await self.ask("query", query="sum(up)")
        except OSError:
            return False
        return [one["value"][1] for one in found["result"]] == ["2"]

    async def has(self, expression: str) -> bool:
        """Whether an expression has a value, and not only that there is none."""
        found = await self.ask("query", query=expression.replace("$__rate_interval", "1m"))
        return any(not math.isnan(float(one["value"][1])) for one in found["result"])


def configured(busy: Busy, folder: Path) -> Path:
    """The configuration that is shipped, with this stack's ports, and in a hurry."""
    settings: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))
    hurry = ("scrape_interval", "scrape_timeout", "evaluation_interval")
    settings["global"] |= dict.fromkeys(hurry, "500ms")
    settings["rule_files"] = [str(PROMETHEUS / name) for name in settings["rule_files"]]
    ports = {
        "stratoscope-projector": busy.stand.projector.port,
        "stratoscope-navigator": busy.stand.navigator.port,
    }
    for job in settings["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [f"{LOOPBACK}:{ports[job['job_name']]}"]}]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(settings), "utf-8")
    return file


@asynccontextmanager
async def prometheus(busy: Busy) -> AsyncIterator[Prometheus]:
    """One that scrapes the stack."""
    folder, port = Path(tempfile.mkdtemp(prefix="stratoscope-prometheus-")), free_port()
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={configured(busy, folder)}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield Prometheus(port)
    finally:
        process.kill()
        await process.wait()
        shutil.rmtree(folder)
