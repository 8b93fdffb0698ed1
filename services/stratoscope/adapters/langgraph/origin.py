"""Where a run starts: what was known before it began, and which events led there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stratoscope.adapters.langgraph import payloads
from stratoscope.adapters.langgraph.memory import Memory, id_of_end


@dataclass(frozen=True)
class Opening:
    """What is known of a run before it has begun."""

    agent: str
    thread_id: str | None
    input: Any
    began_at: datetime
    addressed: str | None
    """The id of the checkpoint that the caller names."""
    keeps_checkpoints: bool
    goes_on: bool = False
    """Whether nothing new was given: the run resumes a checkpoint, or replays it as a fork."""


@dataclass(frozen=True)
class Origin:
    """The checkpoint that a run starts from, where there is one."""

    checkpoint_id: str | None = None
    is_resumed: bool = False
    """Whether the run goes on at that checkpoint, rather than making one from it."""
    asked: frozenset[str] = frozenset()
    """The interrupts that a resumed checkpoint waits at."""
    causes: tuple[str, ...] = ()
    """The events that led to it."""
    reason: str | None = None
    """What the run is, where it goes back: a replay, or a fork."""


def origin_of(opening: Opening, checkpoint: dict[str, Any] | None, memory: Memory) -> Origin:
    """The origin of a run whose first streamed checkpoint is this one."""
    if checkpoint is None:
        return Origin()
    stand = payloads.stand_of(checkpoint)
    is_resumed = _was_there(opening, stand, memory)
    reason = _reason(opening, stand, memory, is_resumed=is_resumed)
    came_from = stand.checkpoint_id if is_resumed else stand.parent_id
    asked = payloads.pending_interrupts(checkpoint) if is_resumed else frozenset()
    causes: tuple[str, ...] = ()
    if came_from is not None:
        known = memory.led_to(opening.agent, came_from)
        # An addressed checkpoint is somewhere within an earlier run, not where one ended.
        is_inner = opening.addressed is not None or (not is_resumed and stand.source == "fork")
        unseen = () if is_inner else (id_of_end(opening.agent, came_from, asked),)
        causes = unseen if known is None else known
    return Origin(came_from, is_resumed, asked, causes, reason)


def _was_there(opening: Opening, stand: payloads.Stand, memory: Memory) -> bool:
    """Whether a run's first checkpoint is an earlier one's: an input makes a new one."""
    if not opening.goes_on:
        return False
    # An addressed replay begins with a fork of its own.
    is_new = stand.source == "fork" and opening.addressed is not None
    return not is_new or memory.led_to(opening.agent, stand.checkpoint_id or "") is not None


def _reason(
    opening: Opening, stand: payloads.Stand, memory: Memory, *, is_resumed: bool
) -> str | None:
    named = opening.addressed
    if named is None or stand.step is None or memory.is_head(opening.agent, named):
        return None
    step = stand.step if is_resumed else stand.step - 1
    return f"replay from step {step}" if opening.goes_on else f"fork of step {step}"
