"""Every command of the program, with arguments drawn over what was taken.

`COMMANDS` has a generator for each command that ends by itself; `NOT_DRAWN` says why another has
none. A test holds both to the program's own table.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from typer.main import get_command

from stratoscope.cli.commands import app
from support.odd_records import spell
from support.odd_requests import Draw

Arguments = tuple[str, ...]
_ODD_MOMENTS: Final = (
    *("latest", "-1", "0", "3", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "yesterday"),
    *("occurred:0001-01-01T00:00:00Z", "recorded:9999-12-31T23:59:59Z", "seq:0", "seq:9" * 5),
    *("99999999999999999999", "\u202e"),
)


def _moment(draw: Draw) -> str:
    return draw.one(*_ODD_MOMENTS, f"event:{draw.event()}", f"snapshot:{draw.snapshot()}")


def _of(draw: Draw) -> Arguments:
    return ("--", draw.agent())


def _with_moment(name: str) -> Callable[[Draw], Arguments]:
    return lambda draw: (f"--{name}={_moment(draw)}", *_of(draw))


def _pair(draw: Draw) -> Arguments:
    return draw.event(), f"{draw.one('odd-0', 'odd-1')}:{draw.one('0', 'latest', '-1')}"


def _diff(draw: Draw) -> Arguments:
    formats = ("unified", "side_by_side", "json", "json_patch", "html")
    chosen = (f"--format={draw.one(*formats)}",) if draw.likely() else ()
    return (*chosen, draw.one("odd-0", "odd-1"), draw.one("-1", "0"), "latest")


def _breakpoint(draw: Draw) -> Arguments:
    return (draw.breakpoint(),)


COMMANDS: Final[Mapping[str, Callable[[Draw], Arguments]]] = MappingProxyType(
    {
        "agents": lambda d: (d.one("", "odd", "\u202e"),),
        "events": lambda d: (f"--where={d.expression()}", *_of(d)) if d.likely(0.3) else _of(d),
        "state": _with_moment("at"),
        "history": lambda d: (*_of(d), d.path()),
        "blame": lambda d: (*_of(d), d.path()),
        "cut": lambda d: (f"--path={d.path()}", f"--at={d.one('latest', *_ODD_MOMENTS)}"),
        "replay": lambda d: ("--speed=1e9", *_of(d)),
        "step": lambda d: (f"--by={d.one('event', 'snapshot', '3', '1e300s', '5s')}", *_of(d)),
        "sessions": lambda d: (),
        "session": lambda d: (d.session(),),
        "close": lambda d: (d.session(),),
        "why": lambda d: (*d.one((), ("--dot",), ("--mermaid",)), d.event()),
        "relation": _pair,
        "watch": lambda d: (f"--past={d.one(1, 20)}", *_of(d), d.path()),
        "pause": _of,
        "resume": _of,
        "break add": lambda d: (
            "--past=3",
            *_of(d),
            d.path(),
            "==",
            d.one("1", "\u202e", "(", "1e400"),
        ),
        "break list": lambda d: (),
        "break enable": _breakpoint,
        "break disable": _breakpoint,
        "break rm": _breakpoint,
        "diff": _diff,
        "patterns": _of,
        "stats": lambda d: (),
        "record": lambda d: ("-",),
        "export": lambda d: ("--out=-", f"--format={d.one('json', 'binary')}", *_of(d)),
        "import": lambda d: ("/dev/null",),
        "verify": lambda d: (),
        "migrate": lambda d: (),
        "audit": lambda d: (),
        "doctor": lambda d: (),
    }
)
NOT_DRAWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "up": "a service",
        "demo": "starts a stack of its own",
        "projector": "a service",
        "navigator": "a service",
        "tail": "waits for what comes, until it is stopped",
        "debug": "a prompt; its commands ask the verbs that are drawn",
        "rebuild": "once, at the end",
        "erase": "removes what the others look at",
        **{
            f"creds {name}": "writes or reads keys"
            for name in (
                *("agent", "operator", "console", "projector", "navigator", "admin"),
                *("list", "revoke", "rewrite"),
            )
        },
    }
)


def given(name: str, draw: Draw) -> str | None:
    """What a command reads from its input."""
    if name != "record":
        return None
    odd = {
        "agent": draw.agent(),
        "kind": "event",
        "type": "x",
        "data": {"a": draw.one("\x1b", "é")},
    }
    return spell(odd) + "\n" + draw.one("", "{", spell(odd | {"\x1b[31m": 1}), "\u202e") + "\n"


def command_names() -> set[str]:
    """The program's own table of commands, groups and their members by both names."""
    return set(_names(get_command(app), ()))


def _names(command: Any, before: Arguments) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield " ".join(before)
    for name, one in (inner or {}).items():
        yield from _names(one, (*before, name))
