"""What readers see of a rebuild: nothing."""

import asyncio
from typing import Any

from stratoscope.broker.ending import end_tasks
from stratoscope.client import Navigator
from stratoscope_contracts.looking import EventsListRequest, StateAtRequest
from support.administered import Administered
from support.load import Load, load
from support.service import ServiceProcess

AGENTS = [f"agent-{number}" for number in (0, 1, 2, 3)]
# How long a record that was just acknowledged may take to be seen, the swap included: it is asked
# for until it is there, and on a busy machine a swap takes as long as it takes.
FRESH_MS = 30_000
# Readers that take all of the machine would keep the rebuild from it.
PAUSE = 0.01


class Readers:
    """Clients that ask again and again, and hold every answer to what was answered before."""

    def __init__(self, navigator: Navigator, recording: Load) -> None:
        self._navigator = navigator
        self._recording = recording
        self._answers: dict[tuple[str, str, int], Any] = {}
        self.asked = 0

    async def look(self, agent: str) -> None:
        """The same positions and pages again and again."""
        at = 0
        while True:
            at = (at + 1) % 15
            state = await self._navigator.request(
                "state.at",
                StateAtRequest.model_validate({"agent": agent, "at": {"event_index": at}}),
            )
            self._hold(("state", agent, at), state.model_dump(exclude={"exact"}))
            page = await self._navigator.request(
                "events.list",
                EventsListRequest.model_validate(
                    {"agent": agent, "to": {"event_index": at}, "limit": 5, "direction": "backward"}
                ),
            )
            self._hold(("events", agent, at), page.model_dump(exclude={"cursor"})["events"])
            self.asked += 2
            await asyncio.sleep(PAUSE)

    async def look_at_the_newest(self, agent: str) -> None:
        """What was acknowledged a moment ago, and never less than before."""
        newest = 0
        while True:
            body = {
                "agent": agent,
                "at": {"latest": True},
                "wait_for": self._recording.last_seq,
                "wait_ms": FRESH_MS,
            }
            state = await self._navigator.request("state.at", StateAtRequest.model_validate(body))
            reached = state.position.event_index
            assert reached >= newest, "a reader was taken back"
            newest = reached
            self.asked += 1
            await asyncio.sleep(PAUSE)

    def _hold(self, question: tuple[str, str, int], answer: Any) -> None:
        assert self._answers.setdefault(question, answer) == answer, question


async def test_no_read_fails_or_changes_while_a_projection_is_rebuilt_and_swapped_in(
    administered: Administered, projector: ServiceProcess, navigators: list[ServiceProcess]
):
    async with (
        load(administered.nats_url, "readers") as recording,
        Navigator.connect(administered.nats_url, timeout=10) as navigator,
    ):
        while recording.acknowledged < 300:  # noqa: ASYNC110 - agents tell nobody
            await asyncio.sleep(0.05)
        await administered.projected()
        readers = Readers(navigator, recording)
        asking = [asyncio.create_task(readers.look(agent)) for agent in AGENTS]
        asking.append(asyncio.create_task(readers.look_at_the_newest(AGENTS[0])))
        try:
            for number in (2, 3):
                done = await administered.rebuild()
                assert done["schema"] == f"strato_p{number}"
                assert done["taken_over"]
                assert done["comparison"]["differing"] == 0
            # And for a while after.
            seen = readers.asked
            while readers.asked < seen + 100:
                await asyncio.sleep(0.05)
                for task in asking:
                    assert not task.done(), task.result()
        finally:
            await end_tasks(asking)
    assert readers.asked > 300
    assert await administered.schemas() == ["strato_p3"]
    await administered.assert_equals_log()
    for navigator_process in navigators:
        assert "Traceback" not in navigator_process.log.read_text()
    assert "Traceback" not in projector.log.read_text()
    assert (await administered.run("verify")).code == 0
