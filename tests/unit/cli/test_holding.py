"""What a person is told of an agent that is held, or would be if it came to a gate."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from stratoscope.cli.holding import rendered
from stratoscope.cli.rendering import agents
from stratoscope_contracts.control import AgentReply
from stratoscope_contracts.looking import AgentsListReply
from stratoscope_contracts.views import AgentView

EIGHT = datetime(2026, 11, 23, 8, tzinfo=UTC)
FREE: dict[str, Any] = {"held": False, "held_by": []}
ON_ITS_WAY: dict[str, Any] = {"held": True, "held_by": ["operator"], "gated": True}
AT_ITS_GATE = ON_ITS_WAY | {"waiting_since": EIGHT}
GATELESS: dict[str, Any] = {"held": False, "held_by": ["operator"], "gated": False}


def plain(shown: Any) -> str:
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return captured.get().strip()


@pytest.mark.parametrize(
    ("stands", "stepped", "said"),
    [
        (FREE, None, "a is held by nobody"),
        (FREE, 3, "a is held by nobody"),
        (ON_ITS_WAY, None, "a is to be held at its next gate  by operator"),
        (AT_ITS_GATE, None, "a is held at its gate since 08:00:00.000  by operator"),
        (AT_ITS_GATE, 1, "a may record 1 event more  by operator"),
        (ON_ITS_WAY, 3, "a may record 3 events more  by operator"),
        (GATELESS, None, "a has never come to a gate, and goes on until it does  by operator"),
    ],
)
def test_a_line_says_how_the_agent_stands(
    stands: dict[str, Any], stepped: int | None, said: str
) -> None:
    assert plain(rendered(AgentReply(agent="a", **stands), stepped)) == said


@pytest.mark.parametrize(
    ("stands", "said"),
    [
        (FREE, ""),
        (ON_ITS_WAY, "to be held"),
        (AT_ITS_GATE, "held"),
        (GATELESS, "no gate to be held at"),
    ],
)
def test_the_list_says_who_is_held_and_who_has_no_gate(stands: dict[str, Any], said: str) -> None:
    view = AgentView(agent="a", events=1, snapshots=0, first_at=EIGHT, last_at=EIGHT, **stands)
    line = plain(agents(AgentsListReply(agents=[view], cursor=None), "default")).splitlines()[-1]
    assert line.rpartition("Z")[2].strip() == said
