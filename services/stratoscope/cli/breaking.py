"""`break …` and `watch`: conditions that are watched live, and asked of the past."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli import hits
from stratoscope.cli.asking import (
    AllOption,
    Asking,
    LimitOption,
    Output,
    OutputOption,
    ServerOption,
    SpaceOption,
    TimeoutOption,
    as_one,
    page_size,
    request_of,
)
from stratoscope.cli.conditions import FORMS, condition, spelled
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.gist import harmless
from stratoscope.cli.rendering import DIM, Row, columns, more
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope_contracts.breakpoints import (
    Breakpoint,
    BreakpointCreateReply,
    BreakpointCreateRequest,
    BreakpointListReply,
    BreakpointListRequest,
    BreakpointReply,
    BreakpointRequest,
)
from stratoscope_contracts.words import DEFAULT_LIMIT, DEFAULT_SPACE

# Those that are none are left to the condition, for the sake of `health < -5`.
_AN_OPTION: Final = re.compile("--|-[A-Za-z]")

app = typer.Typer(
    name="break",
    help="Breakpoints: conditions that are watched as records come in.",
    no_args_is_help=True,
    epilog=f"A condition is {FORMS}.",
)

AgentOrAnyArgument = Annotated[
    str, typer.Argument(help="The agent, or '*' for every one.", show_default=False)
]
ConditionArgument = Annotated[
    list[str], typer.Argument(metavar="CONDITION...", help=FORMS, show_default=False)
]
PauseOption = Annotated[bool, typer.Option("--pause", help="Hold the agent at its next gate.")]
LogOption = Annotated[
    str | None,
    typer.Option("--log", help="Say this: a template over event and state.", show_default=False),
]
PastOption = Annotated[
    int | None,
    typer.Option("--past", min=1, max=1000, help="Show the last N hits in the past, too."),
]
SessionOption = Annotated[
    str | None, typer.Option("--session", help="It ends with this session.", show_default=False)
]
IdsArgument = Annotated[
    list[str], typer.Argument(metavar="ID...", help="Breakpoints' ids.", show_default=False)
]


@app.command(context_settings={"ignore_unknown_options": True})
def add(
    agent: AgentOrAnyArgument,
    words: ConditionArgument,
    pause: PauseOption = False,
    log: LogOption = None,
    level: Annotated[
        bool, typer.Option("--level", help="Hit at every record while it holds.")
    ] = False,
    after: Annotated[
        int | None, typer.Option("--after", min=1, help="Pass over the first N hits.")
    ] = None,
    every: Annotated[int | None, typer.Option("--every", min=1, help="Each N-th hit.")] = None,
    once: Annotated[bool, typer.Option("--once", help="The first hit of each agent.")] = False,
    past: PastOption = None,
    session: SessionOption = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Sets a breakpoint, and says its id."""
    _refuse_options([agent, *words])
    more = {"trigger": "level"} if level else {}
    body = _new(
        agent, condition(words), pause, log, past, session, **more, **_rule(after, every, once)
    )
    _set(Asking(server, space, timeout, output), body)


def watch(
    agent: AgentOrAnyArgument,
    path: Annotated[str, typer.Argument(help="The field: position.x", show_default=False)],
    pause: PauseOption = False,
    log: LogOption = None,
    past: PastOption = None,
    session: SessionOption = None,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Sets a watchpoint: hit wherever the field, or anything under it, changes."""
    body = _new(agent, condition(["change", path]), pause, log, past, session)
    _set(Asking(server, space, timeout, output), body)


@app.command("list")
def list_(
    agent: Annotated[
        str | None, typer.Option("--agent", help="Only this agent's.", show_default=False)
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", help="Only this session's.", show_default=False)
    ] = None,
    limit: LimitOption = DEFAULT_LIMIT,
    everything: AllOption = False,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """The breakpoints of the space, newest first."""
    asking = Asking(server, space, timeout, output)
    size, at_most = page_size(limit, everything)
    body = request_of(BreakpointListRequest, agent=agent, session=session, limit=size)

    async def question(nav: Navigator) -> BreakpointListReply:
        return await as_one(nav.pages("breakpoint.list", body, at_most=at_most), "breakpoints")

    reply = asking.ask(question)
    asking.show(reply, partial(listed, reply))


@app.command()
def rm(
    ids: IdsArgument,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Removes breakpoints."""
    asking = Asking(server, space, timeout, output)
    bodies = _named(ids)

    async def question(nav: Navigator) -> list[str]:
        return [str((await nav.request("breakpoint.remove", body)).removed) for body in bodies]

    removed = asking.ask(question)
    asking.show({"removed": removed}, lambda: Group(*(Text(f"removed {id_}") for id_ in removed)))


@app.command()
def enable(
    ids: IdsArgument,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Switches breakpoints on."""
    _switch(Asking(server, space, timeout, output), ids, on=True)


@app.command()
def disable(
    ids: IdsArgument,
    output: OutputOption = Output.TABLE,
    server: ServerOption = DEFAULT_URL,
    space: SpaceOption = DEFAULT_SPACE,
    timeout: TimeoutOption = DEFAULT_TIMEOUT,
) -> None:
    """Switches breakpoints off."""
    _switch(Asking(server, space, timeout, output), ids, on=False)


def listed(reply: BreakpointListReply) -> RenderableType:
    """Breakpoints, a line each."""
    if not reply.breakpoints:
        return Text("There is no such breakpoint.", style=DIM)
    rows: list[Row] = [
        (
            Text(str(one.id)),
            Text(one.agent, style="bold"),
            Text(harmless(spelled(one.condition))),
            Text(f"{one.hit_count:,}"),
            Text("" if one.action == "notify" else one.action, style="bold yellow"),
            Text(_remark(one), style="yellow"),
        )
        for one in reply.breakpoints
    ]
    headings = ("breakpoint", "agent", "condition", "hits>", "", "")
    return Group(columns(headings, rows, stretched=2), *more(reply.cursor))


def armed(reply: BreakpointCreateReply) -> RenderableType:
    """A new breakpoint, and where it would have been hit."""
    one = reply.breakpoint
    head = Text.assemble(
        (str(one.id), "bold"),
        f"  {one.agent}  {harmless(spelled(one.condition))}",
        (f"  armed behind message {one.armed_seq}", DIM),
    )
    if reply.past_hits is None:
        return head
    if not reply.past_hits:
        return Group(head, Text("it was never hit in the past", style=DIM))
    return Group(head, *(hits.line(hit) for hit in reply.past_hits))


def _new(
    agent: str,
    found: Any,
    pause: bool,
    log: str | None,
    past: int | None,
    session: str | None,
    **more: Any,
) -> BreakpointCreateRequest:
    if pause and log is not None:
        raise UsageFault("a breakpoint does one thing when it is hit", "--pause or --log")
    action = {"action": "pause"} if pause else {"action": "log", "message": log} if log else {}
    given = {"session": session, "past": past}
    fields = {name: value for name, value in given.items() if value is not None}
    return request_of(
        BreakpointCreateRequest, agent=agent, condition=found, **action, **fields, **more
    )


def _refuse_options(words: Sequence[str]) -> None:
    """UsageFault for an option that there is not; numbers below zero go through to a condition."""
    for word in words:
        if _AN_OPTION.match(word):
            raise UsageFault(
                f"no such option: {word}",
                "`stratoscope break add --help` says what it takes; a condition in one pair of"
                " quotes may have such a word",
            )


def _rule(after: int | None, every: int | None, once: bool) -> dict[str, Any]:
    rules: list[dict[str, Any]] = [
        rule
        for rule, given in (
            ({"after": after}, after is not None),
            ({"every": every}, every is not None),
            ({"once": True}, once),
        )
        if given
    ]
    if len(rules) > 1:
        raise UsageFault("a breakpoint has one rule of hits", "--after, --every or --once")
    return {"hit": rules[0]} if rules else {}


def _set(asking: Asking, body: BreakpointCreateRequest) -> None:
    async def question(nav: Navigator) -> BreakpointCreateReply:
        return await nav.request("breakpoint.create", body)

    reply = asking.ask(question)
    asking.show(reply, partial(armed, reply))


def _switch(asking: Asking, ids: list[str], *, on: bool) -> None:
    bodies = _named(ids)

    async def one(nav: Navigator, body: BreakpointRequest) -> BreakpointReply:
        if on:
            return await nav.request("breakpoint.enable", body)
        return await nav.request("breakpoint.disable", body)

    async def question(nav: Navigator) -> BreakpointListReply:
        found = [(await one(nav, body)).breakpoint for body in bodies]
        return BreakpointListReply(breakpoints=found, cursor=None)

    reply = asking.ask(question)
    asking.show(reply, partial(listed, reply))


def _named(ids: list[str]) -> list[BreakpointRequest]:
    return [request_of(BreakpointRequest, id=one) for one in ids]


def _remark(one: Breakpoint) -> str:
    if one.disabled_reason:
        return f"off: {harmless(one.disabled_reason)}"
    return "" if one.is_enabled else "off"
