"""Writes `schemas/*.json`, `asyncapi.yaml` and `requesting.py` from the models.

    python -m stratoscope_contracts.generate contracts

All are committed; a test regenerates and compares them.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stratoscope_contracts.asyncapi import asyncapi
from stratoscope_contracts.catalogue import DOCUMENTS, MESSAGES, schema_of
from stratoscope_contracts.overloads import requesting
from stratoscope_contracts.verbs import VERBS

REQUESTING = "stratoscope_contracts/requesting.py"
_HEAD = "# Written by `make contracts` from the models; change those instead.\n"


def documents() -> dict[str, str]:
    """Every generated file, by its path below the folder of the contracts."""
    found = {f"schemas/{name}.json": _as_json(schema_of(name)) for name in (*MESSAGES, *DOCUMENTS)}
    found["asyncapi.yaml"] = _HEAD + _as_yaml(asyncapi())
    found[REQUESTING] = requesting(VERBS.values())
    return found


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes the files and takes away schemas whose message is gone."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for stale in (folder / "schemas").glob("*.json"):
        if f"schemas/{stale.name}" not in files:
            stale.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """0 where the files were written, 2 where no folder was named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m stratoscope_contracts.generate FOLDER\n")
        return 2
    write(Path(arguments[0]), documents())
    return 0


def _as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _as_yaml(document: Mapping[str, Any]) -> str:
    try:
        # Only whoever changes the contract needs it.
        import yaml
    except ImportError as error:
        raise SystemExit("writing asyncapi.yaml needs pyyaml, of the extra [dev]") from error

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    text: str = yaml.dump(document, Dumper=Plain, sort_keys=False, width=100, allow_unicode=True)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
