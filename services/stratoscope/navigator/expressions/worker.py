"""The process in which expressions are evaluated; it loads little, so that it starts fast.

CEL holds the interpreter while it evaluates, and nothing in here can stop it: the process that
started this one kills it. Frames come on stdin and answers go to stdout, each a length of four
bytes and JSON:

    asked      {"source", "exact", "tree", "ranges", "shortcuts", "seconds", "states": […],
               "documents": [[event, n], …], "check": null | {"typed", "trials", "arguments",
               "zones", "asked"}}
    answered   {"refused": null | [position, reason]}, then {"verdicts": "10s…", "last": false |
               true}: as many as there are documents, or fewer where time ran out between two

`tree` is what the expression looks at, as nested objects with null where all below is wanted; n is
a state's number or null. `shortcuts` are the variables that stand for long paths. `exact` is a
source to be evaluated in place of the one that is checked, over documents whose large doubles are
integers, or null. With `check` the types of the expression are checked too, and its parts that
depend on no document are tried.

The evaluator is cel-cpp, which reads and checks with types where it can and evaluates without: so a
number is compared with a number of another type, as the specification has it at run time, and what
no document could make true is refused.
"""

import contextlib
import functools
import importlib.util
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from cel_expr_python import cel

from stratoscope.domain.expressions.exactness import FIRST_INEXACT, exact_number

MAX_ELEMENTS: Final = 1000
HOLDS, FAILS, STOPPED = "1", "0", "s"
_MEMORY_BYTES: Final = 2 << 30
_TELL_SECONDS: Final = 0.02
_PROGRAMS: Final = 256
_REASON_LETTERS: Final = 200
_ABSENT: Final = object()
_BOOL: Final = cel.Type.BOOL
_TEXT, _INT, _DYN = cel.Type.STRING, cel.Type.INT, cel.Type.DYN
_VARIABLES: Final = {"event": _DYN, "state": _DYN}
_MAPS: Final = dict.fromkeys(("even_", "stat_"), cel.Type.Map(_DYN, _DYN))
# An event's own fields have types, `data` and what is below it have none.
_FIELDS: Final = {
    **dict.fromkeys(("id", "type", "occurred_at", "agent", "recorded_at"), _TEXT),
    **dict.fromkeys(("event_index", "stream_seq", "ordinal"), _INT),
    **dict.fromkeys(("late", "clamped"), _BOOL),
    "data": cel.Type.Map(_TEXT, _DYN),
    "metadata": cel.Type.Map(_TEXT, _DYN),
    "causes": cel.Type.List(_TEXT),
    "patch": cel.Type.List(_DYN),
}
_ERROR: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
# Said of what is indexed, `state['a']`, though a dynamic range is taken.
_DYNAMIC_RANGE: Final = "expression of type 'dyn' cannot be the range of a comprehension"
_OVERLOAD: Final = re.compile(r"found no matching overload for '(.+)' applied to '\((.*)\)'")
_UNDECLARED: Final = re.compile(r"undeclared reference to '(\w+)' \(in container ''\)")
_STATUS: Final = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_NUMBER: Final = "(?:int|uint|double)"
# What takes numbers of two types at run time, though the check of types does not.
_OF_NUMBERS: Final = {
    **dict.fromkeys(
        ("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"), re.compile(f"{_NUMBER}, {_NUMBER}")
    ),
    "@in": re.compile(rf"{_NUMBER}, (?:list|map)\({_NUMBER}\b.*"),
    "_[_]": re.compile(rf"(?:list\(.*\)|map\({_NUMBER}, .*\)), {_NUMBER}"),
}
# The check of types takes them, the evaluator does not.
_UNTAKEN: Final = frozenset((("int", "DURATION"), ("duration", "INT")))
_SIGNS: Final = {"@in": "in", "_?_:_": "? :", "-_": "-", "!_": "!", "_[_]": "[]"}
_SHIFT: Final = re.compile(r"[+-][0-9]{2}:[0-9]{2}")

Refused = tuple[int, str]


@functools.lru_cache(_PROGRAMS)
def compiled(source: str, shortcuts: tuple[str, ...] = ()) -> cel.Expression | Refused:
    """The program, or the character at which the source is no CEL, and why."""
    try:
        return _environment(shortcuts).compile(source, disable_check=True)
    except RuntimeError as error:
        return next(_errors(source, error))


@functools.lru_cache(16)
def _environment(shortcuts: tuple[str, ...]) -> cel.Env:
    return cel.NewEnv(variables=_VARIABLES | dict.fromkeys(shortcuts, _DYN))


@functools.lru_cache(16)
def _typed_environment(shortcuts: tuple[str, ...], asked: tuple[str, ...]) -> cel.Env:
    fields = {f"event.{name}": kind for name, kind in _FIELDS.items() if name not in asked}
    return cel.NewEnv(variables=_VARIABLES | _MAPS | fields | dict.fromkeys(shortcuts, _DYN))


def refusal(source: str, shortcuts: tuple[str, ...], check: dict[str, Any]) -> Refused | None:
    """Why no document could make an expression true, as far as that can be told without one."""
    asked = tuple(check["asked"])
    try:
        program = _typed_environment(shortcuts, asked).compile(check["typed"])
        result = program.return_type().name()
    except RuntimeError as error:
        wrong = next((one for one in _errors(check["typed"], error) if one[1]), None)
        if wrong is not None:
            return wrong
        result = "DYN"
    failed = next(_failing_parts(check, asked), None)
    if failed is not None:
        return failed
    if result not in ("BOOL", "DYN"):
        return 0, f"the result is no truth value: its type is {result.lower()}"
    try:
        # What fails before a document is looked at fails for good.
        _environment(shortcuts).compile(source, disable_check=True).eval(data={})
    except RuntimeError as error:
        return 0, _cut(_STATUS.sub("", str(error)))
    return None


def _failing_parts(check: dict[str, Any], asked: tuple[str, ...]) -> Iterator[Refused]:
    for position, name in check["zones"]:
        if name not in _zones() and _SHIFT.fullmatch(name) is None:
            yield position, f"no time zone is named '{name}'"
    for position, trial in check["trials"]:
        failed = _failure(trial)
        if failed is not None:
            yield position, failed
    for position, function, argument in check["arguments"]:
        kind = _type_of(argument, asked)
        if (function, kind) in _UNTAKEN:
            yield position, f"{function}() does not take ({kind.lower()})"


def _type_of(source: str, asked: tuple[str, ...]) -> str:
    """The type of a part, as far as it is known without documents."""
    try:
        return str(_typed_environment((), asked).compile(source).return_type().name())
    except RuntimeError:
        return "DYN"


def _failure(trial: str) -> str | None:
    """What a constant part fails with; what is wrong with its types is told elsewhere."""
    try:
        found = _environment(()).compile(trial, disable_check=True).eval(data={})
    except RuntimeError:
        return None
    if found.type() != cel.Type.ERROR:
        return None
    said = _STATUS.sub("", found.value()).replace("int64", "int").replace("null_type", "null")
    return _cut(said.replace("No matching overloads found : ", "there is no "))


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset((_zone_folder().parent / "zones").read_text().split())


def _zone_folder() -> Path:
    """Time zones come from a package, so that every machine has the same ones."""
    package = importlib.util.find_spec("tzdata")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "zoneinfo"


def _errors(source: str, error: RuntimeError) -> Iterator[Refused]:
    """Where it is wrong and why; the reason is empty where only numbers of two types meet."""
    found = _ERROR.findall(str(error))
    for line, column, reason in found:
        yield _character(source, int(line), int(column)), _reason(_STATUS.sub("", reason))
    if not found:
        yield 0, _cut(_STATUS.sub("", str(error)))


def _character(source: str, line: int, column: int) -> int:
    before = source.split("\n")[: max(line - 1, 0)]
    return max(min(sum(len(one) + 1 for one in before) + column - 1, len(source)), 0)


def _reason(said: str) -> str:
    if "max recursion depth" in said:
        return "more than 32 parts nested, or in a row"
    if said.startswith(_DYNAMIC_RANGE):
        return ""
    called = _UNDECLARED.fullmatch(said)
    if called is not None:
        return f"{called[1]}() is not called so"
    overload = _OVERLOAD.fullmatch(said)
    if overload is None:
        return _cut(said.removeprefix("Syntax error: "))
    name, types = overload[1], overload[2].replace("google.protobuf.", "")
    if name in _OF_NUMBERS and _OF_NUMBERS[name].fullmatch(types):
        return ""
    sign = _SIGNS.get(name) or (name.strip("_") if name.startswith("_") else f"{name}()")
    return _cut(f"{sign} does not take ({types.lower()})")


def _cut(said: str) -> str:
    return said.splitlines()[0][:_REASON_LETTERS]


def part_of(document: Any, tree: dict[str, Any] | None, is_exact: bool = False) -> Any:
    """A document with nothing in it but what the tree names."""
    if tree is None or not isinstance(document, dict):
        return exact(document) if is_exact else document
    return {
        key: part_of(document[key], below, is_exact)
        for key, below in tree.items()
        if key in document
    }


def exact(value: Any) -> Any:
    """A value with integers in place of large doubles, so that they are compared exactly."""
    if isinstance(value, float):
        return value if abs(value) < FIRST_INEXACT else exact_number(value)
    if isinstance(value, dict):
        return {key: exact(one) for key, one in value.items()}
    return [exact(one) for one in value] if isinstance(value, list) else value


def at(context: dict[str, Any], path: Sequence[str]) -> Any:
    """What stands at a path."""
    value: Any = context
    for key in path:
        value = value.get(key, _ABSENT) if isinstance(value, dict) else _ABSENT
    return value


def is_too_long(context: dict[str, Any], path: Sequence[str]) -> bool:
    """Whether a macro would run over more elements than it may."""
    value = at(context, path)
    return isinstance(value, list | dict) and len(value) > MAX_ELEMENTS


def verdict(
    program: cel.Expression, context: dict[str, Any], ranges: Sequence[Sequence[str]] = ()
) -> str:
    """Whether an expression holds; what can't be evaluated does not."""
    if ranges and any(is_too_long(context, path) for path in ranges):
        return STOPPED
    try:
        found = program.eval(data=context)
        # Only a truth value is asked for: to hand out others costs, and a null is miscounted.
        return HOLDS if found.type() == _BOOL and found.value() is True else FAILS
    except MemoryError:
        return STOPPED
    except Exception:
        return FAILS


def contexts(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What each document gives an expression to see."""
    tree, shortcuts = asked["tree"], asked["shortcuts"]
    of_event, of_state, is_exact = tree.get("event"), tree.get("state"), asked["exact"] is not None
    states = [part_of(state, of_state, is_exact) for state in asked["states"]]
    for event, number in asked["documents"]:
        context = {} if number is None else {"state": states[number]}
        if event is not None:
            context["event"] = part_of(event, of_event, is_exact)
        for name, path in shortcuts:
            value = at(context, path)
            if value is not _ABSENT:
                context[name] = value
        yield context


def answers(asked: dict[str, Any], now: Any = time.monotonic) -> Iterator[dict[str, Any]]:
    """The frames that answer one; each document but the first is begun only in time."""
    shortcuts = tuple(name for name, _ in asked["shortcuts"])
    program = compiled(asked["exact"] or asked["source"], shortcuts)
    refused = program if isinstance(program, tuple) else None
    if refused is None and asked["check"] is not None:
        refused = refusal(asked["source"], shortcuts, asked["check"])
    yield {"refused": refused}
    if refused is None and not isinstance(program, tuple):
        yield from _verdicts(program, asked, now)


def _verdicts(program: cel.Expression, asked: dict[str, Any], now: Any) -> Iterator[dict[str, Any]]:
    told = now()
    deadline = told + asked["seconds"]
    found: list[str] = []
    for index, context in enumerate(contexts(asked)):
        moment = now()
        if index and moment > deadline:
            break
        if found and moment > told + _TELL_SECONDS:
            yield {"verdicts": "".join(found), "last": False}
            found, told = [], moment
        found.append(verdict(program, context, asked["ranges"]))
    yield {"verdicts": "".join(found), "last": True}


def serve(read: BinaryIO, write: BinaryIO) -> None:
    """Answer frames until there are no more."""
    while len(head := read.read(4)) == 4:
        asked = orjson.loads(read.read(int.from_bytes(head, "big")))
        # A parent that is gone can't kill: the alarm ends the process, whatever it is doing.
        signal.setitimer(signal.ITIMER_REAL, asked["seconds"] + 5)
        for answer in answers(asked):
            body = orjson.dumps(answer)
            write.write(len(body).to_bytes(4, "big") + body)
            write.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Be a worker until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TZDIR"] = str(_zone_folder())
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
