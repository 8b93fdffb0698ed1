"""What soaks came to, a line of JSON for each part of one, and the sum of many.

`python -m support.fault_tally FILE…` prints the sum as the table of docs/reliability.md. A part is
a deployment of its own that was at work for some minutes, and was checked at its end.
"""

import itertools
import os
import shutil
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final

import orjson

from support.fault_driver import FaultDriver, Losses

# What is counted of what was done, and how much is aimed at.
AIMS: Final = {
    "projector kills": 300,
    "navigator kills": 100,
    "Postgres kills": 60,
    "broker kills": 60,
    "lease races": 200,
    "leader changes": 30,
}
_FOLDER: Final = Path(__file__).parents[2] / ".soaks"
# A naive fold of more takes longer than what is held to it.
_PART_SECONDS: Final = 600.0
_LOSSES: Final = tuple(one.name for one in fields(Losses) if one.name != "checked")


@dataclass
class SoakPart:
    """One deployment, from its start to its check."""

    kind: str
    seed: str
    commit: str = field(default_factory=lambda: _commit())
    began: float = field(default_factory=time.time)
    seconds: float = 0.0
    rounds: dict[str, int] = field(default_factory=dict)
    # The worst recovery of each fault, in seconds.
    recoveries: dict[str, float] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    exchanged: dict[str, int] = field(default_factory=dict)
    messages: int = 0
    answers: int = 0
    losses: dict[str, int] = field(default_factory=dict)
    checked: bool = False
    failed: str | None = None

    def take(self, driver: FaultDriver, done: Counter[str]) -> None:
        """What was done, and what the checker found of it."""
        self.done = dict(done)
        self.exchanged = dict(driver.exchanges.outcomes)
        self.messages, self.answers = driver.recording.acknowledged, driver.answers
        self.losses = {name: getattr(driver.losses, name) for name in _LOSSES}

    def write(self, file: Path) -> None:
        """Add it to a file; the file is whole up to here, whatever comes after."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as out:
            out.write(orjson.dumps(asdict(self)) + b"\n")


def run_parts(
    kind: str,
    seed: str,
    scratch: Path,
    seconds: float,
    run: Callable[[SoakPart, Path, float], None],
) -> None:
    """Run parts for so many seconds, and write each down. AssertionError where some failed.

    A part that fails keeps its logs beside the file, and the others go on.
    """
    file, until, failed = soak_file(kind, seed), time.monotonic() + seconds, list[str]()
    print(f"seed {seed}, parts are written to {file}")
    for number in itertools.count():
        if (left := until - time.monotonic()) <= 0:
            break
        part, folder = SoakPart(kind, f"{seed}.{number}"), scratch / f"part-{number}"
        folder.mkdir()
        try:
            run(part, folder, min(left, _PART_SECONDS))
        except Exception as error:
            part.failed = f"{type(error).__name__}: {error}"[:500]
            failed.append(f"part {number}: {traceback.format_exc()}")
            kept = file.with_suffix("") / f"{kind}-{part.seed}"
            kept.mkdir(parents=True)
            (kept / "failure").write_text(failed[-1])
            for log in folder.glob("*.log"):
                shutil.copy(log, kept)
        finally:
            part.seconds = time.time() - part.began
            part.write(file)
            shutil.rmtree(folder)
    assert not failed, "\n".join(failed)


def soak_file(kind: str, seed: str) -> Path:
    """Where a soak writes its parts: `STRATO_FAULT_TALLY`, or a file of its own in `.soaks`."""
    if named := os.environ.get("STRATO_FAULT_TALLY"):
        return Path(named)
    began = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return _FOLDER / f"{began}-{kind}-{seed}-{os.getpid()}.jsonl"


def read_parts(files: Iterable[Path]) -> list[SoakPart]:
    """The parts of some soaks; a line that was cut short is left out."""
    found = []
    for file in files:
        for line in file.read_bytes().splitlines():
            try:
                found.append(SoakPart(**orjson.loads(line)))
            except orjson.JSONDecodeError:
                print(f"{file}: a line is cut short", file=sys.stderr)
    return found


def table(parts: list[SoakPart]) -> str:
    """The sum of some parts, as tables."""
    done, losses, rounds = Counter[str](), Counter[str](), Counter[str]()
    exchanged, worst = Counter[str](), dict[str, float]()
    for part in parts:
        done.update(part.done)
        losses.update(part.losses)
        rounds.update(part.rounds)
        exchanged.update(part.exchanged)
        for name, seconds in part.recoveries.items():
            worst[name] = max(worst.get(name, 0.0), seconds)
    hours = sum(part.seconds for part in parts) / 3600
    lines = [
        f"{len(parts)} parts, {hours:.2f} hours, {sum(part.messages for part in parts)} messages"
        f" acknowledged, {sum(part.answers for part in parts)} answers,"
        f" {exchanged['imports whole']} imports whole and {exchanged['imports cut']} cut;"
        f" commits {', '.join(sorted({part.commit for part in parts}))};"
        f" seeds {', '.join(sorted({part.seed for part in parts}))}",
        "",
        "| | counted | aimed at |",
        "|---|---|---|",
        *(f"| {name} | {done[name]} | {aim} |" for name, aim in AIMS.items()),
        "",
        "| | counted |",
        "|---|---|",
        *(f"| {name.replace('_', ' ')} | {losses[name]} |" for name in _LOSSES),
        f"| parts that were not checked to the end | {sum(not part.checked for part in parts)} |",
        "",
        "| fault | rounds | worst, seconds |",
        "|---|---|---|",
        *(f"| {name} | {rounds[name]} | {worst.get(name, 0.0):.1f} |" for name in sorted(rounds)),
    ]
    failed = [f"- {part.kind}, seed {part.seed}: {part.failed}" for part in parts if part.failed]
    return "\n".join([*lines, *(["", "Failed:", *failed] if failed else [])])


def _commit() -> str:
    git = ("git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD")
    found = subprocess.run(git, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    print(table(read_parts([Path(name) for name in sys.argv[1:]])))
