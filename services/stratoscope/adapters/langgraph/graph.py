"""The graph that records itself.

`record` gives a copy of the graph whose class is a subclass of the graph's own, so that it is the
graph in every respect (LangGraph builds invoke and batch on stream by itself) and only `stream`,
`astream` and the state updates are stepped into.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, closing
from functools import cache, partial
from typing import Any, Final, Self, TypeVar, cast

from langchain_core.runnables.config import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import StateSnapshot, StateUpdate

from stratoscope.adapters.langgraph import gating
from stratoscope.adapters.langgraph.coercion import RawState
from stratoscope.adapters.langgraph.gating import Gate, check_gate
from stratoscope.adapters.langgraph.memory import Memory
from stratoscope.adapters.langgraph.offload import finish, is_large
from stratoscope.adapters.langgraph.payloads import checkpoint_of, pending_interrupts
from stratoscope.adapters.langgraph.records import ToRecord
from stratoscope.adapters.langgraph.saved import asaved_after, saved_after
from stratoscope.adapters.langgraph.session import (
    AnyGraph,
    Recording,
    Session,
    agent_of,
    drawing_of,
    session_of,
)
from stratoscope.adapters.langgraph.updates import Updating, update_records
from stratoscope.adapters.langgraph.writing import (
    Recorder,
    Writer,
    require_sync,
)
from stratoscope.recorder.ids import new_id

G = TypeVar("G", bound=Pregel[Any, Any, Any, Any])


def record(
    graph: G,
    strato: Recorder,
    agent: str | None = None,
    *,
    subgraphs: bool = True,
    gate: Gate | None = "quick",
) -> G:
    """The same graph, recorded: what it takes and gives is unchanged.

    `agent` names the timeline; by default it is the thread's id, made fit for a name. `subgraphs`
    looks inside subgraphs too; without it their tasks are recorded from the outside only. `gate`
    is the one that is entered before each task: "quick", "exact", or None so that nobody can hold
    the graph. Raises TypeError for what is no compiled graph, and, when called, where an
    asynchronous recorder would have to record a synchronous call.
    """
    check_gate(gate)
    if not isinstance(graph, Pregel):
        raise TypeError(f"expected a compiled LangGraph graph, got {type(graph).__name__}")
    if isinstance(graph, _Recorded):
        raise TypeError("this graph is recorded already")
    if agent is not None:
        strato.agent(agent)  # a name that can't be one is told here, not in the first run
    recording = Recording(
        strato=strato,
        agent=agent,
        subgraphs=subgraphs,
        memory=Memory(),
        drawing=drawing_of(graph),
        writer=Writer(),
        gate=gate,
    )
    return _attached(graph, recording)


class _Recorded(Pregel[Any, Any, Any, Any]):
    """Steps into what streams a graph or updates its state; all else is the graph's own."""

    _recording: Recording

    def stream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[Any]:
        """Stream the graph, recorded."""
        found = session_of(self, self._recording, input, config, kwargs, in_threads=True)
        if found is None:
            yield from super().stream(input, config, **kwargs)
            return
        session, arguments = found
        require_sync(session.agent)
        failure: BaseException | None = None
        try:
            # A generator, whatever the annotation says: it is to end with this one.
            parts = cast(Any, super().stream(input, config, **arguments))
            with closing(parts):
                for raw in parts:
                    records, given = session.take(raw)
                    session.writer.write(session.agent, records)
                    if session.at_gate:
                        gating.enter(session.agent, self._recording.gate, session.writer)
                    yield from given
        except BaseException as raised:
            failure = raised
            raise
        finally:
            session.writer.write(
                session.agent, session.end(failure, self._saved(session, config, failure))
            )

    async def astream(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        """Stream the graph, recorded."""
        opening = partial(
            session_of, self, self._recording, input, config, kwargs, in_threads=False
        )
        found = await asyncio.to_thread(opening) if is_large(input) else opening()
        if found is None:
            async with aclosing(cast(Any, super().astream(input, config, **kwargs))) as parts:
                async for raw in parts:
                    yield raw
            return
        session, arguments = found
        failure: BaseException | None = None
        try:
            async with aclosing(cast(Any, super().astream(input, config, **arguments))) as parts:
                async for raw in parts:
                    if is_large(raw):
                        given = await finish(_take_in_thread(session, raw))
                    else:
                        records, given = session.take(raw)
                        await session.writer.awrite(session.agent, records)
                    if session.at_gate:
                        await gating.aenter(session.agent, self._recording.gate, session.writer)
                    for chunk in given:
                        yield chunk
        except BaseException as raised:
            failure = raised
            raise
        finally:
            saved = await self._asaved(session, config, failure)
            await session.writer.awrite(session.agent, session.end(failure, saved))

    def _saved(
        self, session: Session, config: RunnableConfig | None, failure: BaseException | None
    ) -> list[StateSnapshot]:
        """What the saver holds of a run that ended early."""
        with self._recording.writer.unharmed():
            if failure is not None and (last := session.settles_after) is not None:
                return saved_after(self, config, last)
        return []

    async def _asaved(
        self, session: Session, config: RunnableConfig | None, failure: BaseException | None
    ) -> list[StateSnapshot]:
        """The same, without holding the event loop."""
        with self._recording.writer.unharmed():
            if failure is not None and (last := session.settles_after) is not None:
                return await asaved_after(self, config, last)
        return []

    def bulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        """Update the graph's state, recorded."""
        name, agent = agent_of(self, self._recording, config)
        require_sync(agent)
        updated = super().bulk_update_state(config, supersteps)
        saved: list[StateSnapshot] = []
        with self._recording.writer.unharmed():
            place: RunnableConfig | None = updated
            while place is not None and len(saved) <= len(supersteps):
                saved.append(self.get_state(place))
                place = saved[-1].parent_config
            records = self._records_of(name, config, supersteps, saved)
            self._recording.writer.write(agent, records)
        return updated

    async def abulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        """Update the graph's state, recorded."""
        name, agent = agent_of(self, self._recording, config)
        updated = await super().abulk_update_state(config, supersteps)
        saved: list[StateSnapshot] = []
        with self._recording.writer.unharmed():
            place: RunnableConfig | None = updated
            while place is not None and len(saved) <= len(supersteps):
                saved.append(await self.aget_state(place))
                place = saved[-1].parent_config
            records = partial(self._records_of, name, config, supersteps, saved)
            is_slow = is_large(supersteps, *(each.values for each in saved))
            mapped = await asyncio.to_thread(records) if is_slow else records()
            await self._recording.writer.awrite(agent, mapped)
        return updated

    def _records_of(
        self,
        agent: str,
        config: RunnableConfig,
        supersteps: Sequence[Sequence[StateUpdate]],
        saved: Sequence[StateSnapshot],
    ) -> list[ToRecord]:
        """The records of updates; `saved` goes back from the newest to the one they began from."""
        made, before = saved[: len(supersteps)], saved[len(supersteps) :]
        recording = self._recording
        asked = pending_interrupts(checkpoint_of(before[0])) if before else frozenset()
        named = (config.get("configurable") or {}).get("checkpoint_id")
        is_fork = bool(before and named) and not recording.memory.is_head(agent, str(named))
        forked = (before[0].metadata or {}).get("step") if is_fork else None
        updating = Updating(agent, recording.memory, recording.drawing, asked, forked)
        updates = list(zip(supersteps, reversed(made), strict=True))
        return update_records(updating, updates, new_id)

    def copy(self, update: dict[str, Any] | None = None) -> Self:
        """A copy of the graph, recorded as this one is."""
        plain = copy.copy(self)
        plain.__class__ = type(self).__mro__[2]  # the graph's own class, see _recorded_class
        del plain.__dict__[_RECORDING]
        return _attached(plain.copy(update), self._recording)


async def _take_in_thread(session: Session, raw: Any) -> tuple[Any, ...]:
    records, given = await asyncio.to_thread(session.take, raw)
    await session.writer.awrite(session.agent, records)
    return given


_RECORDING: Final = "_recording"


@cache
def _recorded_class(graph_class: type[AnyGraph]) -> type[AnyGraph]:
    return type(f"Recorded{graph_class.__name__}", (_Recorded, graph_class), {})


def _attached(graph: G, recording: Recording) -> G:
    """A copy of the graph that records itself."""
    recorded = copy.copy(graph)
    mapper = recorded._state_mapper
    if mapper is not None and not isinstance(mapper, RawState):
        recorded._state_mapper = RawState(mapper)
    recorded.__dict__[_RECORDING] = recording
    recorded.__class__ = cast(type[G], _recorded_class(type(graph)))
    return recorded
