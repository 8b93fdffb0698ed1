"""`stratoscope demo`, as a stranger runs it."""

import os
import subprocess
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals

import pytest

from support.commands import PROGRAM


def demo(temporary: Path, *options: str) -> subprocess.CompletedProcess[str]:
    alone = {name: value for name, value in os.environ.items() if name != "STRATO_NATS_URL"}
    return subprocess.run(
        [*PROGRAM, "demo", *options],
        capture_output=True,
        text=True,
        env=alone | {"TMPDIR": str(temporary), "COLUMNS": "100"},
        timeout=60,
        check=False,
    )


@pytest.mark.timeout(90)
def test_the_tour_shows_every_stop_and_leaves_nothing(scratch: Path) -> None:
    done = demo(scratch)
    assert done.returncode == 0, done.stderr
    told = (
        *("1  The timeline", "$ stratoscope events energy-billing", "error_occurred"),
        *("2  The state at an event", "--path budget", '"planned_eur"'),
        *("3  Steps, both ways", '+ usage  {"north"', "--back", '- usage  {"north"'),
        *("4  What changed between two moments", "~ budget.left_eur  900.0 → -124488.15"),
        *(
            "5  Why it failed",
            "●",
            "read_meter · meter south",
            "▶",
            "error.message",
            '"unit": "Wh"',
        ),
        *("Go on", "stratoscope up"),
    )
    place = 0
    for words in told:
        place = done.stdout.index(words, place)
    assert "Traceback" not in done.stdout + done.stderr
    assert max(len(line.rstrip()) for line in done.stdout.splitlines()) <= 100
    assert list(scratch.iterdir()) == []


@pytest.mark.timeout(90)
def test_the_run_can_be_kept(scratch: Path) -> None:
    kept = scratch / "kept"
    temporary = scratch / "temporary"
    temporary.mkdir()
    done = demo(temporary, "--keep", str(kept))
    assert done.returncode == 0, done.stderr
    assert f"stratoscope up --data {kept}" in done.stdout
    assert (kept / "nats").is_dir()
    assert list(temporary.iterdir()) == []


@pytest.mark.timeout(90)
@pytest.mark.parametrize(("signal", "code"), [(SIGINT, 130), (SIGTERM, 143)])
def test_a_tour_that_is_cut_short_leaves_nothing_either(
    scratch: Path, signal: Signals, code: int
) -> None:
    running = subprocess.Popen(
        [*PROGRAM, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch)},
    )
    assert running.stdout is not None
    # Said before anything is started: the signal meets it anywhere on the way up.
    running.stdout.readline()
    running.send_signal(signal)
    _, said = running.communicate(timeout=30)
    assert running.returncode == code
    assert "Traceback" not in said
    assert list(scratch.iterdir()) == []
