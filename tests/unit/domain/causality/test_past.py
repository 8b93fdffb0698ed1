"""What happened before, against a graph of causes and timelines that is closed naively."""

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.causality.past import Past, Stretch

Event = tuple[int, int]
# Of each agent, for each of its events, the causes.
Timelines = dict[int, list[list[Event]]]


@st.composite
def timelines(draw: st.DrawFn) -> Timelines:
    """Up to four agents with up to five events each, that name any event as a cause."""
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    events = [(agent, index) for agent, length in enumerate(lengths) for index in range(length)]
    causes = st.lists(st.sampled_from(events), max_size=2)
    return {agent: [draw(causes) for _ in range(length)] for agent, length in enumerate(lengths)}


def naive_past(log: Timelines, event: Event) -> set[Event]:
    """The event and all before it, by causes in other agents and by its own timeline."""
    found: set[Event] = set()
    left = [event]
    while left:
        agent, index = left.pop()
        if (agent, index) not in found:
            found.add((agent, index))
            left += [(agent, before) for before in range(index)]
            left += [cause for cause in log[agent][index] if cause[0] != agent]
    return found


def causes_in(log: Timelines, stretch: Stretch) -> list[Event]:
    return [
        cause
        for causes in log[stretch.agent_id][stretch.after + 1 : stretch.upto + 1]
        for cause in causes
        if cause[0] != stretch.agent_id
    ]


@given(timelines(), st.data())
def test_going_back_page_by_page_finds_all_that_happened_before(
    log: Timelines, data: st.DataObject
) -> None:
    agent = data.draw(st.sampled_from(sorted(log)))
    event = (agent, data.draw(st.integers(0, len(log[agent]) - 1)))
    page = data.draw(st.integers(1, 3))
    past, read = Past(), []
    past.reach(*event)
    while stretches := past.next_stretches():
        for stretch in stretches:
            start = max(stretch.after, stretch.upto - page)
            newest = Stretch(stretch.agent_id, start, stretch.upto)
            read += [(newest.agent_id, index) for index in range(start + 1, newest.upto + 1)]
            past.passed(stretch, start)
            past.reach_all(causes_in(log, newest))

    held = {
        (agent, index)
        for agent, causes in log.items()
        for index in range(len(causes))
        if past.holds(agent, index)
    }
    assert held == naive_past(log, event)
    assert sorted(read) == sorted(held)


def test_what_is_passed_whole_is_not_gone_through_again() -> None:
    past = Past()
    past.reach(1, 9)
    (stretch,) = past.next_stretches()
    past.passed(stretch, stretch.after)
    past.reach(1, 5)

    assert past.next_stretches() == []
    assert past.holds(1, 9)
    assert not past.holds(1, 10)
    assert not past.holds(2, 0)
