"""Graphs as DOT and Mermaid, and that what was recorded can't become anything but text there."""

import re

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.causality.drawing import Drawing, Label, dot, mermaid
from stratoscope.domain.causality.graphs import graph_of
from stratoscope.domain.causality.nodes import Node

CAUSE, EVENT, LATE = "11111111-1111-7111-8111-111111111111", "2222", "3333"


def drawing(agent: str = "explorer-7", line: str = "decision_made #1") -> Drawing:
    nodes = {
        CAUSE: Node(CAUSE, (1, 0), (LATE, "gone", "dropped")),
        EVENT: Node(EVENT, (2, 0), (CAUSE,)),
        LATE: Node(LATE, (3, 0), (EVENT,)),
    }
    labels = {
        CAUSE: Label("trader", ("message_received #0",)),
        EVENT: Label(agent, (line, "08:00")),
        LATE: Label(agent, ("error_occurred #2",), is_error=True),
    }
    return Drawing(graph_of(nodes), labels, EVENT, ("gone",))


def test_dot_has_a_cluster_an_agent() -> None:
    drawn = dot(drawing())

    assert drawn.count("subgraph cluster_") == 2
    assert 'label="explorer-7";' in drawn
    assert f'"{EVENT}" [label="decision_made #1\\n08:00", penwidth=3];' in drawn
    assert f'"{CAUSE}" -> "{EVENT}";' in drawn
    assert f'"{LATE}" -> "{CAUSE}" [label="closes a cycle"' in drawn
    assert f'"gone" -> "{CAUSE}" [style=dashed];' in drawn
    assert "dropped" not in drawn


def test_mermaid_has_a_subgraph_an_agent() -> None:
    drawn = mermaid(drawing())

    assert drawn.startswith("flowchart LR\n")
    assert '  subgraph a0["trader"]\n    e0["message_received #35;0"]\n  end\n' in drawn
    assert '    e1["decision_made #35;1<br/>08#58;00"]\n' in drawn
    assert "  e0 --> e1\n" in drawn
    assert "  e2 -. closes a cycle .-> e0\n" in drawn
    assert '  e3["not recorded<br/>gone"]:::missing\n' in drawn
    assert "  e3 -.-> e0\n" in drawn
    assert "  class e2 error\n  class e1 focus\n" in drawn


def test_a_late_cause_that_closes_no_cycle_is_called_late() -> None:
    nodes = {"a": Node("a", (1, 0), ("b",)), "b": Node("b", (2, 0))}
    labels = dict.fromkeys(nodes, Label("x", ("y",)))
    drawn = Drawing(graph_of(nodes), labels, "a")

    assert '"b" -> "a" [label="late"' in dot(drawn)
    assert "e1 -. late .-> e0" in mermaid(drawn)
    assert " error\n" not in mermaid(drawn)


@given(st.text(max_size=80), st.text(max_size=80))
def test_nothing_that_was_recorded_leaves_its_quotes(agent: str, line: str) -> None:
    plain, strange = drawing("a", "b"), drawing(agent, line)

    def skeleton(text: str) -> str:
        return re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)

    assert skeleton(dot(strange)) == skeleton(dot(plain))
    assert skeleton(mermaid(strange)) == skeleton(mermaid(plain))
    labels = re.findall(r'\["(.*)"\]', mermaid(strange))
    allowed = r"(?:[\w _.…\u00b2-\U0010ffff]|#\d+;|<br/>)*"
    assert all(re.fullmatch(allowed, label) for label in labels)
