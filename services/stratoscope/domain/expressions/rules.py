"""What an expression may do, and what it looks at.

It names `event`, `state` and types, and nothing else. CEL has no limit of its own, so its cost is
bounded by its form: at most one macro (`exists`, `all`, `map`, …), over a path or a list that is
written out, its body made of the loop variable and literals, without regular expressions. What can
still take long is stopped by a deadline where it is evaluated.

The paths are those parts of `event` and `state` that a verdict can depend on: nothing else of a
document needs to be handed over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final, NamedTuple, assert_never

from stratoscope.domain.expressions.exactness import exact_source
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
from stratoscope.domain.expressions.tokens import integer_in, tokens

MAX_BYTES: Final = 1024
VARIABLES: Final = ("event", "state")
# What they are called in the check of types where a key is not known.
MAPS: Final = {"event": "even_", "state": "stat_"}
# Arguments behind the loop variable.
MACROS: Final = {"all": (1,), "exists": (1,), "exists_one": (1,), "filter": (1,), "map": (1, 2)}
TYPES: Final = (
    *("bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"),
)
CONVERSIONS: Final = ("bool", "double", "duration", "int", "timestamp", "uint")
FUNCTIONS: Final = (*CONVERSIONS, "bytes", "dyn", "has", "matches", "size", "string", "type")
GETTERS: Final = (
    *("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"),
    *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
)
METHODS: Final = ("size", "contains", "startsWith", "endsWith", "matches", *GETTERS)
# The evaluator reads at most 32 selections in a row, and a document may have 64 levels.
_LONG_PATH: Final = 16

_NOT_OF_NULL: Final = frozenset(("<", "<=", ">", ">=", "+", "-", "*", "/", "%", "."))

KeyPath = tuple[str, ...]


class Trial(NamedTuple):
    """A part of an expression that depends on nothing: where it fails once, it always does."""

    position: int
    source: str


class Argument(NamedTuple):
    """What is given to a conversion that takes fewer types than the check of types does."""

    position: int
    function: str
    source: str


class Zone(NamedTuple):
    """A time zone that an expression names."""

    position: int
    name: str


class Shortcut(NamedTuple):
    """A long path, and the variable that stands for it in the program."""

    name: str
    path: KeyPath
    start: int
    end: int


class Loosening(NamedTuple):
    """Text of the same length for the check of types, which mistakes what is indexed."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that may be evaluated.

    `paths` are what it looks at, `ranges` those of them that a macro runs over; each starts with
    `event` or `state` and goes on by keys. `trials` and `zones` are for the evaluator to refuse.
    """

    source: str
    paths: tuple[KeyPath, ...]
    ranges: tuple[KeyPath, ...]
    trials: tuple[Trial, ...] = ()
    arguments: tuple[Argument, ...] = ()
    zones: tuple[Zone, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    # Fields of the event whose presence is asked for: `has()` takes none of a known type.
    asked: tuple[str, ...] = ()
    loosenings: tuple[Loosening, ...] = ()
    # The program with exact literals; None where documents are to keep their doubles.
    exact: str | None = None

    @property
    def variables(self) -> frozenset[str]:
        """Which of `event` and `state` it names."""
        return frozenset(path[0] for path in self.paths)

    @property
    def program(self) -> str:
        """The source with its shortcuts: each character that is left stands where it stood."""
        return _written(self.source, ((one.start, one.end, one.name) for one in self.shortcuts))

    @property
    def typed_program(self) -> str:
        """The program as its types are checked."""
        return _written(self.program, ((one.start, one.end, one.text) for one in self.loosenings))


def checked(source: str) -> Expression:
    """An expression that keeps to the rules. Raises ExpressionRefused."""
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise ExpressionRefused(error.start, "half a character, which no text can hold") from error
    if size > MAX_BYTES:
        raise ExpressionRefused(0, f"{size} bytes long: at most {MAX_BYTES} are taken")
    read = parse(source)
    _refuse_nulls(source)
    rules = _Rules(source)
    rules.node(read, None)
    found = Expression(
        source,
        tuple(sorted(rules.paths)),
        tuple(sorted(rules.ranges)),
        tuple(rules.trials),
        tuple(rules.arguments),
        tuple(rules.zones),
        tuple(rules.shortcuts),
        tuple(rules.asked),
        tuple(rules.loosenings),
    )
    return replace(found, exact=exact_source(found.program))


class _Rules:
    """One walk through an expression; `loop` is the loop variable inside a macro's body."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.paths: set[KeyPath] = set()
        self.ranges: set[KeyPath] = set()
        self.trials: list[Trial] = []
        self.arguments: list[Argument] = []
        self.zones: list[Zone] = []
        self.shortcuts: list[Shortcut] = []
        self.asked: list[str] = []
        self.loosenings: list[Loosening] = []
        self._macros = 0

    def node(self, node: Node, loop: str | None) -> None:
        """Hold a part to the rules, and note what it looks at."""
        match node:
            case Value():
                pass
            case Name():
                self._bare_name(node, loop)
            case Parts():
                _refuse_double_keys(node)
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

    def _bare_name(self, name: Name, loop: str | None) -> None:
        if name.text not in TYPES:
            self._name(name, loop)
            self._look((name.text,), loop)

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
        if call.name == "matches":
            self._pattern(call, call.arguments[1:], loop)
        self._try_argument(call)
        self._all(call.arguments, loop)

    def _try_argument(self, call: Function) -> None:
        match call.arguments:
            case (Value(literal=str() as literal),) if call.name in CONVERSIONS:
                self.trials.append(Trial(call.position, f"{call.name}({literal})"))
            case (_,) if call.name in ("int", "duration"):
                begin, end = call.inside
                argument = Argument(call.position, call.name, self._source[begin:end])
                self.arguments.append(argument)
            case (Chain(root=Name(text="event"), steps=(Field(name=name),)),):
                self.asked.append(name)
            case _:
                pass

    def _chain(self, chain: Chain, loop: str | None) -> None:
        if isinstance(chain.root, Name):
            self._name(chain.root, loop)
            self._look(_path(chain.root, chain.steps), loop)
            if not self._shorten(chain.root, chain.steps):
                self._loosen(chain.root, chain.steps[0])
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

    def _shorten(self, root: Name, steps: tuple[Step, ...]) -> bool:
        """Let one variable stand for a long path but its last key, which `has()` may ask about."""
        keys = tuple(_keys(steps))
        if root.text not in VARIABLES or len(keys) <= _LONG_PATH:
            return False
        last = steps[len(keys) - 2]
        assert not isinstance(last, Method)
        path = (root.text, *keys[:-1])
        name = f"path{len(self.shortcuts)}"
        self.shortcuts.append(Shortcut(name, path, root.position, last.end))
        return True

    def _loosen(self, root: Name, step: Step) -> None:
        """The check guesses the type of `state['a']` at its first use, not that of `state.a`."""
        match step:
            case Item(position=start, key=Value(literal=str()), end=end):
                self.loosenings.append(Loosening(start, end, ".k"))
            case Item() if root.text in VARIABLES:
                end = root.position + len(root.text)
                self.loosenings.append(Loosening(root.position, end, MAPS[root.text]))
            case _:
                pass

    def _method(self, call: Method, loop: str | None) -> None:
        if call.name not in METHODS:
            known = (*METHODS, *MACROS)
            raise ExpressionRefused(call.position, f"no such function{_nearest(call, known)}")
        if call.name == "matches":
            self._pattern(call, call.arguments, loop)
        if call.name in GETTERS and call.arguments:
            self._zone(call)
        self._all(call.arguments, loop)

    def _pattern(
        self, call: Function | Method, arguments: tuple[Node, ...], loop: str | None
    ) -> None:
        if loop is not None:
            raise ExpressionRefused(
                call.position, "matches() is too slow inside a macro: try contains()"
            )
        match arguments:
            case (Value(literal=str() as literal),):
                self.trials.append(Trial(arguments[0].position, f"''.matches({literal})"))
            case _:
                pass

    def _zone(self, call: Method) -> None:
        """A zone from a document could be any file's name, and is kept for good once it is read."""
        match call.arguments:
            case (Value(key=str() as name),):
                self.zones.append(Zone(call.arguments[0].position, name))
            case _:
                raise ExpressionRefused(
                    call.position,
                    f"a time zone is written out, as in {call.name}('Europe/Berlin')",
                )

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
        if variable.text in (*VARIABLES, *TYPES):
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


def _written(source: str, changes: Iterable[tuple[int, int, str]]) -> str:
    for start, end, text in changes:
        source = source[:start] + text.ljust(end - start) + source[end:]
    return source


def _refuse_nulls(source: str) -> None:
    """The check of types lets a null be a time, which the evaluator does not."""
    read = list(tokens(source))
    for place, token in enumerate(read):
        beside = (
            {read[max(place - 1, 0)].text, read[place + 1].text} if token.text == "null" else set()
        )
        if beside & _NOT_OF_NULL and token.kind == "name":
            raise ExpressionRefused(token.position, "null is only equal or not")


def _refuse_double_keys(parts: Parts) -> None:
    """Numbers are one key whatever their type; the evaluator would take `{0: 1, 0u: 2}`."""
    found: set[int] = set()
    for key in parts.keys:
        number = integer_in(key.literal) if isinstance(key, Value) and key.literal else None
        if number in found:
            raise ExpressionRefused(key.position, "a key that the map has already")
        if number is not None:
            found.add(number)


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
