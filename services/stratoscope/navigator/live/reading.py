"""Stored breakpoints, read: many of them, or large ones, beside the loop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from stratoscope.domain.conditions.reading import ConditionRefused, watch
from stratoscope.domain.watching.armed import Armed
from stratoscope.domain.watching.templates import Template, TemplateRefused, read
from stratoscope.store.breakpoints import BreakpointRow
from stratoscope_contracts.breakpoints import Condition, HitRule

_CONDITION: Final = TypeAdapter[Condition](Condition)
_RULE: Final = TypeAdapter[HitRule](HitRule)
# Reading so many letters of conditions takes some milliseconds.
_MANY_LETTERS: Final = 4_000
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Read:
    """A stored breakpoint, and what was read in it."""

    row: BreakpointRow
    armed: Armed
    template: Template | None


async def read_all(rows: Sequence[BreakpointRow]) -> list[Read]:
    """These, without those that can't be watched any more."""
    if sum(len(row.condition) for row in rows) > _MANY_LETTERS:
        return await asyncio.to_thread(_read_all, rows)
    return _read_all(rows)


def _read_all(rows: Sequence[BreakpointRow]) -> list[Read]:
    return [found for row in rows if (found := _read(row)) is not None]


def _read(row: BreakpointRow) -> Read | None:
    try:
        template = None if row.message is None else read(row.message)
        tells_depth = template is not None and template.names_depth
        return Read(row, replace(_armed_of(row), tells_depth=tells_depth), template)
    except (ValidationError, ConditionRefused, TemplateRefused) as error:
        # It was taken by other rules than today's.
        log.warning("a breakpoint can't be watched", breakpoint=str(row.id), error=str(error))
        return None


def _armed_of(row: BreakpointRow) -> Armed:
    """A stored breakpoint, ready to be judged. Raises ValidationError and ConditionRefused."""
    watched = watch(_CONDITION.validate_json(row.condition))
    # Looked at now, so that it is known by the time that a record comes.
    _ = watched.judged, watched.paths, watched.expressions, watched.reads_state
    return Armed(
        id=row.id,
        watch=watched,
        armed_seq=row.armed_seq,
        trigger=row.trigger,
        rule=None if row.hit is None else _RULE.validate_json(row.hit),
        ends_at=row.ends_at,
    )
