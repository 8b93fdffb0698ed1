"""Jobs over a row of snapshots: each with the next, and what they have in common."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import orjson

from stratoscope.domain import delta
from stratoscope.domain.canonical import decoded
from stratoscope.domain.comparison import telling
from stratoscope.domain.comparison.anomalies import Compared
from stratoscope.domain.comparison.comparing import Comparison, compare, compare_next, subject
from stratoscope.domain.comparison.options import Options, options_of
from stratoscope.domain.comparison.patterns import PATHS, general, patterns
from stratoscope.domain.comparison.summing import summary
from stratoscope.domain.paths import format

Json = dict[str, Any]


def summaries(told: Json, blobs: Sequence[bytes]) -> bytes:
    """The summary of each version wanted with the one wanted next, a line each."""
    options = options_of(told["options"])
    return b"\n".join(
        orjson.dumps(telling.summarized(summary(found, options)))
        for found in _comparisons(told, blobs, options)
    )


def figures(told: Json, blobs: Sequence[bytes]) -> bytes:
    """What patterns are found in, of the same comparisons, a line each."""
    options = options_of(told["options"])
    return b"\n".join(
        orjson.dumps(_figures(found, options)) for found in _comparisons(told, blobs, options)
    )


def found_patterns(told: Json, lines: Sequence[bytes]) -> bytes:
    """The patterns of figures."""
    compared = [Compared(**orjson.loads(line)) for each in lines for line in each.splitlines()]
    return orjson.dumps(patterns(compared, told["seconds"]))


def frames_told(frames: dict[int, delta.Frame]) -> tuple[list[Json], list[bytes]]:
    """Frames as they are told to a worker, their blobs beside them."""
    told = [
        {"version": version, "slot": each.slot, "size": each.size, "digest": each.digest.hex()}
        for version, each in frames.items()
    ]
    return told, [each.blob for each in frames.values()]


def states_of(told: Json, blobs: Sequence[bytes], versions: Sequence[int]) -> dict[int, bytes]:
    """The states that frames hold. Raises DamagedChain."""
    frames = {
        one["version"]: delta.Frame(one["slot"], one["size"], bytes.fromhex(one["digest"]), blob)
        for one, blob in zip(told["frames"], blobs, strict=True)
    }
    return delta.unfold_all(frames, versions)


def _comparisons(told: Json, blobs: Sequence[bytes], options: Options) -> Iterator[Comparison]:
    versions = told["versions"]
    states = states_of(told, blobs, versions)
    before = subject(decoded(states[versions[0]]), options)
    for old, new in pairwise(versions):
        # What did not change at all is not read again.
        if states[old] == states[new]:
            yield compare(before, before, options)
            continue
        before, found = compare_next(before, decoded(states[new]), options)
        yield found


def _figures(found: Comparison, options: Options) -> Json:
    counted = summary(found, options)
    paths = [one.path for one in found.differences[:PATHS]]
    return asdict(
        Compared(
            changes=counted.total_changes,
            weight=found.apart,
            similarity=counted.similarity_score,
            categories=dict(counted.change_categories),
            paths=[*dict.fromkeys(map(format, paths))],
            places=[*dict.fromkeys(map(general, paths))],
        )
    )
