"""Ports of the loopback interface: taken again from run to run, so that clients find us."""

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.files import write_private

LOOPBACK = "127.0.0.1"
# Where a client looks that was not told; taken where nobody else has it.
WELL_KNOWN = {"nats": 4222}
NAMES = ("nats", "postgres", "projector", "navigator")


def is_free(port: int) -> bool:
    """Whether nobody listens on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # As the servers do themselves, so that connections in TIME_WAIT don't count.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """One that nobody listens on just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((LOOPBACK, 0))
        port: int = candidate.getsockname()[1]
    return port


def choose_ports(
    asked: Mapping[str, int],
    remembered: Mapping[str, int],
    is_free: Callable[[int], bool] = is_free,
    free_port: Callable[[], int] = free_port,
) -> dict[str, int]:
    """A port for each name: the one asked for, else last time's, else the well-known, else any.

    Raises EmbeddedError where one that was asked for is taken.
    """
    chosen: dict[str, int] = {}
    # Those asked for come first, so that nothing else is given one of them.
    for name in sorted(NAMES, key=lambda name: name not in asked):
        wishes = [asked[name]] if name in asked else _wishes(name, remembered)
        usable = (port for port in wishes if port not in chosen.values() and is_free(port))
        port = next(usable, None)
        if port is None and name in asked:
            raise EmbeddedError(
                f"port {asked[name]} on {LOOPBACK} is taken by another process;"
                f" free it, or choose another with --{name}-port"
            )
        chosen[name] = port if port is not None else _another(chosen, free_port)
    return chosen


def remembered_ports(path: Path) -> dict[str, int]:
    """Those of the last run; none where it can't be told."""
    try:
        ports = json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    if not isinstance(ports, dict):
        return {}
    return {name: port for name, port in ports.items() if name in NAMES and isinstance(port, int)}


def remember_ports(path: Path, ports: Mapping[str, int]) -> None:
    """Keep them for the next run."""
    write_private(path, json.dumps(dict(ports)))


def _wishes(name: str, remembered: Mapping[str, int]) -> list[int]:
    return [ports[name] for ports in (remembered, WELL_KNOWN) if name in ports]


def _another(chosen: Mapping[str, int], free_port: Callable[[], int]) -> int:
    # The system may name one again that it named a moment ago.
    while (port := free_port()) in chosen.values():
        pass
    return port
