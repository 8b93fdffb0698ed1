"""What is read of events and states, and how a few states stand for many."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stratoscope.domain import delta
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.paths import Segments
from stratoscope.navigator.running.streams import Ground
from stratoscope.navigator.threads import work_on
from stratoscope.store.fields import Fields
from stratoscope.store.jumps import Version

EMPTY_STATE: Final = b"{}"
NO_VERSION: Final = -1
# Read at once, whatever the number of records: of events as they are stored, of states as text.
EVENT_BYTES: Final = 2 << 20
STATE_BYTES: Final = 16 << 20
# What of an event costs no more than to be written out.
PLAIN_KEYS: Final = frozenset(("type", "depth", "event_index", "data", "metadata"))
# Past so many, asking which versions touch the paths costs more than it saves.
_PATHS: Final = 64


def event_keys(expressions: Iterable[Expression]) -> frozenset[str] | None:
    """The keys of events that expressions name, None where one takes them whole."""
    paths = [path for one in expressions for path in one.paths if path[0] == "event"]
    return None if ("event",) in paths else frozenset(path[1] for path in paths)


def is_many(versions: int, records: int) -> bool:
    """Whether there are too many versions for so few records to read them all."""
    return versions > 4 * records + 64


async def touched(
    ground: Ground, paths: frozenset[Segments], first: int, last: int
) -> list[int] | None:
    """The versions after one, up to and with another, that touch paths; None where nobody knows."""
    if () in paths or first + 1 < ground.timeline.indexed_from:
        return None
    numbers = await ground.jumps.path_numbers(paths)
    if len(numbers) > _PATHS:
        return None
    return await ground.jumps.touched(numbers, first, last)


async def rebuilt(
    ground: Ground, versions: Mapping[int, Version], wanted: Sequence[int]
) -> dict[int, bytes]:
    """States by version, with the empty one before the first."""
    slotted = [delta.Slotted(each, versions[each].slot) for each in wanted if each != NO_VERSION]
    if not slotted:
        return {NO_VERSION: EMPTY_STATE}
    frames = await Fields(ground.reading.session).frames(ground.timeline.agent_id, slotted)
    work = sum(frame.size for frame in frames.values())
    states = await work_on(work, delta.unfold_all, frames, [one.version for one in slotted])
    return {NO_VERSION: EMPTY_STATE} | states
