"""Adding up soaks, and the check that an import is whole or nothing."""

from pathlib import Path

import pytest

from support.fault_exchange import ImportAttempt, missing_from
from support.fault_tally import SoakPart, read_parts, run_parts, table
from support.folded_log import Folded, Timeline

SOURCE = ("default", "agent-0")
IMPORT = ("default", "import-0")


def timeline(events: int, snapshots: int) -> Timeline:
    """A timeline whose snapshots follow its last event."""
    line = Timeline()
    for number in range(events):
        line.events.append({"type": "a", "data": str(number), "patch": "[]", "occurred": number})
    for number in range(snapshots):
        line.states.append((events - 1, f"id of {number}", str(number)))
    return line


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (timeline(3, 1), None),
        (timeline(2, 1), "2 events and 1 snapshots"),
        (timeline(3, 0), "3 events and 0 snapshots"),
    ],
)
def test_an_import_that_is_listed_has_all_records_of_its_export(found: Timeline, wrong: str | None):
    attempt = ImportAttempt(*SOURCE, "import-0", events=3, snapshots=1)
    projected = Folded({SOURCE: timeline(3, 1), IMPORT: found})
    assert missing_from(attempt, projected) == wrong


def test_an_import_with_other_records_is_named():
    attempt = ImportAttempt(*SOURCE, "import-0", events=3, snapshots=1)
    other = timeline(3, 1)
    other.events[1]["data"] = "other"
    projected = Folded({SOURCE: timeline(3, 1), IMPORT: other})
    assert missing_from(attempt, projected) == "its records are not those of its source"


def test_parts_of_several_soaks_are_added_up(tmp_path: Path):
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    for file in files:
        for kills in (2, 3):
            part = SoakPart("matrix", "7", commit="abc", seconds=900, checked=True)
            part.done = {"projector kills": kills}
            part.losses = {"lost": 1}
            part.rounds, part.recoveries = {"projector killed": kills}, {"projector killed": kills}
            part.write(file)
    with files[1].open("ab") as cut:
        cut.write(b'{"kind": "mat')
    said = table(read_parts(files))
    assert "4 parts, 1.00 hours" in said
    assert "| projector kills | 10 | 300 |" in said
    assert "| lost | 4 |" in said
    assert "| projector killed | 10 | 3.0 |" in said
    assert "| parts that were not checked to the end | 0 |" in said


def test_a_part_that_fails_is_written_down_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file, seeds = tmp_path / "soak.jsonl", []
    monkeypatch.setenv("STRATO_FAULT_TALLY", str(file))
    until = {"left": 2}

    def run(part: SoakPart, folder: Path, _: float) -> None:
        (folder / "projector-0.log").write_text("what it said")
        seeds.append(part.seed)
        until["left"] -= 1
        if until["left"]:
            raise TimeoutError("nothing was projected")
        part.checked = True
        # The time is over.
        monkeypatch.setattr("support.fault_tally.time.monotonic", lambda: 1e12)

    with pytest.raises(AssertionError, match="nothing was projected"):
        run_parts("matrix", "7", tmp_path, 60, run)
    first, second = read_parts([file])
    assert (first.failed, first.checked) == ("TimeoutError: nothing was projected", False)
    assert (second.failed, second.checked) == (None, True)
    kept = file.with_suffix("") / "matrix-7.0" / "projector-0.log"
    assert kept.read_text() == "what it said"
