"""From a position to the record that it stands behind, and back."""

from stratoscope.domain.conditions.marks import NOWHERE, Mark
from stratoscope.domain.seek import Target, UpTo, after_index, outside
from stratoscope.navigator.reading import Reading
from stratoscope.store.jumps import Jumps
from stratoscope.store.states import Standing
from stratoscope.store.timelines import Timeline


def mark_of(standing: Standing) -> Mark:
    """The record passed last."""
    if standing.on_snapshot:
        return Mark(standing.event_index, standing.version)
    return Mark(standing.event_index)


async def target_of(reading: Reading, timeline: Timeline, mark: Mark) -> Target:
    """Right after a record. Raises NavigationOutOfBounds where retention has dropped it."""
    if mark == NOWHERE:
        return after_index(mark.event_index, timeline.extent)
    place = await Jumps(reading.session, timeline.agent_id).place(mark)
    if place is None:
        raise outside("index", mark.event_index, timeline.extent)
    return UpTo(place=place)
