"""Runs through random timelines stop where a plain scan says, in either direction."""

from itertools import count
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratoscope.domain.conditions.marks import NOWHERE, Mark, whole
from stratoscope.domain.conditions.reading import watch
from stratoscope.navigator.running.groups import Sought
from stratoscope.navigator.running.seeking import Run
from stratoscope.navigator.running.walking import Pace
from stratoscope_contracts.breakpoints import HitAfter, HitEvery, HitOnce
from support.drawn_conditions import TYPES, conditions, read, states
from support.naive_conditions import naive_hits
from support.recorded import an_id, event, snapshot

FRESH = count()
SLOWLY = Pace(candidates=2, growth=2, most=5, window=3, window_growth=2)

NEVER = [
    Sought(watch(read(condition)))
    for number in range(33)
    for condition in (
        {"kind": "at_event_index", "index": 1000 + number},
        {"kind": "on_change", "path": f"never.{number}"},
        {"kind": "on_state", "path": "never", "op": "eq", "value": number},
    )
]

records = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["event", "event", "patch", "snapshot"]),
            "type": st.sampled_from(TYPES),
            "state": states,
            "at": st.integers(0, 8),
            "deeper": st.booleans(),
        }
    ),
    min_size=1,
    max_size=14,
)
rules = st.one_of(
    st.none(),
    st.none(),
    st.builds(HitAfter, after=st.integers(1, 3)),
    st.builds(HitEvery, every=st.integers(1, 3)),
    st.just(HitOnce(once=True)),
)
sought = st.tuples(conditions, st.sampled_from(["edge", "level"]), rules)


def drawn(found):
    """What is recorded, the timeline that comes of it, and its marks."""
    messages, line, marks = [], [], []
    index, depth, clock, state, cause, version = -1, 0, 0, {}, None, -1
    for one in found:
        clock = max(clock, one["at"])
        if one["kind"] == "snapshot":
            state, version = one["state"], version + 1
            messages.append(snapshot(state, at=one["at"]))
            marks.append(Mark(index, version))
            line.append({"event": None, "clock": clock, "state": state})
            continue
        index, identity = index + 1, str(uuid4())
        depth = depth + 1 if one["deeper"] and cause else 1
        more = {"causes": [cause]} if depth > 1 else {}
        if one["kind"] == "patch":
            state, version = one["state"], version + 1
            more["patch"] = [{"op": "replace", "path": "", "value": state}]
        messages.append(event(one["type"], at=one["at"], id=identity, **more))
        marks.append(Mark(index))
        told = {"type": one["type"], "depth": depth, "index": index}
        line.append({"event": told, "clock": clock, "state": state})
        cause = identity
    return messages, line, marks


def counted(rule, hits):
    """Those of some hits that a policy counts."""
    match rule:
        case None:
            return hits
        case HitAfter(after=after):
            return hits[after:]
        case HitEvery(every=every):
            return hits[every - 1 :: every]
        case _:
            return hits[:1]


class Runner:
    """Runs over one agent."""

    def __init__(self, ask, agent, pace):
        self._ask = ask
        self._agent = agent
        self._pace = pace

    def reading(self):
        return self._ask.dispatch.reading("default")

    def run(self, direction):
        expressions = self._ask.dispatch.expressions
        return Run(self.reading, expressions, self._agent, direction, 30.0, pace=self._pace)

    async def whole(self):
        async with self.reading() as reading:
            return whole((await reading.timeline(self._agent)).extent)

    async def first(self, wanted, direction, start):
        stretch = await self.whole()
        if direction == "forward":
            stretch = stretch._replace(after=start)
        else:
            stretch = stretch._replace(before=start)
        return await self.run(direction).first(wanted, stretch)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    found=records,
    wanted=st.lists(sought, min_size=1, max_size=4),
    pace=st.sampled_from([SLOWLY, Pace()]),
    indexed=st.booleans(),
    crowded=st.booleans(),
    data=st.data(),
)
async def test_it_stops_where_a_scan_of_the_timeline_does(
    ask, recorded, found, wanted, pace, indexed, crowded, data
):
    agent = f"runner-{next(FRESH)}"
    messages, line, marks = drawn(found)
    half = len(messages) // 2
    recorded.field_index = indexed
    for some in (messages[:half], messages[half:]):
        if some:
            await recorded.add(agent, *some, at=1000)
        recorded.field_index = True
    runner = Runner(ask, agent, pace)
    watched = [Sought(watch(read(one)), trigger, rule) for one, trigger, rule in wanted]
    # Of so many, those that a record could hit are looked up.
    watched += NEVER if crowded else []
    hits = [counted(rule, naive_hits(one, line, trigger)) for one, trigger, rule in wanted]
    for place in data.draw(st.sets(st.integers(-1, len(line) - 1), min_size=1, max_size=2)):
        start = marks[place] if place >= 0 else NOWHERE
        everything = sorted({hit for some in hits for hit in some})
        onward = next((hit for hit in everything if hit > place), None)
        back = next((hit for hit in reversed(everything) if hit < place), None)
        for direction, expected in (("forward", onward), ("backward", back)):
            stopped = await runner.first(watched, direction, start)
            if expected is None:
                assert stopped is None, direction
            else:
                assert stopped is not None, direction
                assert stopped.mark == marks[expected], direction
                assert {*stopped.reasons} == {n for n, some in enumerate(hits) if expected in some}
    newest = await runner.run("backward").last_hits(watched[0], await runner.whole(), 3)
    assert [one.mark for one in newest] == [marks[hit] for hit in hits[0][::-1][:3]]


def expressed(source):
    return Sought(watch(read({"kind": "expression", "source": source})))


async def both_ways(runner, source):
    """Where an expression stops a run through everything, forward and backward."""
    found = []
    for direction in ("forward", "backward"):
        stopped = await runner.run(direction).first([expressed(source)], await runner.whole())
        found.append(None if stopped is None else stopped.mark.event_index)
    return found


async def test_states_that_change_more_often_than_events_come_are_looked_at_one_by_one(
    ask, recorded
):
    for n in range(3):
        states = [snapshot({"n": 300 * n + each, "m": 0}) for each in range(300)]
        await recorded.add("busy", event(data={"n": n}), *states)
    await recorded.add("busy", event(data={"n": 3}))
    runner = Runner(ask, "busy", Pace())
    assert await both_ways(runner, "state.n == 599 && event.data.n >= 0") == [2, 2]
    assert await both_ways(runner, "state.m == 0 && event.data.n < 3") == [1, 2]
    assert await both_ways(runner, "event.metadata.x == 1") == [None, None]


async def test_states_too_large_to_be_held_at_once_are_taken_some_at_a_time(ask, recorded):
    for n in range(10):
        await recorded.add("large", snapshot({"text": str(n) * 2_000_000}), event(data={"n": n}))
    runner = Runner(ask, "large", Pace())
    assert await both_ways(runner, "state.text.endsWith('7') && event.data.n > 0") == [7, 7]
    low = {"kind": "on_state", "path": "text", "op": "ge", "value": "6"}
    condition = {"kind": "all_of", "conditions": [{"kind": "on_event_type", "type": "x"}, low]}
    either = Sought(watch(read({"kind": "any_of", "conditions": [condition, low]})))
    stopped = await runner.run("forward").first([either], await runner.whole())
    assert stopped.mark.event_index == 6


async def test_events_too_large_to_be_read_at_once_are_taken_some_at_a_time(ask, recorded):
    for n in range(5):
        await recorded.add("loud", event(data={"n": n, "text": an_id() * 40_000}))
    runner = Runner(ask, "loud", Pace())
    assert await both_ways(runner, "event.data.n == 3") == [3, 3]
    assert await both_ways(runner, "event.id != '' && event.data.n == 3") == [3, 3]
    assert await both_ways(runner, "event.type == 'action_execution' && event.data.n == 3") == [
        3,
        3,
    ]
