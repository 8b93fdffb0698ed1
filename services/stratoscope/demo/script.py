"""What the demo's chat model says, turn by turn."""

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Turn:
    """One answer of the model: its words, the step of its plan, its tool calls, what it found."""

    says: str
    doing: str
    calls: tuple[tuple[str, dict[str, Any]], ...]
    finding: str | None = None


SCRIPT: Final = (
    Turn(
        says="I will look up the tariff and the limits first.",
        doing="read the contract",
        calls=(("read_config", {"path": "config.json"}),),
    ),
    Turn(
        says="Two meters are billed: south and north. I will read one after the other.",
        doing="read the meters",
        calls=(
            ("read_meter", {"meter": "south", "path": "meters/south.csv"}),
            ("read_meter", {"meter": "north", "path": "meters/north.csv"}),
        ),
        finding="the contract covers the meters south and north at 0.31 EUR a kWh",
    ),
    Turn(
        says="Both meters cover all 14 days. I will store their usage for the billing.",
        doing="store the usage",
        # The slip: the south meter's reading is in Wh, and is stored as kWh.
        calls=(("store_usage", {"usage": {"north": 625.9, "south": 403852.0}}),),
        finding="both meters have a reading for each of the 14 days",
    ),
    Turn(
        says="The usage is stored. Now the costs.",
        doing="compute the costs",
        calls=(("compute_costs", {}),),
    ),
    Turn(
        says="The costs are computed for both meters. I will issue the invoice.",
        doing="issue the invoice",
        calls=(("issue_invoice", {"number": "2026-0417"}),),
        finding="costs are computed for 2 of 2 meters",
    ),
    Turn(says="The invoice is issued.", doing="report", calls=()),
)
