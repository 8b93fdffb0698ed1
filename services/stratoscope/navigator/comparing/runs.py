"""Jobs over two runs: what their events have in common, and where their states part."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from stratoscope.domain.canonical import decoded
from stratoscope.domain.comparison import telling
from stratoscope.domain.comparison.comparing import compare, subject
from stratoscope.domain.comparison.fingerprint import BYTES, fingerprint, is_chance
from stratoscope.domain.comparison.options import options_of
from stratoscope.navigator.comparing.series import states_of

Json = dict[str, Any]
EMPTY: Final = b"{}"


def said(kind: str, data: str) -> bytes:
    """An event as it is told to a worker."""
    return f"{kind}\n{data}".encode()


def fingerprints(told: Json, events: Sequence[bytes]) -> bytes:
    """The fingerprints of events, one behind the other."""
    options = options_of({"exclude_paths": told["ignored"]})
    exact: bool = told["exact"]
    parts = (event.split(b"\n", 1) for event in events)
    return b"".join(
        fingerprint(kind.decode(), orjson.loads(data), options, exact=exact) for kind, data in parts
    )


def prints_in(made: bytes) -> list[bytes]:
    """Fingerprints by themselves."""
    return [made[at : at + BYTES] for at in range(0, len(made), BYTES)]


def first_different(told: Json, blobs: Sequence[bytes]) -> bytes:
    """Which pair of states is the first to differ, and its changes; null where none does."""
    options = options_of(told["options"])
    for number, (old, new) in enumerate(_pairs(told, blobs)):
        found = compare(subject(decoded(old), options), subject(decoded(new), options), options)
        differences = [one for one in found.differences if told["exact"] or not is_chance(one)]
        if differences:
            return telling.spelled([number, telling.changes(differences)])
    return b"null"


def _pairs(told: Json, blobs: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    sides = []
    for side, start in (("a", 0), ("b", len(told["a"]["frames"]))):
        frames = told[side]["frames"]
        wanted = {version for version in told[side]["versions"] if version is not None}
        sides.append(states_of(told[side], blobs[start : start + len(frames)], [*wanted]))
    for a, b in zip(told["a"]["versions"], told["b"]["versions"], strict=True):
        yield (
            EMPTY if a is None else sides[0][a],
            EMPTY if b is None else sides[1][b],
        )
