"""One run of a graph, folded from what LangGraph streams into what is to be recorded.

It opens with `message_received` (the input, or what resumes) and closes with `message_sent` (how
it ended). Between them each task is an `action_execution` and its result, and each checkpoint of
the outermost graph is a snapshot; a checkpoint of a subgraph is an event, since the agent has one
state. Nothing here does I/O: ids and the time are arguments.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from langgraph.errors import GraphBubbleUp
from langgraph.types import StateSnapshot

from stratoscope.adapters.langgraph import payloads
from stratoscope.adapters.langgraph.calls import Step
from stratoscope.adapters.langgraph.mapping import to_json, to_state
from stratoscope.adapters.langgraph.memory import Memory, id_of_end
from stratoscope.adapters.langgraph.origin import Opening, Origin, origin_of
from stratoscope.adapters.langgraph.records import (
    INTERRUPT,
    SUBGRAPH_CHECKPOINT,
    EventToRecord,
    SnapshotToRecord,
    ToRecord,
    as_causes,
    within_limit,
)
from stratoscope.adapters.langgraph.snapshots import digest_of, snapshot_of
from stratoscope.adapters.langgraph.steps import Drawing, Finished, Started, Steps

START: Final = "__start__"
Namespace = tuple[str, ...]


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
        self._given: dict[str, Any] = {}
        self._handed_back: dict[str, dict[str, Any]] = {}
        self._failures: list[tuple[object, str]] = []
        self._interrupts: list[str] = []
        self._asks: list[str] = []
        self._origin = Origin()
        self._values_seen = 0
        self._last: SnapshotToRecord | None = None

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

    @property
    def last_checkpoint(self) -> str | None:
        """The id of the last checkpoint of the graph itself that was streamed."""
        stand = self._stands.get(self._base or ())
        return stand.checkpoint_id if stand else None

    def end(
        self, failure: BaseException | None, saved: Sequence[StateSnapshot] = ()
    ) -> list[ToRecord]:
        """How the run ended, once nothing more is streamed.

        A run that ends early is not streamed to its end: `saved` are the checkpoints that the
        saver holds, from the last one streamed on.
        """
        records = [record for each in saved for record in self._settle(each)]
        if self._base is None:
            self._base = ()
            records.append(self._open(None))
        status = self._status(failure)
        if failure is not None and status == "failed" and not self._saw(failure):
            records.append(self._unseen_failure(failure))
        records.append(self._close(status, failure))
        if self._last is not None:
            self._memory.recorded(self._opening.agent, digest_of(self._last))
        return records

    # The two ends

    def _open(self, checkpoint: dict[str, Any] | None) -> EventToRecord:
        assert self._base is not None
        self._origin = origin_of(self._opening, checkpoint, self._memory)
        reason = {} if self._origin.reason is None else {"reason": self._origin.reason}
        event = EventToRecord(
            id=self._new_id(),
            type="message_received",
            data={"input": self._opening.input, **reason},
            causes=self._origin.causes,
            metadata=self._metadata(self._base),
            occurred_at=self._opening.began_at,
        )
        self._levels[self._base] = Steps(Finished(event.id, START))
        return event

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
        asked = frozenset(self._asks)
        # A run that went nowhere did not arrive there: another one's end has that id.
        moved = arrived != self._origin.checkpoint_id or asked != self._origin.asked
        agent = self._opening.agent
        data: dict[str, Any] = {"status": status, "next": list(stand.next) if stand else []}
        if failure is not None and status == "failed":
            data["error"] = payloads.brief_error(failure)
        event = EventToRecord(
            id=id_of_end(agent, arrived, asked) if moved and arrived else self._new_id(),
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
        state = payloads.without(
            to_state(payload.get("values"), self._memory.messages), self._untracked(ns)
        )
        self._states[ns] = payloads.KnownState(payload.get("values"), state, self._memory.messages)
        if ns != self._base:
            data = {"values": state, "next": list(stand.next), **payloads.ids_of(stand)}
            return [self._event(SUBGRAPH_CHECKPOINT, data, steps.led_here, ns)]
        if self._origin.is_resumed and stand.checkpoint_id == self._origin.checkpoint_id:
            self._handed_back |= payloads.finished_tasks(payload)
        elif stand.checkpoint_id is not None:
            led_here = as_causes(steps.led_here)
            self._memory.arrived(self._opening.agent, stand.checkpoint_id, led_here)
        return self._snapshot(state, stand, payload.get("metadata"))

    def _settle(self, saved: StateSnapshot) -> list[ToRecord]:
        """Take in a checkpoint, and what became of its tasks, from the saver."""
        ns, payload = self._base or (), payloads.checkpoint_of(saved)
        records: list[ToRecord] = []
        if payloads.stand_of(payload).checkpoint_id != self.last_checkpoint:
            records += self._checkpoint(ns, payload)
        for task in payload["tasks"]:
            has_ended = "result" in task or task["interrupts"]
            if has_ended and task["id"] in self._steps(ns).running:
                records += self._result(ns, task)
        return records

    def _take_state(self, ns: Namespace, values: Any) -> dict[str, Any]:
        messages = self._memory.messages
        state = payloads.uninterrupted(to_state(values, messages))
        state = dict(payloads.without(state, self._untracked(ns)))
        self._states[ns] = payloads.KnownState(values, state, messages)
        return state

    def _values(self, payload: Any) -> list[ToRecord]:
        """Without a checkpointer: the graph's output after each step stands for its state."""
        state = self._take_state(self._base or (), payload)
        stand = payloads.Stand(None, None, "values", self._values_seen, ())
        self._values_seen += 1
        return self._snapshot(state, stand, None)

    def _snapshot(self, state: dict[str, Any], stand: payloads.Stand, more: Any) -> list[ToRecord]:
        snapshot = snapshot_of(state, stand, more, self._metadata(self._base or ()))
        is_first, agent = self._last is None, self._opening.agent
        self._last = snapshot
        # Only a resume streams a checkpoint that is recorded already, and streams it first.
        is_known = is_first and self._memory.is_last_snapshot(agent, digest_of(snapshot))
        return [] if is_known else [snapshot]

    # Tasks

    def _task(self, ns: Namespace, payload: dict[str, Any]) -> list[ToRecord]:
        task_id = str(payload["id"])
        if "result" not in payload:
            # Announced again by a resume, which hands its result back without running it.
            return [] if self._is_handed_back(ns, payload) else [self._start(ns, payload)]
        early = self._handed_back.pop(task_id, None)
        started = [self._start(ns, early)] if early and task_id not in self._starts else []
        return [*started, *self._result(ns, payload)]

    def _is_handed_back(self, ns: Namespace, payload: dict[str, Any]) -> bool:
        """Whether an announced task has finished in an earlier run, whose result is taken in."""
        steps, task_id = self._steps(ns), str(payload["id"])
        known = self._memory.result_of(self._opening.agent, task_id)
        if task_id in self._handed_back:
            if known:
                steps.hand_back(known)
        elif known and self._origin.is_resumed and self._is_call(ns, payload):
            caller = steps.caller_of(task_id, known.node, _triggers(payload), self._step(ns))
            steps.return_call(caller, known)
        else:
            return False
        self._handed_back[task_id] = payload
        return True

    def _is_call(self, ns: Namespace, payload: dict[str, Any]) -> bool:
        return self._steps(ns).is_call(str(payload["name"]), _triggers(payload), self._drawing)

    def _step(self, ns: Namespace) -> Step | None:
        """The step that runs, where the graph keeps checkpoints."""
        stand = self._stands.get(ns)
        if stand is None or stand.checkpoint_id is None or stand.step is None:
            return None
        return Step(stand.checkpoint_id, stand.step + 1, "|".join(ns))

    def _start(self, ns: Namespace, payload: dict[str, Any]) -> EventToRecord:
        steps, node, task_id = self._steps(ns), str(payload["name"]), str(payload["id"])
        triggers = _triggers(payload)
        caller = steps.caller_of(task_id, node, triggers, self._step(ns))
        called = caller is not None or steps.is_call(node, triggers, self._drawing)
        if caller is not None and caller in self._starts:
            causes = [self._starts[caller]]
        else:
            causes = steps.causes_of(node, triggers, self._drawing)
        data = payloads.start_data(payload, self._states.get(ns), self._untracked(ns))
        event = self._event("action_execution", data, causes, ns)
        steps.start(task_id, Started(event.id, node, called, caller))
        self._starts[task_id] = event.id
        self._given[task_id] = payload.get("input")
        return event

    def _result(self, ns: Namespace, payload: dict[str, Any]) -> list[ToRecord]:
        steps, task_id, node = self._steps(ns), str(payload["id"]), str(payload["name"])
        ended = self._hand_over(ns, payload)
        began = [self._starts[task_id]] if task_id in self._starts else []
        causes = [*began, *self._inside(ns, node, task_id)]
        if interrupts := payload.get("interrupts"):
            return [*ended, *self._interrupted(ns, payload, interrupts, causes)]
        data = self._result_data(ns, payload)
        known = self._states.get(ns)
        given = self._given.pop(task_id, None)
        kind = payloads.result_type(payload, known.values if known else None, given)
        event = self._event(kind, data, causes, ns)
        written = frozenset(payload.get("result") or ())
        waited = steps.finish(task_id, result := Finished(event.id, node, written))
        if (error := payload.get("error")) is not None:
            self._failures.append((error, event.id))
        else:
            self._memory.finished(self._opening.agent, task_id, result)
        return [*ended, _with_causes(event, waited)]

    def _result_data(self, ns: Namespace, payload: dict[str, Any]) -> dict[str, Any]:
        return payloads.result_data(payload, self._untracked(ns), self._memory.messages)

    def _hand_over(self, ns: Namespace, payload: dict[str, Any]) -> list[ToRecord]:
        """The ends of tasks that `Command.PARENT` left: their graph is not streamed any further."""
        inner = (*ns, f"{payload['name']}:{payload['id']}")
        steps = self._levels.get(inner)
        if steps is None or payload.get("error") is not None or payload.get("interrupts"):
            return []
        running, records = dict(steps.running), []
        for task_id, task in running.items():
            data: dict[str, Any] = {"task_id": task_id, "name": task.node, "handed_over": True}
            if len(running) == 1:
                # The command's update is the result of the task that runs this graph.
                data["result"] = payloads.result_data(
                    payload, self._untracked(ns), self._memory.messages
                )["result"]
            event = self._event("state_change", data, [task.event_id], inner)
            waited = steps.finish(task_id, Finished(event.id, task.node))
            records.append(_with_causes(event, waited))
        return list(records)

    def _interrupted(
        self, ns: Namespace, payload: dict[str, Any], interrupts: Sequence[Any], causes: list[str]
    ) -> list[ToRecord]:
        task = {"task_id": str(payload["id"]), "name": str(payload["name"])}
        events = [
            self._event(INTERRUPT, {**task, "interrupt": to_json(each)}, causes, ns)
            for each in interrupts
        ]
        ended = Finished(events[0].id, task["name"])
        waited = self._steps(ns).finish(task["task_id"], ended)
        if ns == self._base:
            self._interrupts += [event.id for event in events]
            self._asks += [str(each["id"]) for each in interrupts]
        return [_with_causes(event, waited) for event in events]

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

    def _untracked(self, ns: Namespace) -> frozenset[str]:
        """The channels of the namespace's graph that are not recorded."""
        parts = [part.rpartition(":")[0] for part in ns[len(self._base or ()) :]]
        return self._drawing.untracked_in(tuple(part for part in parts if part))

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


def _triggers(payload: dict[str, Any]) -> list[str]:
    return [str(trigger) for trigger in payload.get("triggers") or ()]


def _with_causes(event: EventToRecord, more: list[str]) -> EventToRecord:
    return replace(event, causes=as_causes([*event.causes, *more])) if more else event
