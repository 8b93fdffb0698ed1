"""`diff` and `patterns`: what changed between two moments, between two agents, and over a run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from stratoscope.cli import diffs, divergences, trends
from stratoscope.cli.asking import (
    Asking,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    request_of,
)
from stratoscope.cli.choosing import (
    CategoryOption,
    DepthOption,
    DigitsOption,
    ExcludeOption,
    IncludeOption,
    ThresholdOption,
    TypeOption,
    UnorderedOption,
    options,
)
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.looking import AgentArgument
from stratoscope.cli.moments import moment
from stratoscope.cli.screen import stdout, write_text
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.comparing import (
    CompareDivergenceReply,
    CompareDivergenceRequest,
    CompareOptions,
    ComparePatternsReply,
    ComparePatternsRequest,
    CompareRenderReply,
    CompareRenderRequest,
    CompareReply,
    CompareRequest,
)
from stratoscope_contracts.views import At, AtEventIndex
from stratoscope_contracts.words import DEFAULT_SPACE

_A_MOMENT = "A moment: 12, -1, latest, a time, event:<id>, snapshot:<id> or seq:<n>."
_AN_AGENT = " With --agents: the other agent."


class Format(StrEnum):
    """How a comparison is written."""

    UNIFIED = "unified"
    SIDE_BY_SIDE = "side_by_side"
    JSON = "json"
    JSON_PATCH = "json_patch"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class _Places:
    """Two positions, of one agent or of two."""

    agent: str
    before: At
    after: At
    to_agent: str | None = None


def diff(
    agent: AgentArgument,
    before: Annotated[
        str, typer.Argument(metavar="FROM", help=_A_MOMENT + _AN_AGENT, show_default=False)
    ],
    after: Annotated[
        str | None, typer.Argument(metavar="TO", help=_A_MOMENT, show_default=False)
    ] = None,
    agents: Annotated[
        bool, typer.Option("--agents", help="Compare two agents: where their runs part.")
    ] = False,
    to_agent: Annotated[
        str | None, typer.Option("--to-agent", help="TO is a moment of this agent.")
    ] = None,
    format: Annotated[
        Format | None, typer.Option("--format", help="Write it like this, for files and programs.")
    ] = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    depth: DepthOption = None,
    threshold: ThresholdOption = None,
    digits: DigitsOption = None,
    kind: TypeOption = None,
    ignore_order: UnorderedOption = False,
    category: CategoryOption = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """What changed in an agent's state between two moments, or where two agents part."""
    asking = Asking(server, space, timeout, output)
    chosen = options(
        include=include,
        exclude=exclude,
        depth=depth,
        threshold=threshold,
        digits=digits,
        types=kind,
        ignore_order=ignore_order,
        categories=category,
    )
    if agents:
        if after is not None or to_agent is not None:
            raise UsageFault("--agents takes two agents and no moments", "diff --agents X Y")
        _diverge(asking, agent, before, chosen, format)
        return
    if after is None:
        raise UsageFault("Missing argument 'TO'", "diff AGENT FROM TO, as in 12 latest")
    places = _Places(agent, moment(before), moment(after), to_agent)
    if format is not None:
        _write(asking.ask(_rendering(places, chosen, format)), format)
        return
    reply = asking.ask(_comparison(places, chosen))
    asking.show(reply, lambda: diffs.comparison(reply, stdout().width))


def patterns(
    agent: AgentArgument,
    start: Annotated[
        str | None, typer.Option("--from", help="After this moment.", show_default=False)
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Up to and with this moment.", show_default=False)
    ] = None,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    depth: DepthOption = None,
    threshold: ThresholdOption = None,
    digits: DigitsOption = None,
    kind: TypeOption = None,
    ignore_order: UnorderedOption = False,
    category: CategoryOption = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """How an agent's state changes from snapshot to snapshot, and what stands out."""
    asking = Asking(server, space, timeout, output)
    chosen = options(
        include=include,
        exclude=exclude,
        depth=depth,
        threshold=threshold,
        digits=digits,
        types=kind,
        ignore_order=ignore_order,
        categories=category,
    )
    body = request_of(
        ComparePatternsRequest,
        agent=agent,
        from_=moment(start) if start else None,
        to=moment(end) if end else None,
        options=chosen,
    )

    async def question(nav: Navigator) -> ComparePatternsReply:
        return await nav.request("compare.patterns", body)

    reply = asking.ask(question)
    asking.show(reply, lambda: trends.patterns(reply, agent, stdout().width))


def _comparison(
    places: _Places, chosen: CompareOptions
) -> Callable[[Navigator], Awaitable[CompareReply]]:
    body = request_of(
        CompareRequest,
        agent=places.agent,
        from_=places.before,
        to=places.after,
        to_agent=places.to_agent,
        options=chosen,
    )
    return lambda nav: nav.request("compare", body)


def _rendering(
    places: _Places, chosen: CompareOptions, format: Format
) -> Callable[[Navigator], Awaitable[CompareRenderReply]]:
    body = request_of(
        CompareRenderRequest,
        agent=places.agent,
        from_=places.before,
        to=places.after,
        to_agent=places.to_agent,
        options=chosen,
        format=format.value,
        width=max(40, min(1000, stdout().width)),
    )
    return lambda nav: nav.request("compare.render", body)


def _diverge(
    asking: Asking, agent: str, other: str, chosen: CompareOptions, format: Format | None
) -> None:
    """Where two agents part; with a format, their states there."""
    body = request_of(CompareDivergenceRequest, agent=agent, to_agent=other, options=chosen)

    async def question(nav: Navigator) -> CompareDivergenceReply:
        return await nav.request("compare.divergence", body)

    reply = asking.ask(question)
    if format is None or reply.positions is None:
        asking.show(reply, lambda: divergences.divergence(reply, (agent, other), stdout().width))
        return
    before, after = (AtEventIndex(event_index=each.event_index) for each in reply.positions)
    _write(asking.ask(_rendering(_Places(agent, before, after, other), chosen, format)), format)


def _write(reply: CompareRenderReply, format: Format) -> None:
    """Text as it is; in colour where it is read from a terminal."""
    console = stdout()
    if console.is_terminal and format is Format.UNIFIED:
        for line in diffs.unified(reply.text):
            console.print(line, soft_wrap=True)
        return
    write_text(reply.text, is_json=format in (Format.JSON, Format.JSON_PATCH))
