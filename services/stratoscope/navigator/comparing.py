"""The verb that sets two states side by side."""

from stratoscope.domain import compare
from stratoscope.domain.canonical import decoded
from stratoscope.navigator import spelling
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.spelling import Json
from stratoscope.navigator.threads import work_on
from stratoscope_contracts.comparing import CompareOptions, CompareRequest
from stratoscope_contracts.errors import BadRequest


async def compare_states(reading: Reading, request: CompareRequest) -> Json:
    """What differs between two positions, of one agent or of two."""
    if request.options is not None and request.options != CompareOptions():
        raise BadRequest.of_fields(("options", "this navigator compares without options yet"))
    old_timeline = await reading.timeline(request.agent)
    new_timeline = old_timeline
    if request.to_agent is not None:
        new_timeline = await reading.timeline(request.to_agent)
    old = await reading.standing(old_timeline, request.from_)
    new = await reading.standing(new_timeline, request.to)
    old_state = await reading.state(old_timeline.agent_id, old)
    new_state = await reading.state(new_timeline.agent_id, new)
    size = len(old_state) + len(new_state)
    return {
        "from": spelling.position(old_timeline.agent, old),
        "to": spelling.position(new_timeline.agent, new),
        **await work_on(size, _compared, old_state, new_state),
    }


def _compared(old_state: bytes, new_state: bytes) -> Json:
    old = decoded(old_state)
    # Equal bytes are one document: the comparison then sees at once that nothing differs.
    new = old if old_state == new_state else decoded(new_state)
    differences = compare.diff(old, new)
    return {
        "changes": spelling.changes(differences),
        "summary": spelling.summary(compare.summary(old, new, differences)),
    }
