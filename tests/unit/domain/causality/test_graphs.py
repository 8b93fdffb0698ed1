"""What lies around an event, on graphs that are drawn at random and on some that are not."""

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.causality.graphs import (
    closing_edges,
    effects_of,
    graph_of,
    levels,
    nearest,
    shortest_path,
)
from stratoscope.domain.causality.nodes import Node, is_late

Graph = dict[str, Node]


def graph(**causes: str) -> Graph:
    """Events by name, in the order of the log, each with the names of its causes."""
    return {
        name: Node(name, (seq, 0), tuple(named.split()))
        for seq, (name, named) in enumerate(causes.items())
    }


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to nine events that name any of each other, themselves and strangers as causes."""
    names = [f"e{number}" for number in range(draw(st.integers(1, 9)))]
    causes = st.lists(st.sampled_from([*names, "stranger"]), max_size=4)
    return {name: Node(name, (seq, 0), tuple(draw(causes))) for seq, name in enumerate(names)}


def without_late_edges(nodes: Mapping[str, Node]) -> Graph:
    return {
        id: Node(
            id,
            node.place,
            tuple(c for c in node.causes if c in nodes and not is_late(node.place, nodes[c].place)),
        )
        for id, node in nodes.items()
    }


def naive_ways(nodes: Graph, cause: str, effect: str, passed: tuple[str, ...] = ()) -> list[int]:
    """The lengths of all ways without a cycle."""
    if effect == cause:
        return [len(passed) + 1]
    return [
        length
        for before in nodes[effect].causes
        if before in nodes and before not in passed
        for length in naive_ways(nodes, cause, before, (*passed, effect))
    ]


def test_a_graph_tells_its_edges_and_what_came_late() -> None:
    nodes = graph(a="c gone", b="a a", c="b")

    found = graph_of(nodes)

    assert found.ids == ("a", "b", "c")
    assert found.edges == (("c", "a"), ("a", "b"), ("b", "c"))
    assert found.late == found.cycles == (("c", "a"),)
    assert found.outside == (("gone", "a"),)
    assert closing_edges(nodes) == [("c", "a")]


def test_a_late_edge_that_closes_nothing_is_no_cycle() -> None:
    found = graph_of(graph(effect="cause", cause=""))

    assert found.late == (("cause", "effect"),)
    assert found.cycles == ()


@given(graphs())
def test_without_the_edges_that_close_them_there_are_no_cycles(nodes: Graph) -> None:
    closed = set(closing_edges(nodes))
    opened = {
        id: Node(id, node.place, tuple(c for c in node.causes if (c, id) not in closed))
        for id, node in nodes.items()
    }

    assert closing_edges(opened) == []
    assert set(graph_of(nodes).cycles) == closed
    assert closing_edges(without_late_edges(nodes)) == []


def test_the_nearest_come_first_on_both_sides() -> None:
    nodes = graph(root="", cause="root", event="cause", effect="event", last="effect")

    def names(max_depth: int | None, max_nodes: int) -> tuple[list[str], bool]:
        near = nearest("event", nodes, nodes, max_depth, max_nodes)
        return sorted(near.nodes, key=list(nodes).index), near.truncated

    assert names(None, 5) == (["root", "cause", "event", "effect", "last"], False)
    assert names(None, 4) == (["root", "cause", "event", "effect"], True)
    assert names(1, 5) == (["cause", "event", "effect"], False)
    assert names(1, 2) == (["cause", "event"], True)


def test_one_side_alone_leaves_the_other_out() -> None:
    nodes = graph(cause="", event="cause", effect="event", other="cause")

    assert set(nearest("event", nodes, {}, None, 9).nodes) == {"cause", "event"}
    assert set(nearest("event", {}, nodes, None, 9).nodes) == {"event", "effect"}
    assert set(nearest("event", nodes, nodes, None, 9).nodes) == {"cause", "event", "effect"}


def test_effects_are_told_once_and_in_the_order_of_the_log() -> None:
    nodes = graph(a="", b="a a", c="b a gone")

    assert effects_of(nodes) == {"a": ["b", "c"], "b": ["c"], "c": []}
    assert levels("a", effects_of(nodes).__getitem__) == {"a": 0, "b": 1, "c": 1}


@given(graphs(), st.data())
def test_the_shortest_path_is_as_long_as_the_shortest_of_all_ways(
    nodes: Graph, data: st.DataObject
) -> None:
    cause, effect = (data.draw(st.sampled_from(sorted(nodes))) for _ in range(2))

    path = shortest_path(nodes, cause, effect)

    ways = naive_ways(nodes, cause, effect)
    if path is None:
        assert ways == []
    else:
        assert len(path) == min(ways)
        assert path[0] == cause
        assert path[-1] == effect
        assert all(before in nodes[after].causes for before, after in pairwise(path))


@pytest.mark.parametrize(("cause", "effect"), [("a", "gone"), ("gone", "a"), ("b", "a")])
def test_where_nothing_led_there_is_no_path(cause: str, effect: str) -> None:
    assert shortest_path(graph(a="", b="a gone"), cause, effect) is None


def test_of_two_ways_the_one_by_the_lower_place() -> None:
    nodes = graph(root="", one="root", two="root", effect="two one")

    assert shortest_path(nodes, "root", "effect") == ["root", "one", "effect"]
