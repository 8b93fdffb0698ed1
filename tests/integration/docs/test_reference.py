"""The reference pages say neither more nor less than the program does."""

import re
from pathlib import Path

import pytest
import typer
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from pydantic_settings import BaseSettings

import stratoscope
from stratoscope.broker.payload import Reason
from stratoscope.cli.commands import app
from stratoscope.cli.faults import Exit
from stratoscope.cli.moments import moment
from stratoscope.navigator.metrics import Metrics as NavigatorMetrics
from stratoscope.navigator.settings import NavigatorSettings
from stratoscope.projector.metrics import Metrics as ProjectorMetrics
from stratoscope.projector.settings import ProjectorSettings
from stratoscope_contracts.errors import NUMBERS
from support.pages import ROOT, page, table

PAGES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md")),
]
# What intake finds beyond the bytes: `projector/decode.py` and `domain/intake.py`.
BEYOND_THE_BYTES = {
    "bad_subject",
    "patch_conflict",
    "state_over_limit",
    "unstorable",
    "quota",
    "unreadable",
    "over_budget",
    "killed_projector",
}
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # it is a group


def settings_of(model: type[BaseModel], prefix: str = "STRATO_") -> dict[str, str]:
    found = {}
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        if isinstance(field.default, BaseModel):
            found |= settings_of(type(field.default), f"{variable}__")
        else:
            found[variable] = str(field.default).replace("None", "none")
    return found


def settings_in(heading: str) -> dict[str, str]:
    return {name: default for name, default, _ in table("docs/settings.md", heading)}


@pytest.mark.parametrize(
    ("model", "heading"),
    [
        (ProjectorSettings, "projector's variable"),
        (NavigatorSettings, "navigator's variable"),
    ],
)
def test_every_setting_is_described_with_its_default(
    model: type[BaseSettings], heading: str
) -> None:
    assert settings_in("variable") | settings_in(heading) == settings_of(model)


def metrics_of(registry: CollectorRegistry) -> dict[str, str]:
    # What the client's library tells of the process is not there on every system.
    return {
        metric.name: metric.type
        for metric in registry.collect()
        if not metric.name.startswith("process_")
    }


def metrics_in(heading: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in table("docs/metrics.md", heading)}


def test_every_metric_is_described_with_its_type() -> None:
    assert metrics_in("metric") == metrics_of(ProjectorMetrics().registry)
    assert metrics_in("navigator's metric") == metrics_of(NavigatorMetrics(["stats"]).registry)


def options_in(section: str) -> set[str]:
    first_cells = re.findall(r"^\| (`-.*?) \|", section, re.MULTILINE)
    return {option for cell in first_cells for option in re.findall(r"`(--?[a-z][a-z-]*)`", cell)}


def test_every_command_is_described_with_its_options() -> None:
    beginning, *sections = re.split(r"^### ", page("docs/cli.md"), flags=re.MULTILINE)
    common = options_in(beginning)
    described = {section.split("\n", 1)[0]: options_in(section) for section in sections}
    assert described.keys() == COMMANDS.keys()
    for name, command in COMMANDS.items():
        taken = {
            option
            for one in (command, *getattr(command, "commands", {}).values())
            for parameter in one.params
            if parameter.param_type_name == "option"
            for option in parameter.opts
        }
        asks = common if common <= taken else set()
        assert described[name] | asks == taken, name


def test_every_option_says_in_its_help_what_it_is_for() -> None:
    silent = [
        f"{name} {parameter.opts[0]}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert silent == []


def test_the_help_names_every_kind_of_moment() -> None:
    told = str(app.info.epilog)
    for written, _ in table("docs/cli.md", "written"):
        kind = re.match(r"[a-z]+:", written)
        assert f" {kind[0] if kind else written}" in told


def test_the_defaults_of_the_commands_are_those_described() -> None:
    (agents,) = [command for name, command in COMMANDS.items() if name == "agents"]
    defaults = {option: p.default for p in agents.params for option in p.opts}
    for names, default, _ in table("docs/cli.md", "option"):
        assert str(defaults[names.split(",")[0]]) == default


@pytest.mark.parametrize("written", [row[0] for row in table("docs/cli.md", "written")])
def test_every_moment_described_can_be_read(written: str) -> None:
    moment(written.replace("<id>", "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"))


def test_every_code_is_described_with_its_number() -> None:
    described = {code: int(number) for code, number, _ in table("docs/errors.md", "code")}
    assert described == {code.value: number for code, number in NUMBERS.items()}


def test_every_exit_code_is_described() -> None:
    assert [int(row[0]) for row in table("docs/errors.md", "exit code")] == [*Exit]


def test_every_exception_of_the_recorder_is_described() -> None:
    offered = {name for name in stratoscope.__all__ if _is_exception(name)} - {"StratoError"}
    assert {row[0] for row in table("docs/errors.md", "exception")} == offered


def _is_exception(name: str) -> bool:
    thing = getattr(stratoscope, name)
    return isinstance(thing, type) and issubclass(thing, Exception)


def test_every_reason_of_a_dead_letter_is_described() -> None:
    described = {row[0] for row in table("docs/errors.md", "reason")}
    assert described == {reason.value for reason in Reason} | BEYOND_THE_BYTES


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)", page(name))
    here = (ROOT / name).parent
    assert [link for link in links if "://" not in link and not (here / link).exists()] == []


@pytest.mark.parametrize("name", ["docs/architecture.md", "docs/decisions.md"])
def test_files_that_are_named_are_there(name: str) -> None:
    services = ROOT / "services" / "stratoscope"
    named = re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py|\.sql)?)`", page(name))
    assert named
    assert [path for path in named if not Path(services / path).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/glossary.md"])
def test_paths_of_the_map_and_of_the_walks_exist(name: str) -> None:
    roots = [ROOT, ROOT / "services" / "stratoscope"]
    named = re.findall(r"`([a-z_]+/(?:[a-zA-Z_/]*)(?:\.[a-z]+)?)`", page(name))
    assert named
    assert [path for path in named if not any((root / path).exists() for root in roots)] == []


def test_the_list_of_pages_has_every_page() -> None:
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", page("docs/README.md")))
    assert linked == {path.name for path in ROOT.glob("docs/*.md")} - {"README.md"}


def test_files_that_decision_records_name_exist() -> None:
    services = ROOT / "services" / "stratoscope"
    records = [path.read_text("utf-8") for path in ROOT.glob("docs/adr/*.md")]
    pattern = r"`((?:domain|store|projector|navigator|recorder)/[a-z_/]*\.(?:py|sql))`"
    named = {path for record in records for path in re.findall(pattern, record)}
    assert named
    assert [path for path in sorted(named) if not (services / path).exists()] == []


def test_links_of_decision_records_lead_somewhere() -> None:
    records = list(ROOT.glob("docs/adr/*.md"))
    links = [
        link for path in records for link in re.findall(r"\]\(([^)#]+)", path.read_text("utf-8"))
    ]
    assert links
    folder = ROOT / "docs" / "adr"
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []
