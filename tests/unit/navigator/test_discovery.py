"""What the navigator says of itself, where it listens for the question."""

import json
from datetime import UTC, datetime

from stratoscope.navigator.discovery import Discovery
from stratoscope.navigator.dispatch import SERVED
from stratoscope.navigator.metrics import Metrics
from stratoscope_contracts.verbs import VERBS


def discovery(metrics: Metrics) -> Discovery:
    return Discovery("abc", datetime(2026, 11, 23, tzinfo=UTC), metrics.tallies)


def test_it_listens_for_everybody_for_its_kind_and_for_itself():
    subjects = list(discovery(Metrics(SERVED)).subjects)
    assert len(subjects) == len(set(subjects)) == 9
    assert {"$SRV.PING", "$SRV.INFO.stratoscope-navigator"} < set(subjects)
    assert "$SRV.STATS.stratoscope-navigator.abc" in subjects


def test_what_is_served_is_in_the_contract():
    assert VERBS.keys() >= SERVED


def test_stats_are_sums_and_averages():
    metrics = Metrics(SERVED)
    metrics.answered("state.at", None, 300)
    metrics.answered("state.at", "bad_request", 100)
    metrics.answered("unknown", "bad_request", 100)
    said = json.loads(discovery(metrics).answer("$SRV.STATS"))
    assert said["started"] == "2026-11-23T00:00:00.000000Z"
    endpoints = {found.pop("name"): found for found in said["endpoints"]}
    assert endpoints["state-at"] == {
        "subject": "strato.*.nav.state.at",
        "queue_group": "navigator",
        "num_requests": 2,
        "num_errors": 1,
        "last_error": "bad_request",
        "processing_time": 400,
        "average_processing_time": 200,
    }
    assert endpoints["compare"]["average_processing_time"] == 0
    assert len(endpoints) == len(SERVED)
