"""Events as the walks along causes see them.

An edge runs from a cause to its effect. It is *early* where the cause stands before the effect in
the log, else *late*. Early edges run with the log, so they make no cycle; a late one may.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Place = tuple[int, int]
Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Node:
    """An event as the causality walks see it; `place` is (stream_seq, ordinal)."""

    id: str
    place: Place
    causes: tuple[str, ...] = ()
    depth: int | None = None


def is_late(effect: Place, cause: Place) -> bool:
    """Whether a cause does not stand before its effect; an event that names itself does not."""
    return cause >= effect


def depth(early_causes: Iterable[int]) -> int:
    """An event's depth from the depths of its early causes."""
    return 1 + max(early_causes, default=0)


def has_late(nodes: Mapping[str, Node]) -> bool:
    """Whether any edge between these events is late."""
    return any(
        cause in nodes and is_late(node.place, nodes[cause].place)
        for node in nodes.values()
        for cause in node.causes
    )


def known_causes(nodes: Mapping[str, Node]) -> dict[str, list[str]]:
    """Each event's causes among those at hand, each once."""
    return {
        id: [cause for cause in dict.fromkeys(node.causes) if cause in nodes]
        for id, node in nodes.items()
    }
