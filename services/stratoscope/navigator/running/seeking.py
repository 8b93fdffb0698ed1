"""Running: from where one stands to the first hit, or to the last ones, within a budget of time."""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final

from stratoscope.domain.conditions.marks import Mark, Stretch, whole
from stratoscope.domain.conditions.policies import counts, is_over
from stratoscope.navigator.expressions.evaluating import Expressions
from stratoscope.navigator.running.evaluating import Evaluation
from stratoscope.navigator.running.groups import Found, Group, Sought, groups_of
from stratoscope.navigator.running.walking import CutShort, Pace, Readings, Walk
from stratoscope.store.jumps import Jumps
from stratoscope_contracts.looking import Direction

# A window that took no longer is followed by a wider one.
_SHORT_SECONDS: Final = 0.1


def _nobody(_: Mark) -> None:
    """Nobody asked how far a run is."""


@dataclass(slots=True)
class Run:
    """A way through an agent's past in one direction.

    `is_strict` is for a single condition: it ends where an expression takes too long, or runs a
    macro over too much. Else that is no hit, as it is for a live agent.
    """

    readings: Readings
    expressions: Expressions
    agent: str
    direction: Direction
    seconds: float
    is_strict: bool = False
    report: Callable[[Mark], None] = _nobody
    pace: Pace = field(default=Pace())
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._deadline = monotonic() + self.seconds

    async def first(self, sought: Sequence[Sought], stretch: Stretch) -> Found | None:
        """The first hit of any of them in a stretch. Raises CutShort.

        Hits that a policy counts are counted from the timeline's beginning.
        """
        best: Found | None = None
        for number, one in enumerate(sought):
            if one.rule is not None:
                best = self._nearer(best, await self._counted(number, one, stretch))
                stretch = stretch if best is None else stretch.up_to(best.mark, self.direction)
        groups = groups_of((n, one) for n, one in enumerate(sought) if one.rule is None)
        if len(groups) == 1:
            return self._nearer(best, await self._first(groups[0], stretch))
        return self._nearer(best, await self._side_by_side(groups, stretch))

    async def last_hits(self, sought: Sought, stretch: Stretch, count: int) -> list[Found]:
        """The last hits of one condition in a stretch, newest first. Raises CutShort.

        For a run backward.
        """
        if sought.rule is not None:
            newest = deque[Found](maxlen=count)
            async with aclosing(self._counting(0, sought, stretch)) as counted:
                async for found in counted:
                    newest.appendleft(found)
            return list(newest)
        found_so_far: list[Found] = []
        (group,) = groups_of([(0, sought)])
        async with aclosing(self._hits(group, stretch)) as hits:
            async for found in hits:
                found_so_far.append(found)
                if len(found_so_far) == count:
                    break
        return found_so_far

    async def _first(self, group: Group, stretch: Stretch) -> Found | None:
        async with aclosing(self._hits(group, stretch)) as hits:
            async for found in hits:
                return found
        return None

    async def _hits(self, group: Group, stretch: Stretch) -> AsyncGenerator[Found, None]:
        """The hits of a group in a stretch, in order."""
        evaluation = Evaluation(self.expressions, self._deadline, self.is_strict)
        walk = Walk(self.agent, self.direction, group, stretch, evaluation, self.pace)
        while not walk.ended:
            for found in await walk.step(self.readings):
                yield found
            if walk.reached is not None:
                self.report(walk.reached)
            if monotonic() > self._deadline and not walk.ended:
                raise CutShort(walk.reached)

    async def _side_by_side(self, groups: Sequence[Group], stretch: Stretch) -> Found | None:
        """The first hit of any group: window by window, so that none runs far ahead in vain."""
        left: Stretch | None = stretch if groups else None
        size = self.pace.window
        reached: Mark | None = None
        while left is not None:
            window, left, edge = self._window(left, size)
            started = monotonic()
            try:
                found = await self._in_window(groups, await self._with_versions(window))
            except CutShort as late:
                raise CutShort(reached, late.stopped_at) from late
            if found is not None:
                return found
            reached = edge
            # What takes long stays small: a window that is cut short was gone through in vain.
            if monotonic() - started < _SHORT_SECONDS:
                size *= self.pace.window_growth
        return None

    async def _in_window(self, groups: Sequence[Group], window: Stretch) -> Found | None:
        best: Found | None = None
        for group in groups:
            best = self._nearer(best, await self._first(group, window))
            window = window if best is None else window.up_to(best.mark, self.direction)
        return best

    def _window(self, left: Stretch, size: int) -> tuple[Stretch, Stretch | None, Mark]:
        """The next events of a stretch, what is left behind them, and the last record of both."""
        events = left.events
        if self.direction == "forward":
            edge = Mark(events.start + size)
            if edge >= left.before:
                return left, None, edge
            window = left._replace(before=edge)
            return (
                window,
                left._replace(after=Mark(edge.event_index, -2)),
                Mark(edge.event_index - 1),
            )
        edge = Mark(events.stop - size)
        if edge <= left.after:
            return left, None, edge
        return left._replace(after=Mark(edge.event_index, -2)), left._replace(before=edge), edge

    async def _with_versions(self, window: Stretch) -> Stretch:
        """A window with only those versions that may lie in it."""
        async with self.readings() as reading:
            timeline = await reading.timeline(self.agent)
            edges = (window.after.event_index - 1, window.before.event_index)
            first, last = await Jumps(reading.session, timeline.agent_id).last_versions(
                edges, timeline.versions
            )
        return window._replace(
            after_version=max(window.after_version, first),
            last_version=min(window.last_version, last),
        )

    async def _counted(self, number: int, sought: Sought, stretch: Stretch) -> Found | None:
        """The first hit in a stretch that counts by a policy."""
        best: Found | None = None
        async with aclosing(self._counting(number, sought, stretch)) as counted:
            async for found in counted:
                if not stretch.holds(found.mark):
                    continue
                if self.direction == "forward":
                    return found
                best = found
        return best

    async def _counting(
        self, number: int, sought: Sought, stretch: Stretch
    ) -> AsyncGenerator[Found, None]:
        """All hits that count, from the timeline's beginning up to a stretch's end."""
        async with self.readings() as reading:
            timeline = await reading.timeline(self.agent)
        start = whole(timeline.extent)
        until = start._replace(before=stretch.before, last_version=stretch.last_version)
        onward = replace(self, direction="forward", seconds=self._deadline - monotonic())
        (group,) = groups_of([(number, replace(sought, rule=None))])
        earlier = 0
        try:
            async with aclosing(onward._hits(group, until)) as hits:
                async for found in hits:
                    if counts(sought.rule, earlier):
                        yield found
                    earlier += 1
                    if is_over(sought.rule, earlier):
                        return
        except CutShort as late:
            # What was counted is no use to the next run, which counts again.
            raise CutShort(None, late.stopped_at) from late

    def _nearer(self, one: Found | None, other: Found | None) -> Found | None:
        """The hit that comes first; at one record, both."""
        if one is None or other is None:
            return one or other
        if one.mark == other.mark:
            return Found(one.mark, {**one.reasons, **other.reasons})
        ahead = self.direction == "forward"
        return (
            min(one, other, key=lambda found: found.mark)
            if ahead
            else max(one, other, key=lambda found: found.mark)
        )
