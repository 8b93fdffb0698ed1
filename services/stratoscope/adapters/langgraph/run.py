"""One run of a graph, folded from what LangGraph streams into what is to be recorded.

It opens with `message_received` (the input, or what resumes) and closes with `message_sent` (how
it ended). Between them each task is an `action_execution` and its result, and each checkpoint of
the outermost graph is a snapshot; a checkpoint of a subgraph is an event, since the agent has one
state. Nothing here does I/O: ids and the time are arguments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from langgraph.errors import GraphBubbleUp

from stratoscope.adapters.langgraph import payloads
from stratoscope.adapters.langgraph.mapping import to_json, to_state
from stratoscope.adapters.langgraph.memory import Memory, id_of_end
from stratoscope.adapters.langgraph.records import (
    INTERRUPT,
    SUBGRAPH_CHECKPOINT,
    EventToRecord,
    ToRecord,
    as_causes,
    within_limit,
)
from stratoscope.adapters.langgraph.snapshots import digest_of, snapshot_of
from stratoscope.adapters.langgraph.steps import Drawing, Finished, Started, Steps

START: Final = "__start__"
Namespace = tuple[str, ...]


@dataclass(frozen=True)
class Opening:
    """What is known of a run before it has begun."""

    agent: str
    thread_id: str | None
    input: Any
    began_at: datetime
    addressed: bool
    keeps_checkpoints: bool


class Run:
    """The fold: parts in, records out, in the order of the stream."""

    def __init__(
        self, opening: Opening, drawing: Drawing, memory: Memory, new_id: Callable[[], str]
    ) -> None:
        self._opening = opening
        self._drawing = drawing
        self._memory = memory
        self._new_id = new_id
        self._base: Namespace | None = None
        self._levels: dict[Namespace, Steps] = {}
        self._states: dict[Namespace, payloads.KnownState] = {}
        self._stands: dict[Namespace, payloads.Stand] = {}
        self._starts: dict[str, str] = {}
        self._handed_back: dict[str, dict[str, Any]] = {}
        self._failures: list[tuple[object, str]] = []
        self._interrupts: list[str] = []
        self._came_from: str | None = None
        self._resumed = False
        self._values_seen = 0

    def take(self, ns: Namespace, mode: str, payload: Any) -> list[ToRecord]:
        """What a streamed part says."""
        if mode not in ("checkpoints", "tasks") and not self._reads_values(ns, mode):
            return []
        records: list[ToRecord] = []
        if self._base is None:
            self._base = ns
            records.append(self._open(payload if mode == "checkpoints" else None))
        if mode == "checkpoints":
            records += self._checkpoint(ns, payload)
        elif mode == "tasks":
            records += self._task(ns, payload)
        else:
            records += self._values(payload)
        return records

    def _reads_values(self, ns: Namespace, mode: str) -> bool:
        has_state = self._opening.keeps_checkpoints or mode != "values"
        return not has_state and self._base in (None, ns)

    def end(self, failure: BaseException | None) -> list[ToRecord]:
        """How the run ended, once nothing more is streamed."""
        records: list[ToRecord] = []
        if self._base is None:
            self._base = ()
            records.append(self._open(None))
        status = self._status(failure)
        if failure is not None and status == "failed" and not self._saw(failure):
            records.append(self._unseen_failure(failure))
        records.append(self._close(status, failure))
        return records

    # The two ends

    def _open(self, checkpoint: dict[str, Any] | None) -> EventToRecord:
        assert self._base is not None
        causes = self._origin(checkpoint)
        event = EventToRecord(
            id=self._new_id(),
            type="message_received",
            data={"input": self._opening.input},
            causes=causes,
            metadata=self._metadata(self._base),
            occurred_at=self._opening.began_at,
        )
        self._levels[self._base] = Steps(Finished(event.id, START))
        return event

    def _origin(self, checkpoint: dict[str, Any] | None) -> tuple[str, ...]:
        """The events that led to where this run starts from."""
        if checkpoint is None:
            return ()
        stand = payloads.stand_of(checkpoint)
        self._resumed = stand.source not in ("input", "fork")
        self._came_from = stand.checkpoint_id if self._resumed else stand.parent_id
        if self._came_from is None:
            return ()
        known = self._memory.led_to(self._opening.agent, self._came_from)
        if known is not None:
            return known
        if self._opening.addressed or stand.source == "fork":
            return ()  # somewhere within an earlier run, not where one ended
        return (id_of_end(self._opening.agent, self._came_from),)

    def _status(self, failure: BaseException | None) -> str:
        if isinstance(failure, GeneratorExit):
            return "closed"
        if isinstance(failure, GraphBubbleUp):
            return "interrupted"
        if failure is not None:
            # What is no Exception stops a run from outside: a cancellation, Ctrl-C, an exit.
            return "failed" if isinstance(failure, Exception) else "cancelled"
        stand = self._stands.get(self._base or ())
        return "interrupted" if self._interrupts or (stand and stand.next) else "done"

    def _close(self, status: str, failure: BaseException | None) -> EventToRecord:
        ns = self._base or ()
        stand = self._stands.get(ns)
        arrived = stand.checkpoint_id if stand else None
        # A run that went nowhere did not arrive there: another one's end has that id.
        derived = arrived is not None and arrived != self._came_from
        agent = self._opening.agent
        data: dict[str, Any] = {"status": status, "next": list(stand.next) if stand else []}
        if failure is not None and status == "failed":
            data["error"] = payloads.brief_error(failure)
        event = EventToRecord(
            id=id_of_end(agent, arrived) if derived and arrived else self._new_id(),
            type="message_sent",
            data=data,
            causes=as_causes(self._ended_by(failure)),
            metadata=self._metadata(ns),
        )
        if arrived is not None:
            self._memory.arrived(agent, arrived, (event.id,))
        return event

    def _ended_by(self, failure: BaseException | None) -> list[str]:
        failed = [event_id for error, event_id in self._failures if error is failure]
        if failed:
            return failed[-1:]
        return self._interrupts or self._levels[self._base or ()].led_here

    # Checkpoints

    def _checkpoint(self, ns: Namespace, payload: dict[str, Any]) -> list[ToRecord]:
        steps = self._steps(ns)
        steps.turn()
        self._stands[ns] = stand = payloads.stand_of(payload)
        state = to_state(payload.get("values"))
        self._states[ns] = payloads.KnownState(payload.get("values"), state)
        if ns != self._base:
            data = {"values": state, "next": list(stand.next), **payloads.ids_of(stand)}
            return [self._event(SUBGRAPH_CHECKPOINT, data, steps.led_here, ns)]
        if self._resumed and stand.checkpoint_id == self._came_from:
            self._handed_back |= payloads.finished_tasks(payload)
        elif stand.checkpoint_id is not None:
            led_here = as_causes(steps.led_here)
            self._memory.arrived(self._opening.agent, stand.checkpoint_id, led_here)
        return self._snapshot(state, stand, payload.get("metadata"))

    def _values(self, payload: Any) -> list[ToRecord]:
        """Without a checkpointer: the graph's output after each step stands for its state."""
        state = payloads.uninterrupted(to_state(payload))
        self._states[self._base or ()] = payloads.KnownState(payload, state)
        stand = payloads.Stand(None, None, "values", self._values_seen, ())
        self._values_seen += 1
        return self._snapshot(state, stand, None)

    def _snapshot(self, state: dict[str, Any], stand: payloads.Stand, more: Any) -> list[ToRecord]:
        snapshot = snapshot_of(state, stand, more, self._metadata(self._base or ()))
        is_new = self._memory.is_new_snapshot(self._opening.agent, digest_of(snapshot))
        return [snapshot] if is_new else []

    # Tasks

    def _task(self, ns: Namespace, payload: dict[str, Any]) -> list[ToRecord]:
        task_id = str(payload["id"])
        if "result" not in payload:
            if task_id in self._handed_back:
                # Announced again by a resume, which hands its result back without running it.
                self._hand_back(ns, task_id, payload)
                return []
            return [self._start(ns, payload)]
        early = self._handed_back.pop(task_id, None)
        started = [self._start(ns, early)] if early and task_id not in self._starts else []
        return [*started, *self._result(ns, payload)]

    def _hand_back(self, ns: Namespace, task_id: str, payload: dict[str, Any]) -> None:
        self._handed_back[task_id] = payload
        if known := self._memory.result_of(self._opening.agent, task_id):
            self._steps(ns).hand_back(known)

    def _start(self, ns: Namespace, payload: dict[str, Any]) -> EventToRecord:
        steps, node = self._steps(ns), str(payload["name"])
        triggers = [str(trigger) for trigger in payload.get("triggers") or ()]
        called = steps.is_call(node, triggers, self._drawing)
        causes = steps.causes_of(node, triggers, self._drawing)
        data = payloads.start_data(payload, self._states.get(ns))
        event = self._event("action_execution", data, causes, ns)
        steps.start(str(payload["id"]), Started(event.id, node, called))
        self._starts[str(payload["id"])] = event.id
        return event

    def _result(self, ns: Namespace, payload: dict[str, Any]) -> list[ToRecord]:
        steps, task_id, node = self._steps(ns), str(payload["id"]), str(payload["name"])
        began = [self._starts[task_id]] if task_id in self._starts else []
        causes = [*began, *self._inside(ns, node, task_id)]
        if interrupts := payload.get("interrupts"):
            return self._interrupted(ns, payload, interrupts, causes)
        data = payloads.result_data(payload)
        event = self._event(payloads.result_type(payload), data, causes, ns)
        written = frozenset(payload.get("result") or ())
        waited = steps.finish(task_id, result := Finished(event.id, node, written))
        if (error := payload.get("error")) is not None:
            self._failures.append((error, event.id))
        else:
            self._memory.finished(self._opening.agent, task_id, result)
        if waited:
            event = payloads.with_causes(event, as_causes([*event.causes, *waited]))
        return [event]

    def _interrupted(
        self, ns: Namespace, payload: dict[str, Any], interrupts: Sequence[Any], causes: list[str]
    ) -> list[ToRecord]:
        task = {"task_id": str(payload["id"]), "name": str(payload["name"])}
        events = [
            self._event(INTERRUPT, {**task, "interrupt": to_json(each)}, causes, ns)
            for each in interrupts
        ]
        self._steps(ns).finish(task["task_id"], Finished(events[0].id, task["name"]))
        if ns == self._base:
            self._interrupts += [event.id for event in events]
        return list(events)

    def _unseen_failure(self, failure: BaseException) -> EventToRecord:
        """A failure that no task reported: the limit of steps, an empty input, a cancellation."""
        ns = self._base or ()
        named = payloads.tasks_named_by(failure)
        running = {**self._levels[ns].running}
        blamed = [self._starts[task_id] for task_id in named if task_id in self._starts]
        causes = blamed or [task.event_id for task in running.values()]
        data = {"error": payloads.full_error(failure)}
        event = self._event("error_occurred", data, causes or self._levels[ns].led_here, ns)
        self._failures.append((failure, event.id))
        return event

    def _saw(self, failure: BaseException) -> bool:
        return any(error is failure for error, _ in self._failures)

    # What all of them share

    def _steps(self, ns: Namespace) -> Steps:
        """The steps of a namespace; those of a subgraph begin with the task that runs it."""
        if ns not in self._levels:
            self._levels[ns] = Steps(Finished(self._outer_start(ns), START))
        return self._levels[ns]

    def _outer_start(self, ns: Namespace) -> str:
        for part in reversed(ns):
            if started := self._starts.get(part.rpartition(":")[2]):
                return started
        return self._levels[self._base or ()].led_here[0]

    def _inside(self, ns: Namespace, node: str, task_id: str) -> list[str]:
        """What the subgraphs run by a task came to."""
        inner = (*ns, f"{node}:{task_id}")
        depth = len(inner)
        return [
            event_id
            for level, steps in self._levels.items()
            if level[:depth] == inner
            for event_id in steps.led_here
        ]

    def _event(
        self, kind: str, data: dict[str, Any], causes: list[str], ns: Namespace
    ) -> EventToRecord:
        return EventToRecord(self._new_id(), kind, data, as_causes(causes), self._metadata(ns))

    def _metadata(self, ns: Namespace) -> dict[str, Any]:
        metadata: dict[str, Any] = {"ns": list(ns)}
        if self._opening.thread_id is not None:
            metadata["thread_id"] = self._opening.thread_id
        if stand := self._stands.get(ns):
            metadata |= payloads.ids_of(stand)
        return within_limit(to_json(metadata))
