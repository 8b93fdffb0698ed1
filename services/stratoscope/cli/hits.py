"""Hits of breakpoints as a person reads them."""

from rich.text import Text

from stratoscope.cli.gist import harmless
from stratoscope.cli.rendering import DIM, clock, kind
from stratoscope_contracts.breakpoints import Hit

_ACTIONS = {"notify": "", "log": "bold cyan", "pause": "bold yellow"}


def line(hit: Hit) -> Text:
    """One hit on one line."""
    time = hit.position.occurred_at
    parts = [
        Text(clock(time) if time else "", style=DIM),
        Text(hit.agent, style="bold"),
        Text(f"#{hit.position.event_index}", style="bold"),
        kind(hit.event) if hit.event else Text("snapshot", style=DIM),
        Text(harmless(hit.message or hit.reason)),
        Text("" if hit.action == "notify" else hit.action, style=_ACTIONS[hit.action]),
    ]
    found = Text("  ").join(part for part in parts if part.plain)
    found.no_wrap, found.overflow = True, "ellipsis"
    return found
