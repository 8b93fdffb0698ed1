"""Cut-off of senders that publish faster than a navigator reads.

A subscription with a wildcard has the messages of all spaces in one row, and the broker keeps that
row: beside a sender that writes to its socket as fast as it can, the requests of all spaces wait
for megabytes of it. Reading faster does not help, since a broker sends ten times of what Python
reads. So the navigator asks the broker for less. Once a space floods a subscription, the navigator
subscribes to each other space by name, and no longer to all of them. The flood then ends in the
broker, which tells its sender that there is no responder.

Of a space that is cut off, a bounded number of messages is let through each second. Once fewer than
that arrive, the space is read as before, and the wildcard is back once no space is cut off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

import structlog
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from stratoscope.broker.ending import end_tasks
from stratoscope.broker.protocol import RobustClient, Screen, screen
from stratoscope.navigator.shares import NoMeter, ShareMeter
from stratoscope.navigator.space_directory import SpaceDirectory

# More than this of a space that is refused in a window is a flood: ten times of what a navigator
# answers. A message counts one more for so many bytes: the broker ends a connection for which it
# keeps 64 MiB, and a navigator that has a part of a processor reads some 20 MB a second.
_WINDOW_SECONDS: Final = 0.5
_FLOOD: Final = 5000
_COUNTED_BYTES: Final = 2 * 1024
_LARGE_BYTES: Final = 16 * 1024
# How many messages are let through of a space that is cut off.
_PROBE_SECONDS: Final = 1.0
_PROBE: Final = 64
_LARGE_PROBE: Final = 4
_FLUSH_SECONDS: Final = 30
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Probe:
    """What came of a space that is cut off, since it was let through again."""

    branch: Subscription
    flooded: str
    most: int
    arrived: int = 0


@dataclass(slots=True)
class FloodCutoff:
    """One subscription, without the spaces that flood it.

    The second token of a subject names its space.
    """

    client: RobustClient
    trunk: Subscription
    inner: Screen
    directory: SpaceDirectory
    meter: ShareMeter
    _began: float = 0.0
    _counts: dict[str, int] = field(default_factory=dict)
    _probes: dict[str, _Probe] = field(default_factory=dict)
    _branches: dict[str, Subscription] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None

    def lets_pass(self, subject: str, reply: str, size: int) -> bool:
        """Whether a message is heard; of those that are not, count what a space sends."""
        space = subject.split(".", 2)[1]
        probe = self._probes.get(space)
        # Other agents of the space may have asked before the flood ended in the broker.
        passes = (probe is None or probe.flooded != subject) and self.inner(subject, reply, size)
        now = monotonic()
        if now - self._began > _WINDOW_SECONDS:
            self._began = now
            self._counts.clear()
        count = self._counts.get(space)
        if count is None:
            count = 0
            self.directory.note(space)
        if not passes:
            count += 1 + size // _COUNTED_BYTES
        self._counts[space] = count
        if count > _FLOOD:
            self._counts[space] = 0
            if probe is None:
                self._cut_off(space, subject, _PROBE if size < _LARGE_BYTES else _LARGE_PROBE)
        return passes

    async def end(self) -> None:
        """End what runs; the trunk is its owner's."""
        if self._task is not None:
            await end_tasks([self._task])
        for branch in (*self._branches.values(), *(one.branch for one in self._probes.values())):
            self.client.pause(branch)
            self.client.remove(branch)
        self.client.keep(self.trunk)

    def _cut_off(self, space: str, flooded: str, most: int) -> None:
        log.warning("a space floods this navigator and is cut off", subject=flooded[:200])
        self.meter.refuse("flood")
        is_first = not self._probes
        branch = self._branches.pop(space, None)
        self._probes[space] = self._probe(space, flooded, most)
        if branch is not None:
            self.client.pause(branch)
            self._remove_later(branch)
        self._add_branches()
        if is_first:
            self.client.pause(self.trunk)
        if self._task is None:
            self._task = asyncio.create_task(self._look_on(), name="flood")

    def _probe(self, space: str, flooded: str, most: int) -> _Probe:
        probe: _Probe

        def lets_pass(subject: str, reply: str, size: int) -> bool:
            probe.arrived += 1
            return self.inner(subject, reply, size)

        subject = self.trunk.subject.replace("*", space, 1)
        branch = self.client.add_branch(self.trunk, subject, lets_pass, most)
        probe = _Probe(branch, flooded, most)
        return probe

    def _add_branches(self) -> None:
        for space in self.directory.spaces:
            if space not in self._branches and space not in self._probes:
                self._add_branch(space)

    def _add_branch(self, space: str) -> None:
        subject = self.trunk.subject.replace("*", space, 1)
        self._branches[space] = self.client.add_branch(self.trunk, subject, self.lets_pass)

    def _remove_later(self, *branches: Subscription) -> None:
        # What the broker has sent by then is read before its pong.
        asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._remove, branches)

    def _remove(self, branches: Iterable[Subscription]) -> None:
        for branch in branches:
            self.client.remove(branch)

    async def _look_on(self) -> None:
        try:
            while self._probes:
                await self.directory.refresh()
                self._add_branches()
                await asyncio.sleep(_PROBE_SECONDS)
                # Only then it is known what has arrived: a flood may fill the way to here.
                with suppress(NatsError):
                    await self.client.flush(_FLUSH_SECONDS)
                self._look()
        finally:
            self._task = None

    def _look(self) -> None:
        """Let the spaces through that flood no more, and probe the others again."""
        for space, probe in list(self._probes.items()):
            self.client.pause(probe.branch)
            self._remove_later(probe.branch)
            del self._probes[space]
            if probe.arrived >= probe.most:
                self._probes[space] = self._probe(space, probe.flooded, probe.most)
            else:
                self._add_branch(space)
        if not self._probes:
            self.client.resume(self.trunk)
            for branch in self._branches.values():
                self.client.pause(branch)
            self._remove_later(*self._branches.values())
            self._branches.clear()


@asynccontextmanager
async def cutting_off(
    client: Client,
    subscription: Subscription,
    lets_pass: Screen,
    directory: SpaceDirectory,
    meter: ShareMeter | None = None,
) -> AsyncIterator[None]:
    """Screen a subscription, and cut off the spaces that flood it."""
    if not isinstance(client, RobustClient):
        screen(client, subscription, lets_pass)
        yield
        return
    cutoff = FloodCutoff(client, subscription, lets_pass, directory, meter or NoMeter())
    client.screen(subscription, cutoff.lets_pass)
    try:
        yield
    finally:
        await cutoff.end()
