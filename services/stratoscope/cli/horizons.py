"""Where timelines begin whose beginning retention has dropped."""

from rich.text import Text

from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.views import Horizon


def begins(horizon: Horizon | None) -> list[Text]:
    """A line where something was dropped, none where not."""
    if horizon is None:
        return []
    when = horizon.occurred_at.strftime("%Y-%m-%d %H:%M:%SZ")
    return [Text(f"begins at event {horizon.event_index}, {when}: {_DROPPED}", style="yellow")]


def kept_from(horizon: Horizon | None) -> str:
    """The same in a column of a table."""
    return f"from event {horizon.event_index} on" if horizon else ""


def behind(error: StratoError) -> str:
    """What can be asked for in place of what is gone, which the error's message has named."""
    match error.details.get("horizon"):
        case {"event_index": int() as index, "occurred_at": str() as when}:
            return f"the first moment that can be asked for is {index}, or {when}"
        case _:
            return ""


_DROPPED = "retention dropped what was before"
