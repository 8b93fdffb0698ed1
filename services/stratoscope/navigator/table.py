"""Which verb is answered by what: the one list of what this navigator serves."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from stratoscope.navigator import cutting, fields, listing, looking
from stratoscope.navigator.breakpoints import checking, keeping, setting
from stratoscope.navigator.causality import chains, effects, graphs, paths, relation
from stratoscope.navigator.comparing import divergence, snapshots, states
from stratoscope.navigator.holding import commanding
from stratoscope.navigator.reading import Reading
from stratoscope.navigator.sessions import living, marking, moving, remembering
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
        "compare": states.compare_states,
        "compare.render": states.render,
        "compare.timeline": snapshots.timeline,
        "compare.patterns": snapshots.patterns,
        "compare.divergence": divergence.divergence,
        "causality.chain": chains.chain,
        "causality.effects": effects.effects,
        "causality.graph": graphs.graph,
        "causality.path": paths.path,
        "causality.relation": relation.relation,
        "session.create": living.create,
        "session.get": living.get,
        "session.list": living.list_page,
        "session.update": living.update,
        "session.start": living.start,
        "session.pause": living.pause,
        "session.resume": living.resume,
        "session.complete": living.complete,
        "session.remove": living.remove,
        "session.stats": remembering.stats,
        "session.data.set": remembering.data_set,
        "session.data.get": remembering.data_get,
        "session.mark": marking.mark,
        "session.marks": marking.marks,
        "session.unmark": marking.unmark,
        "session.position": living.position,
        "session.goto": moving.goto,
        "session.step": moving.make_step,
        "session.back": moving.back,
        "session.forward": moving.forward,
        "session.history": remembering.history,
        "breakpoint.create": setting.create,
        "breakpoint.get": keeping.get,
        "breakpoint.list": keeping.list_page,
        "breakpoint.enable": keeping.enable,
        "breakpoint.disable": keeping.disable,
        "breakpoint.remove": keeping.remove,
        "breakpoint.check": checking.check,
        "agent.pause": commanding.pause,
        "agent.resume": commanding.resume,
        "agent.step": commanding.step,
    }
)
