"""Dashboards and rules hold together, and name nothing that is not there."""

import re
import subprocess
import sys
from itertools import combinations
from shutil import which

import pytest
import yaml

from stratoscope_contracts.verbs import VERBS
from stratoscope_contracts.words import PARTITIONS
from support.observed import GRAFANA, PROMETHEUS, alerts, dashboards, known_series, shown
from support.pages import page
from support.promql import names_in

EXPRESSIONS = [*shown(), *((name, rule["expr"]) for name, rule in alerts().items())]
needs_promtool = pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed")


@pytest.mark.parametrize(
    ("expression", "series", "labels"),
    [
        ("up == 0", {"up"}, set()),
        ('sum by (a, b) (rate(x_total{c=~"y_total|z"}[5m])) > 1e3', {"x_total"}, {"a", "b", "c"}),
        ("a and on (i) b or vector(0) / c{}", {"a", "b", "c"}, {"i"}),
        (
            "histogram_quantile(0.99, sum by (le) (rate(h_bucket[$__rate_interval])))",
            {"h_bucket"},
            {"le"},
        ),
        ("time() - t_seconds offset 5m", {"t_seconds"}, set()),
    ],
)
def test_the_names_in_an_expression_are_found(
    expression: str, series: set[str], labels: set[str]
) -> None:
    found = names_in(expression)
    assert (found.series, found.labels) == (series, labels)


@pytest.mark.parametrize(("place", "expression"), EXPRESSIONS, ids=[one[0] for one in EXPRESSIONS])
def test_every_expression_names_metrics_and_labels_that_exist(place: str, expression: str) -> None:
    known, named = known_series(), names_in(expression)
    assert named.series, place
    assert named.series <= known.keys()
    has = frozenset[str]().union(*(known[name] for name in named.series))
    assert named.labels <= has


def test_verbs_and_partitions_in_rules_are_those_of_the_contract() -> None:
    rules = alerts()
    (listed,) = re.findall(r'verb!~"([^"]+)"', rules["StratoscopeSlow"]["expr"])
    assert set(listed.split("|")) <= VERBS.keys()
    for name in ("StratoscopePartitionsUnheld", "StratoscopePartitionsUnwatched"):
        assert rules[name]["expr"].endswith(f"< {PARTITIONS}")


def test_the_dashboards_are_what_is_written_from_their_tables() -> None:
    command = [sys.executable, str(GRAFANA / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_dashboards_and_their_panels_are_told_apart() -> None:
    found = dashboards()
    assert {name: one["uid"] for name, one in found.items()} == {
        name: f"strato-{name}"
        for name in ("intake", "queries", "breakpoints", "storage", "reliability")
    }
    assert len({one["title"] for one in found.values()}) == len(found)
    for dashboard in found.values():
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert sorted(ids) == list(range(1, len(ids) + 1))
        for panel in dashboard["panels"]:
            references = [target["refId"] for target in panel["targets"]]
            assert references
            assert len(set(references)) == len(references)


def test_no_panel_lies_on_another_or_beside_the_page() -> None:
    for dashboard in dashboards().values():
        places = [panel["gridPos"] for panel in dashboard["panels"]]
        assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
        for one, other in combinations(places, 2):
            apart = (
                one["x"] + one["w"] <= other["x"]
                or other["x"] + other["w"] <= one["x"]
                or one["y"] + one["h"] <= other["y"]
                or other["y"] + other["h"] <= one["y"]
            )
            assert apart, (dashboard["uid"], one, other)


def test_every_panel_has_a_unit_and_tells_its_series_apart() -> None:
    for dashboard in dashboards().values():
        for panel in dashboard["panels"]:
            assert panel["fieldConfig"]["defaults"]["unit"]
            if panel["type"] == "timeseries":
                assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]
            for target in panel["targets"]:
                named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                grouped = re.search(r"by \(([^)]*)\)", target["expr"])
                assert not grouped or named <= {*re.split(r", ", grouped[1])}, panel["title"]


def test_panels_ask_the_data_source_that_is_provisioned() -> None:
    file = GRAFANA / "provisioning" / "datasources" / "prometheus.yml"
    (provisioned,) = yaml.safe_load(file.read_text("utf-8"))["datasources"]
    named = {
        (asked["datasource"]["type"], asked["datasource"]["uid"])
        for dashboard in dashboards().values()
        for panel in dashboard["panels"]
        for asked in (panel, *panel["targets"])
    }
    assert named == {(provisioned["type"], provisioned["uid"])}


def test_grafana_reckons_with_the_interval_that_is_scraped_at() -> None:
    file = GRAFANA / "provisioning" / "datasources" / "prometheus.yml"
    (provisioned,) = yaml.safe_load(file.read_text("utf-8"))["datasources"]
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))["global"]
    assert provisioned["jsonData"]["timeInterval"] == scraped["scrape_interval"]


def test_every_alert_is_told_with_what_to_do() -> None:
    headings = {one.lower() for one in re.findall(r"^### (\w+)$", page("docs/watching.md"), re.M)}
    for name, rule in alerts().items():
        told, _, heading = rule["annotations"]["runbook"].partition("#")
        assert told == "docs/watching.md"
        assert heading in headings, name
    assert headings == {
        rule["annotations"]["runbook"].partition("#")[2] for rule in alerts().values()
    }


def test_every_alert_is_tried() -> None:
    tried = {
        check["alertname"]
        for path in PROMETHEUS.glob("tests/*.yml")
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]
        for check in test["alert_rule_test"]
        if check["exp_alerts"]
    }
    assert tried == alerts().keys()


@needs_promtool
@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "prometheus.yml"),
        ("test", "rules", *(f"tests/{path.name}" for path in PROMETHEUS.glob("tests/*.yml"))),
    ],
    ids=["config and rules", "alerts"],
)
def test_promtool_finds_nothing_wrong(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
