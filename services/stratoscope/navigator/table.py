"""Which verb is answered by what: the one list of what this navigator serves."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from stratoscope.navigator import causality, comparing, cutting, fields, listing, looking
from stratoscope.navigator.breakpoints import keeping, setting
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions import living, moving
from stratoscope.navigator.spelling import Json

# The request is of the verb's own model; the contract's table says which.
Answer = Callable[[Reading, Any], Awaitable[Json]]

ANSWERS: Final[Mapping[str, Answer]] = MappingProxyType(
    {
        "agents.list": looking.agents_list,
        "events.get": looking.events_get,
        "events.list": listing.events_list,
        "snapshots.get": looking.snapshots_get,
        "snapshots.list": looking.snapshots_list,
        "state.at": looking.state_at,
        "state.cut": cutting.state_cut,
        "state.history": fields.state_history,
        "state.last_write": fields.state_last_write,
        "compare": comparing.compare_states,
        "causality.chain": causality.chain,
        "session.create": living.create,
        "session.get": living.get,
        "session.start": living.start,
        "session.position": living.position,
        "session.goto": moving.goto,
        "session.step": moving.make_step,
        "breakpoint.create": setting.create,
        "breakpoint.get": keeping.get,
        "breakpoint.list": keeping.list_page,
        "breakpoint.enable": keeping.enable,
        "breakpoint.disable": keeping.disable,
        "breakpoint.remove": keeping.remove,
    }
)
