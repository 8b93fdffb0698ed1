"""Which requests are walks: those that go through a timeline with a database session held.

Walks have a share of their own, so that short requests find a session.
"""

from stratoscope_contracts.breakpoints import BreakpointCreateRequest
from stratoscope_contracts.comparing import (
    CompareDivergenceRequest,
    ComparePatternsRequest,
    CompareRequest,
    CompareTimelineRequest,
)
from stratoscope_contracts.envelopes import Request
from stratoscope_contracts.looking import EventsListRequest


def is_walk(request: Request) -> bool:
    """Whether a request takes long with a session held."""
    match request:
        case EventsListRequest():
            return request.where is not None
        case BreakpointCreateRequest():
            return request.past is not None
        case CompareTimelineRequest() | ComparePatternsRequest() | CompareDivergenceRequest():
            return True
        case CompareRequest():
            return request.options is not None and request.options.ignore_order
        case _:
            return False
