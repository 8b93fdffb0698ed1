"""What is committed is what the models say."""

import runpy
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from stratoscope_contracts import generate
from stratoscope_contracts.catalogue import MESSAGES, schema_of
from stratoscope_contracts.generate import REQUESTING

CONTRACTS = Path(__file__).parents[2] / "contracts"


def generated_in(folder: Path) -> dict[str, str]:
    files = [*(folder / "schemas").iterdir(), folder / "asyncapi.yaml", folder / REQUESTING]
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


def test_the_committed_files_are_those_of_the_models() -> None:
    """`make contracts` was run after the last change, and nothing is left over."""
    assert generated_in(CONTRACTS) == generate.documents()


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_schema_is_a_schema(name: str) -> None:
    """JSON Schema 2020-12, by its own meta-schema."""
    Draft202012Validator.check_schema(schema_of(name))


def test_generating_takes_away_what_has_no_message_any_more(tmp_path: Path) -> None:
    """A verb that was renamed leaves no schema behind."""
    (tmp_path / "schemas").mkdir()
    for name in ("old.json", "event.json"):
        (tmp_path / "schemas" / name).write_text("{}")
    assert generate.main([str(tmp_path)]) == 0
    assert generated_in(tmp_path) == generate.documents()


def test_generating_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """It guesses none."""
    assert generate.main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_generating_without_pyyaml_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who changes the contract needs it."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(SystemExit, match="pyyaml"):
        generate.documents()


def test_generating_is_a_module_that_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Makefile runs it."""
    monkeypatch.setattr(sys, "argv", ["generate", str(tmp_path)])
    monkeypatch.delitem(sys.modules, "stratoscope_contracts.generate")
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("stratoscope_contracts.generate", run_name="__main__")
    assert ended.value.code == 0
    assert (tmp_path / "asyncapi.yaml").exists()
