"""Writes the dashboards beside it: `python deploy/grafana/generate.py`.

With `--check` it writes nothing, and leaves with 1 where one is not what would be written.
"""

import sys
from pathlib import Path

from drawing import spelled
from panels import DASHBOARDS

FOLDER = Path(__file__).with_name("dashboards")


def main() -> int:
    """Write or check all of them; the exit code."""
    files = {FOLDER / f"{one.uid.removeprefix('strato-')}.json": spelled(one) for one in DASHBOARDS}
    if "--check" not in sys.argv[1:]:
        for path, text in files.items():
            path.write_text(text, "utf-8")
        return 0
    found = {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    for name in sorted({path.name for path, _ in found.items() ^ files.items()}):
        print(f"{name} is not what generate.py writes")
    return int(found != files)


if __name__ == "__main__":
    sys.exit(main())
