"""Why an event happened, on graphs that are drawn at random and on some that are not."""

import random
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stratoscope.domain.causality.chains import cycles, longest_chain
from stratoscope.domain.causality.nodes import Node, depth, is_late

Graph = dict[str, Node]


def graph(**causes: str) -> Graph:
    """Events by name, in the order of the log, each with the names of its causes."""
    return {
        name: Node(name, (seq, 0), tuple(named.split()))
        for seq, (name, named) in enumerate(causes.items())
    }


def test_a_root_is_its_own_chain() -> None:
    assert longest_chain(graph(a=""), "a") == ["a"]


def test_the_longest_way_from_a_root_is_told_from_the_root_on() -> None:
    nodes = graph(root="", x="root", y="x", z="root y", effect="z root")

    assert longest_chain(nodes, "effect") == ["root", "x", "y", "z", "effect"]


def test_of_two_equally_long_ways_the_one_by_the_lower_place_is_told() -> None:
    nodes = graph(a="", b="", x="b", y="a", effect="y x")

    assert longest_chain(nodes, "effect") == ["b", "x", "effect"]


def test_the_ordinal_orders_what_came_in_one_message() -> None:
    nodes = {
        "late": Node("late", (7, 2)),
        "early": Node("early", (7, 0)),
        "effect": Node("effect", (7, 1), ("late", "early")),
    }

    assert longest_chain(nodes, "effect") == ["early", "effect"]
    assert is_late(nodes["effect"].place, nodes["late"].place)
    assert not is_late(nodes["effect"].place, nodes["early"].place)


def test_a_late_cause_is_followed() -> None:
    nodes = graph(effect="cause", root="", cause="root")

    assert longest_chain(nodes, "effect") == ["root", "cause", "effect"]


def test_a_cause_that_is_not_at_hand_is_skipped() -> None:
    nodes = graph(a="gone", effect="gone a")

    assert longest_chain(nodes, "effect") == ["a", "effect"]
    assert cycles(nodes) == []


def test_an_unknown_event_is_an_error() -> None:
    with pytest.raises(KeyError):
        longest_chain(graph(a=""), "b")


def test_a_cycle_ends_the_walk_at_the_event_asked_for() -> None:
    nodes = graph(a="b", b="a")

    assert longest_chain(nodes, "a") == ["b", "a"]
    assert longest_chain(nodes, "b") == ["a", "b"]
    assert cycles(nodes) == [("b", "a"), ("a", "b")]


def test_a_cycle_further_up_loses_its_late_edge_only() -> None:
    nodes = graph(root="", a="root c", b="a", c="b", effect="c")

    assert longest_chain(nodes, "effect") == ["root", "a", "b", "c", "effect"]
    assert cycles(nodes) == [("c", "a"), ("a", "b"), ("b", "c")]


def test_an_event_that_names_itself_is_a_cycle_of_one() -> None:
    nodes = graph(root="", a="root a", b="a")

    assert longest_chain(nodes, "a") == ["root", "a"]
    assert longest_chain(nodes, "b") == ["root", "a", "b"]
    assert cycles(nodes) == [("a", "a")]
    assert is_late(nodes["a"].place, nodes["a"].place)


def test_a_late_edge_on_no_cycle_is_not_named() -> None:
    assert cycles(graph(effect="cause", cause="")) == []


def test_two_cycles_that_share_no_event_are_both_named() -> None:
    nodes = graph(a="b", b="a", bridge="b", c="bridge d", d="c")

    assert cycles(nodes) == [("b", "a"), ("a", "b"), ("d", "c"), ("c", "d")]


def test_a_chain_of_ten_thousand_is_walked_at_once() -> None:
    nodes = graph(**{f"e{n}": f"e{n - 1} e{n - 2}" for n in range(10_000)})
    began = time.perf_counter()

    chain = longest_chain(nodes, "e9999")

    # Some 30 ms; a walk that is quadratic takes many seconds.
    assert time.perf_counter() - began < 2
    assert chain == [f"e{n}" for n in range(10_000)]


def test_a_cycle_of_ten_thousand_is_named() -> None:
    nodes = graph(**{f"e{n}": f"e{(n - 1) % 10_000}" for n in range(10_000)})

    assert len(cycles(nodes)) == 10_000
    assert len(longest_chain(nodes, "e5000")) == 10_000


def test_depth_is_one_more_than_the_deepest_early_cause() -> None:
    assert depth([]) == 1
    assert depth([3, 1, 2]) == 4
    assert depth(iter((7,))) == 8


@st.composite
def graphs(draw: st.DrawFn, *, late: bool = True) -> Graph:
    count = draw(st.integers(1, 7))
    places = draw(st.permutations(range(count)))
    return {
        f"e{seq}": Node(
            f"e{seq}",
            (seq // 2, seq % 2),
            tuple(
                f"e{cause}"
                for cause in draw(st.lists(st.integers(0, count), max_size=4))
                if late or cause < seq
            ),
        )
        for seq in places
    }


@given(graphs(late=False))
def test_without_late_causes_the_chain_is_the_longest_there_is_and_as_long_as_the_depth(
    nodes: Graph,
) -> None:
    depths = depths_in_log_order(nodes)
    for event in nodes:
        assert longest_chain(nodes, event) == best(simple_chains(nodes, event), nodes)
        assert len(longest_chain(nodes, event)) == depths[event]
    assert cycles(nodes) == []


@given(graphs())
def test_with_late_causes_the_chain_is_the_longest_that_the_rules_leave(nodes: Graph) -> None:
    for event in nodes:
        left = as_the_rules_leave_it(nodes, event)

        assert longest_chain(nodes, event) == best(simple_chains(left, event), nodes)


@given(graphs())
@example(graph(r="", q="r x", x="q", e="x q"))
def test_a_chain_is_made_of_declared_causes_and_is_never_shorter_than_the_depth(
    nodes: Graph,
) -> None:
    depths = depths_in_log_order(nodes)
    for event in nodes:
        chain = longest_chain(nodes, event)

        assert chain[-1] == event
        assert len(set(chain)) == len(chain) >= depths[event]
        assert all(cause in nodes[effect].causes for cause, effect in pairwise(chain))


@given(graphs())
def test_the_edges_on_cycles_are_those_whose_cause_their_effect_leads_back_to(
    nodes: Graph,
) -> None:
    edges = {
        (cause, effect) for effect in nodes for cause in nodes[effect].causes if cause in nodes
    }
    named = cycles(nodes)

    assert set(named) == {edge for edge in edges if edge[1] in ancestors(nodes, edge[0])}
    assert len(set(named)) == len(named)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_were_fetched_changes_nothing(
    nodes: Graph, chance: random.Random
) -> None:
    shuffled = dict(chance.sample(sorted(nodes.items()), len(nodes)))

    assert cycles(shuffled) == cycles(nodes)
    assert [longest_chain(shuffled, e) for e in nodes] == [longest_chain(nodes, e) for e in nodes]


def depths_in_log_order(nodes: Graph) -> dict[str, int]:
    depths: dict[str, int] = {}
    for node in sorted(nodes.values(), key=lambda node: node.place):
        depths[node.id] = depth(depths[cause] for cause in node.causes if cause in depths)
    return depths


def simple_chains(nodes: Mapping[str, Node], event: str) -> Iterator[list[str]]:
    """Every chain without a repetition that ends in the event and that no known cause extends."""

    def grow(chain: list[str]) -> Iterator[list[str]]:
        longer = [c for c in nodes[chain[0]].causes if c in nodes and c not in chain]
        if not longer:
            yield chain
        for cause in longer:
            yield from grow([cause, *chain])

    return grow([event])


def best(chains: Iterator[list[str]], nodes: Graph) -> list[str]:
    return min(chains, key=lambda chain: (-len(chain), [nodes[id].place for id in chain[::-1]]))


def as_the_rules_leave_it(nodes: Graph, event: str) -> Graph:
    def without(dropped: set[tuple[str, str]], kept: Graph) -> Graph:
        return {
            id: Node(id, node.place, tuple(c for c in node.causes if (c, id) not in dropped))
            for id, node in kept.items()
        }

    opened = without({(event, effect) for effect in nodes}, nodes)
    round_about = {
        (cause, effect)
        for effect in opened
        for cause in opened[effect].causes
        if cause in opened
        and nodes[cause].place >= nodes[effect].place
        and effect in ancestors(opened, cause)
    }
    return without(round_about, opened)


def ancestors(nodes: Graph, event: str) -> set[str]:
    """The event and all that leads to it."""
    found, left = {event}, [event]
    while left:
        for cause in nodes[left.pop()].causes:
            if cause in nodes and cause not in found:
                found.add(cause)
                left.append(cause)
    return found
