"""The demo's agent: the same believable failure in every run, with its cause well before it."""

import json
from pathlib import Path
from typing import Any

import pytest

from stratoscope.adapters.langgraph import record
from stratoscope.demo.agent import THREAD, arun, build, run
from stratoscope.demo.tools import InvoiceRejected, read_meter
from stratoscope.domain.causality.chains import longest_chain
from stratoscope.domain.causality.nodes import Node
from support.listing import AsyncListing, Listed, Listing


@pytest.fixture
def recorded(tmp_path: Path) -> Listing:
    """A recorded run of the agent."""
    listing = Listing()
    run(record(build(tmp_path), listing))
    return listing


def states(listing: Listing) -> list[dict[str, Any]]:
    return [snapshot.data for snapshot in listing.snapshots()]


def test_the_run_ends_with_an_invoice_that_the_contract_does_not_allow(tmp_path: Path) -> None:
    rejected = run(build(tmp_path))
    assert isinstance(rejected, InvoiceRejected)
    assert "125,194.12 EUR for the meter south" in str(rejected)
    assert not list(tmp_path.glob("invoice-*"))


def test_the_tools_read_and_write_files(tmp_path: Path) -> None:
    run(build(tmp_path))
    assert json.loads((tmp_path / "usage.json").read_text())["south"] == {"kwh": 403852.0}
    assert json.loads((tmp_path / "costs.json").read_text())["south"]["eur"] == 125194.12
    (tmp_path / "meters" / "north.csv").write_text("day,energy_kwh\n2026-10-05,2\n2026-10-06,3\n")
    _, update = read_meter(tmp_path, "north", "meters/north.csv")
    assert update["readings"]["north"]["value"] == 5.0


def test_each_run_is_the_same(tmp_path: Path) -> None:
    def told(folder: str) -> list[tuple[Any, Any]]:
        listing = Listing()
        run(record(build(tmp_path / folder), listing))
        return [(each.type, meter_read(each) or each.data.get("name")) for each in listing.records]

    assert told("one") == told("two")


async def test_why_it_failed_leads_through_the_meter_that_was_misread_in_every_run(
    tmp_path: Path,
) -> None:
    for number in range(5):
        listing = AsyncListing()
        await arun(record(build(tmp_path / str(number)), listing))
        (failed,) = listing.events("error_occurred")
        chain = [event for event in why(failed, listing.events()) if meter_read(event)]
        assert [meter_read(event) for event in chain] == ["south"]


def why(event: Listed, timeline: list[Listed]) -> list[Listed]:
    by_id = {each.id: each for each in timeline}
    nodes = {each.id: Node(each.id, (place, 0), each.causes) for place, each in enumerate(timeline)}
    return [by_id[id] for id in longest_chain(nodes, event.id)]


def meter_read(event: Listed) -> str | None:
    """The meter whose reading this event is the result of."""
    if event.type != "state_change" or event.data.get("name") != "read_meter":
        return None
    (meter,) = event.data["result"]["readings"]
    return str(meter)


def test_the_mistake_is_written_once_and_ten_events_before_the_failure(recorded: Listing) -> None:
    events = recorded.events()
    stored = recorded.named(type="action_execution", name="store_usage")
    (failed,) = recorded.events("error_occurred")
    (decision,) = (event for event in events if event.id in stored.causes)
    assert decision.type == "decision_made"
    assert events.index(failed) - events.index(decision) == 10
    usages = [state["usage"] for state in states(recorded) if "usage" in state]
    assert usages[0]["south"] == {"kwh": 403852.0}
    assert all(usage == usages[0] for usage in usages)
    assert states(recorded)[-1]["readings"]["south"]["unit"] == "Wh"


def test_the_failure_follows_from_the_mistake_by_its_causes(recorded: Listing) -> None:
    by_id = {event.id: event for event in recorded.events()}
    (failed,) = recorded.events("error_occurred")
    assert recorded.named(type="state_change", name="store_usage").id in ancestors(failed, by_id)
    assert failed.data["error"]["type"].endswith("InvoiceRejected")


def ancestors(event: Listed, by_id: dict[str, Listed]) -> set[str]:
    found: set[str] = set()
    waiting = [event]
    while waiting:
        fresh = [cause for cause in waiting.pop().causes if cause not in found]
        found.update(fresh)
        waiting += [by_id[cause] for cause in fresh]
    return found


def test_the_state_tells_of_more_than_messages(recorded: Listing) -> None:
    last = states(recorded)[-1]
    assert last["health"]["status"] == "strained"
    assert last["budget"]["left_eur"] < 0
    assert last["plan"]["done"][-1] == "compute the costs"
    assert len(last["findings"]) == 3
    assert len(recorded.events()) == 24
    assert len(recorded.snapshots()) == 11
    assert {record.agent for record in recorded.records} == {THREAD}


async def test_it_runs_in_an_event_loop_too(tmp_path: Path) -> None:
    listing = AsyncListing()
    assert isinstance(await arun(record(build(tmp_path), listing)), InvoiceRejected)
    assert len(listing.events()) == 24


def test_nothing_is_traced_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGSMITH_ENDPOINT", "http://127.0.0.1:9")
    assert isinstance(run(build(tmp_path)), InvoiceRejected)
