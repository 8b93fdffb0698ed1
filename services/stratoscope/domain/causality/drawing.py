"""A graph of causes as text that other programs draw: DOT (Graphviz) and Mermaid.

Each agent is a cluster. Names and labels come from whoever recorded them, so nothing of them is
used but within quotes, and what a language gives a meaning is spelled so that it has none.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stratoscope.domain.causality.graphs import Graph
from stratoscope.domain.causality.nodes import Edge

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Label:
    """What is written at an event: its agent, and lines of text."""

    agent: str
    lines: Sequence[str]
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph, what is written at its events, the one asked for, and causes nobody recorded."""

    graph: Graph
    labels: Mapping[str, Label]
    focus: str
    missing: Collection[str] = ()

    @property
    def missing_edges(self) -> list[Edge]:
        """The edges from causes that nobody recorded."""
        return [(cause, id) for cause, id in self.graph.outside if cause in self.missing]


def dot(drawing: Drawing) -> str:
    """The graph in DOT, the language of Graphviz; the event that was asked for is bold."""
    graph, labels, focus = drawing.graph, drawing.labels, drawing.focus
    lines = [
        "digraph causes {",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=10];',
        '  edge [fontname="sans-serif", fontsize=9];',
    ]
    for number, (agent, ids) in enumerate(_by_agent(graph, labels)):
        lines += [
            f"  subgraph cluster_{number} {{",
            f"    label={_dot_text([agent])};",
            *(f"    {_dot_node(id, labels[id], id == focus)}" for id in ids),
            "  }",
        ]
    for cause, effect in graph.edges:
        lines.append(f'  "{cause}" -> "{effect}"{_dot_style(graph, (cause, effect))};')
    for id in drawing.missing:
        lines.append(f'  "{id}" [label={_dot_text(["not recorded", id])}, style=dashed];')
    lines += (f'  "{cause}" -> "{id}" [style=dashed];' for cause, id in drawing.missing_edges)
    return "\n".join([*lines, "}", ""])


def mermaid(drawing: Drawing) -> str:
    """The graph as a Mermaid flowchart; the event that was asked for is of the class `focus`."""
    graph, labels, focus = drawing.graph, drawing.labels, drawing.focus
    names = {id: f"e{number}" for number, id in enumerate((*graph.ids, *drawing.missing))}
    lines = ["flowchart LR"]
    for number, (agent, ids) in enumerate(_by_agent(graph, labels)):
        lines += [
            f'  subgraph a{number}["{_mermaid_text([agent])}"]',
            *(f'    {names[id]}["{_mermaid_text(labels[id].lines)}"]' for id in ids),
            "  end",
        ]
    for id in drawing.missing:
        lines.append(f'  {names[id]}["{_mermaid_text(["not recorded", id])}"]:::missing')
    for cause, effect in graph.edges:
        lines.append(f"  {names[cause]} {_mermaid_arrow(graph, (cause, effect))} {names[effect]}")
    lines += (f"  {names[cause]} -.-> {names[id]}" for cause, id in drawing.missing_edges)
    errors = [names[id] for id in graph.ids if labels[id].is_error]
    lines += [f"  class {','.join(errors)} error"] if errors else []
    lines.append(f"  class {names[focus]} focus")
    return "\n".join([*lines, *_MERMAID_CLASSES, ""])


_MERMAID_CLASSES = (
    "  classDef focus stroke-width:3px",
    "  classDef error stroke:#c00",
    "  classDef missing stroke-dasharray:4",
)


def _by_agent(graph: Graph, labels: Mapping[str, Label]) -> Iterable[tuple[str, Sequence[str]]]:
    """Events by agent, agents in the order of their first event."""
    agents: dict[str, list[str]] = {}
    for id in graph.ids:
        agents.setdefault(labels[id].agent, []).append(id)
    return agents.items()


def _dot_node(id: str, label: Label, is_focus: bool) -> str:
    looks = ", penwidth=3" * is_focus + ', color="#cc0000"' * label.is_error
    return f'"{id}" [label={_dot_text(label.lines)}{looks}];'


def _dot_style(graph: Graph, edge: tuple[str, str]) -> str:
    if edge in graph.cycles:
        return ' [label="closes a cycle", style=dashed, color="#cc0000", constraint=false]'
    return ' [label="late", style=dashed, constraint=false]' if edge in graph.late else ""


def _dot_text(lines: Iterable[str]) -> str:
    quoted = (_shortened(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(quoted) + '"'


def _mermaid_arrow(graph: Graph, edge: tuple[str, str]) -> str:
    if edge in graph.cycles:
        return "-. closes a cycle .->"
    return "-. late .->" if edge in graph.late else "-->"


def _mermaid_text(lines: Iterable[str]) -> str:
    """Text of which nothing but letters, digits and spaces stands for itself.

    Mermaid reads HTML and Markdown in a label; `#35;` is its way to write a character's number.
    """
    return "<br/>".join(
        "".join(
            letter if letter.isalnum() or letter in " _." else f"#{ord(letter)};"
            for letter in _shortened(line)
        )
        for line in lines
    )


def _shortened(line: str) -> str:
    one_line = " ".join(line.split())
    printable = "".join(letter if letter.isprintable() else "\ufffd" for letter in one_line)
    return printable if len(printable) <= _LONGEST else printable[: _LONGEST - 1] + "…"
