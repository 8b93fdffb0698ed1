"""What an expression may do, and what it looks at.

It names `event` and `state` and nothing else. CEL knows no limit of its own, so its cost is bounded
by its form: at most one macro (`exists`, `all`, `map`, …), running over a path or a list that is
written out, its body made of the loop variable and literals alone, without regular expressions.
Whatever can still take long is stopped by a deadline, where it is evaluated.

The paths are those parts of `event` and `state` that a verdict can depend on: nothing else of a
document needs to be handed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, assert_never

from stratoscope.domain.expressions.refusal import ExpressionRefused
from stratoscope.domain.expressions.syntax import (
    Chain,
    Field,
    Function,
    Item,
    Method,
    Name,
    Node,
    Parts,
    Step,
    Value,
    parse,
)

MAX_BYTES: Final = 1024
VARIABLES: Final = ("event", "state")
# Arguments behind the loop variable.
MACROS: Final = {
    "all": (1,),
    "exists": (1,),
    "exists_one": (1,),
    "existsOne": (1,),
    "filter": (1,),
    "map": (1, 2),
}
FUNCTIONS: Final = (
    *("has", "size", "int", "uint", "double", "string", "bytes", "dyn"),
    *("timestamp", "duration"),
)
METHODS: Final = (
    *("size", "contains", "startsWith", "endsWith", "matches"),
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that may be evaluated.

    `paths` are what it looks at, `ranges` those of them that a macro runs over; each starts with
    `event` or `state` and goes on by keys.
    """

    source: str
    paths: tuple[KeyPath, ...]
    ranges: tuple[KeyPath, ...]

    @property
    def variables(self) -> frozenset[str]:
        """Which of `event` and `state` it names."""
        return frozenset(path[0] for path in self.paths)


def checked(source: str) -> Expression:
    """An expression that keeps to the rules. Raises ExpressionRefused."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise ExpressionRefused(error.start, "half a character, which no text can hold") from error
    if size > MAX_BYTES:
        raise ExpressionRefused(0, f"{size} bytes long: at most {MAX_BYTES} are taken")
    rules = _Rules()
    rules.node(parse(source), None)
    return Expression(source, tuple(sorted(rules.paths)), tuple(sorted(rules.ranges)))


class _Rules:
    """One walk through an expression; `loop` is the loop variable inside a macro's body."""

    def __init__(self) -> None:
        self.paths: set[KeyPath] = set()
        self.ranges: set[KeyPath] = set()
        self._macros = 0

    def node(self, node: Node, loop: str | None) -> None:
        """Hold a part to the rules, and note what it looks at."""
        match node:
            case Value():
                pass
            case Name():
                self._name(node, loop)
                self._look((node.text,), loop)
            case Parts():
                self._all(node.parts, loop)
            case Function():
                self._function(node, loop)
            case Chain():
                self._chain(node, loop)
            case _:
                assert_never(node)

    def _all(self, nodes: tuple[Node, ...], loop: str | None) -> None:
        for node in nodes:
            self.node(node, loop)

    def _name(self, name: Name, loop: str | None) -> None:
        if loop is None and name.text not in VARIABLES:
            raise ExpressionRefused(name.position, "only event and state can be named here")
        if loop is not None and name.text != loop:
            raise ExpressionRefused(
                name.position, "inside a macro only its variable and literals can be named"
            )

    def _function(self, call: Function, loop: str | None) -> None:
        if call.name not in FUNCTIONS:
            raise ExpressionRefused(call.position, f"no such function{_nearest(call, FUNCTIONS)}")
        if call.name == "has" and not _selects(call.arguments):
            raise ExpressionRefused(call.position, "has() takes one field, as in has(state.goal)")
        self._all(call.arguments, loop)

    def _chain(self, chain: Chain, loop: str | None) -> None:
        if isinstance(chain.root, Name):
            self._name(chain.root, loop)
            self._look(_path(chain.root, chain.steps), loop)
        else:
            self.node(chain.root, loop)
        for index, step in enumerate(chain.steps):
            match step:
                case Field():
                    pass
                case Item():
                    self.node(step.key, loop)
                case Method() if step.name in MACROS:
                    self._macro(chain, index, step, loop)
                case Method():
                    self._method(step, loop)
                case _:
                    assert_never(step)

    def _method(self, call: Method, loop: str | None) -> None:
        if call.name not in METHODS:
            known = (*METHODS, *MACROS)
            raise ExpressionRefused(call.position, f"no such function{_nearest(call, known)}")
        if call.name == "matches" and loop is not None:
            raise ExpressionRefused(
                call.position, "matches() is too slow inside a macro: try contains()"
            )
        self._all(call.arguments, loop)

    def _macro(self, chain: Chain, index: int, macro: Method, loop: str | None) -> None:
        if loop is not None:
            raise ExpressionRefused(macro.position, "a macro inside a macro is not taken")
        self._macros += 1
        if self._macros > 1:
            raise ExpressionRefused(macro.position, "at most one macro is taken")
        self._range(chain, index)
        variable, *body = macro.arguments or (Value(macro.position),)
        if not isinstance(variable, Name) or len(body) not in MACROS[macro.name]:
            raise ExpressionRefused(
                macro.position, f"{macro.name} takes a variable and a condition on it"
            )
        if variable.text in VARIABLES:
            raise ExpressionRefused(variable.position, "a loop variable needs a name of its own")
        self._all(tuple(body), variable.text)

    def _range(self, chain: Chain, index: int) -> None:
        """What a macro runs over must be known before, so that it can be counted."""
        before = chain.steps[:index]
        if isinstance(chain.root, Name):
            path = _path(chain.root, before)
            if len(path) == len(before) + 1:
                self.ranges.add(path)
                return
        elif isinstance(chain.root, Parts) and chain.root.is_list and not before:
            return
        raise ExpressionRefused(
            chain.steps[index].position, "a macro runs over a path or a list that is written out"
        )

    def _look(self, path: KeyPath, loop: str | None) -> None:
        if loop is None:
            self.paths.add(path)


def _path(root: Name, steps: tuple[Step, ...]) -> KeyPath:
    """As far as keys are known without evaluating anything."""
    return (root.text, *_keys(steps))


def _keys(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        match step:
            case Field():
                yield step.name
            case Item(key=Value(key=str() as key)):
                yield key
            case _:
                return


def _selects(arguments: tuple[Node, ...]) -> bool:
    match arguments:
        case (Chain(steps=(*_, Field())),):
            return True
        case _:
            return False


def _nearest(call: Function | Method, known: tuple[str, ...]) -> str:
    found = get_close_matches(call.name, known, n=1)
    return f": the nearest is {found[0]}()" if found else ""
