"""What both services serve is what their page says, and Prometheus has data for every panel."""

import asyncio
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from signal import SIGCONT, SIGSTOP
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from stratoscope.projector.standing import Looking, StandMetrics
from stratoscope.store.database import OPERATIONS, pool
from support.busy import Busy
from support.eventually import eventually
from support.observed import metrics, shown
from support.prometheus import prometheus
from support.service import ServiceProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")
# As the text says it: the type of an info is a gauge's there.
_TYPES: Final = {"info": "gauge"}


def values(gauge: Gauge) -> set[float]:
    """What is shown, whatever the labels."""
    return {sample.value for metric in gauge.collect() for sample in metric.samples}


async def scraped(running: ServiceProcess) -> str:
    status, text = await running.get("/metrics")
    assert status == 200
    return text


@pytest.mark.parametrize(
    ("service", "heading"), [("projector", "metric"), ("navigator", "navigator's metric")]
)
async def test_what_is_served_is_what_is_described(busy: Busy, service: str, heading: str) -> None:
    running: ServiceProcess = getattr(busy.stand, service)
    text = await scraped(running)
    served = {
        name: kind
        for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
        if not name.endswith("_created") and not name.startswith("process_")
    }
    described = {
        one.name + {"counter": "_total", "info": "_info"}.get(one.kind, ""): one
        for one in metrics(heading)
    }
    assert served == {name: _TYPES.get(one.kind, one.kind) for name, one in described.items()}

    async def are_all_labels_there() -> bool:
        found = labels_in(await scraped(running))
        return all(
            found.get(one.series[0]) == one.labels | ({"le"} if one.kind == "histogram" else set())
            for one in described.values()
        )

    await eventually(are_all_labels_there)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("service", ["projector", "navigator"])
async def test_names_and_units_are_after_the_conventions(busy: Busy, service: str) -> None:
    text = await scraped(getattr(busy.stand, service))
    command = ["promtool", "check", "metrics"]
    done = await asyncio.to_thread(
        partial(subprocess.run, command, input=text, capture_output=True, text=True, check=False)
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def labels_in(text: str) -> dict[str, frozenset[str]]:
    """The labels of each series that is there."""
    return {
        sample.name: frozenset(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_happened_is_counted(busy: Busy) -> None:
    before = await counted(busy.stand.projector)
    await busy.round()
    taken = "strato_projector_records_total"
    expected = {
        (taken, "event", "taken"): 2,
        (taken, "patch", "taken"): 1,
        (taken, "snapshot", "taken"): 1,
        (taken, "duplicate", "event"): 1,
        ("strato_projector_dead_letters_total", "not_json"): 1,
    }

    async def are_counted() -> bool:
        found = await counted(busy.stand.projector)
        return {key: found[key] - before[key] for key in expected} == expected

    await eventually(are_counted)
    found = await counted(busy.stand.projector)
    raw = found["strato_projector_state_raw_bytes_total",]
    assert 0 < found["strato_projector_state_stored_bytes_total",] < raw


async def counted(running: ServiceProcess) -> dict[tuple[str, ...], float]:
    """Each series by its name and labels."""
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(await scraped(running))
        for sample in family.samples
    }


async def test_what_is_not_projected_is_seen_to_wait(busy: Busy) -> None:
    metrics = StandMetrics(CollectorRegistry())
    async with pool(busy.stand.dsn, OPERATIONS, "test", size=1) as sessions:
        looks = Looking(busy.client, sessions, metrics, holds=lambda: None)

        async def is_behind_by_none() -> bool:
            await looks.look()
            return values(metrics.lag_messages) == {0.0}

        await eventually(is_behind_by_none)
        assert values(metrics.lag_seconds) == {0.0}
        busy.stand.projector.process.send_signal(SIGSTOP)
        try:
            before = datetime.now(UTC)
            await busy.send(3)
            await looks.look(before + timedelta(minutes=1))
        finally:
            busy.stand.projector.process.send_signal(SIGCONT)
        assert values(metrics.lag_messages) == {3.0}
        assert min(values(metrics.lag_seconds)) > 55
        await eventually(is_behind_by_none)
        assert values(metrics.lag_seconds) == {0.0}


async def test_a_log_without_limit_is_never_full(busy: Busy) -> None:
    metrics = StandMetrics(CollectorRegistry())
    async with pool(busy.stand.dsn, OPERATIONS, "test", size=1) as sessions:
        await Looking(busy.client, sessions, metrics, lambda: None).look()
    (limit,), (size,), (database,) = map(
        values, (metrics.log_limit, metrics.log_bytes, metrics.database_bytes)
    )
    assert size / limit == 0
    assert size > 0
    assert database > 0


async def test_sessions_are_counted_by_state(busy: Busy) -> None:
    async def are_counted() -> bool:
        text = await scraped(busy.stand.navigator)
        return (
            'strato_navigator_sessions{state="active"} 1.0' in text
            and 'strato_navigator_sessions{state="completed"} 0.0' in text
        )

    await eventually(are_counted)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
async def test_every_panel_has_data_and_every_rule_is_evaluated(busy: Busy) -> None:
    async with prometheus(busy) as running:
        await eventually(running.is_up, within=15)
        missing = set(shown())

        async def is_all_there() -> bool:
            await busy.round()
            for one in sorted(missing):
                if await running.has(one[1]):
                    missing.remove(one)
            return not missing

        try:
            await eventually(is_all_there, within=20)
        except TimeoutError:
            pytest.fail(f"without data: {sorted(missing)}")

        async def are_all_judged() -> bool:
            groups = (await running.ask("rules"))["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
            return bool(rules) and all(rule["health"] == "ok" for rule in rules)

        await eventually(are_all_judged)
