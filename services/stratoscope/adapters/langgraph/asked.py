"""What the caller asked of a stream, and how it gets that although more is streamed.

The graph is streamed with the caller's modes and the adapter's. A part of the adapter's own modes
is taken out again, and the others get the shape that LangGraph would have given them: in version
v1 a bare payload, with a tuple around it for a list of modes and for subgraphs; in v2 a dict.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Namespace = tuple[str, ...]

RECORDED: Final = ("checkpoints", "tasks")
# Modes that yield the same for the outer graph whether or not its subgraphs are streamed too.
# `messages` is not among them: a message that a subgraph has streamed is not streamed again by
# its parent. Nor is `custom`: what a called task writes comes under a namespace of its own.
_UNMOVED_BY_SUBGRAPHS: Final = frozenset({"values", "updates", "checkpoints", "tasks", "debug"})


@dataclass(frozen=True)
class Part:
    """One streamed part, whatever its shape was."""

    ns: Namespace | None
    mode: str
    payload: Any


@dataclass(frozen=True)
class Asked:
    """The caller's own arguments that shape a stream."""

    modes: tuple[str, ...]
    is_list: bool
    subgraphs: bool
    is_v2: bool
    prints: bool

    def shape(self, raw: Any, part: Part) -> tuple[Any, ...]:
        """The part as the caller expects it, in a tuple; empty where it was not asked for."""
        if part.mode not in self.modes:
            return ()
        if self.is_v2:
            return (raw,)
        shaped = (part.mode, part.payload) if self.is_list else (part.payload,)
        if self.subgraphs:
            shaped = (part.ns, *shaped)
        return (shaped if len(shaped) > 1 else shaped[0],)


def asked(
    stream_mode: str | Sequence[str], print_mode: str | Sequence[str], subgraphs: bool, version: str
) -> Asked:
    """The caller's arguments, once the graph's defaults are filled in."""
    return Asked(
        modes=(stream_mode,) if isinstance(stream_mode, str) else tuple(stream_mode),
        # LangGraph itself tells a list from a tuple here.
        is_list=isinstance(stream_mode, list),
        subgraphs=bool(subgraphs),
        is_v2=version == "v2",
        prints=bool(print_mode),
    )


@dataclass(frozen=True)
class Streamed:
    """The arguments with which the graph is really streamed."""

    modes: list[str]
    subgraphs: bool
    is_v2: bool

    def read(self, raw: Any) -> Part:
        """A part out of what the graph yields."""
        if self.is_v2:
            return Part(raw["ns"], raw["type"], raw["data"])
        if self.subgraphs:
            return Part(*raw)
        return Part(None, *raw)


def streamed(asked: Asked, *, keeps_checkpoints: bool, look_inside: bool) -> Streamed:
    """What to ask of the graph, so that nothing the caller sees is moved."""
    own = RECORDED if keeps_checkpoints else (*RECORDED, "values")
    harmless = _UNMOVED_BY_SUBGRAPHS.issuperset(asked.modes) and not asked.prints
    return Streamed(
        modes=list(dict.fromkeys((*asked.modes, *own))),
        subgraphs=asked.subgraphs or (look_inside and harmless),
        is_v2=asked.is_v2,
    )
