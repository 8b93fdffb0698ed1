"""The shape of an expression: what is nested in what, and which names follow which.

What an operator means is left to CEL itself, so operators and their precedence are of no matter
here: `a + b * c` is three parts side by side. What matters is bounded while it is read, so that no
expression can make reading it expensive.
"""

from dataclasses import dataclass
from typing import Final

from stratoscope.domain.expressions.refusal import ExpressionRefused
from stratoscope.domain.expressions.tokens import Token, key_in, tokens

MAX_NESTING: Final = 24
_BETWEEN: Final = frozenset(
    ("==", "!=", "<=", ">=", "<", ">", "&&", "||", "+", "-", "*", "/", "%", "in")
)
_VALUES: Final = frozenset(("true", "false", "null"))
_RESERVED: Final = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "in"),
        *("let", "loop", "namespace", "package", "return", "var", "void", "while"),
    )
)


@dataclass(frozen=True, slots=True)
class Value:
    """A literal; `key` is what it says where it is a plain text, `literal` how it is written.

    A number behind a sign has no `literal`.
    """

    position: int
    key: str | None = None
    literal: str | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Function:
    """`size(…)`; its arguments are written between the two places in `inside`."""

    position: int
    name: str
    arguments: tuple["Node", ...]
    inside: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Parts:
    """Operands side by side, or what a list or a map is made of.

    `keys` are the keys of a map, which are among its parts.
    """

    position: int
    parts: tuple["Node", ...]
    is_list: bool = False
    keys: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """`.name`"""

    position: int
    name: str

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.position + len(self.name)


@dataclass(frozen=True, slots=True)
class Item:
    """`[…]`"""

    position: int
    key: "Node"
    end: int


@dataclass(frozen=True, slots=True)
class Method:
    """`.name(…)`"""

    position: int
    name: str
    arguments: tuple["Node", ...]


Step = Field | Item | Method


@dataclass(frozen=True, slots=True)
class Chain:
    """What follows a value step by step, as in `state.items[0].size()`."""

    position: int
    root: "Node"
    steps: tuple[Step, ...]


Node = Value | Name | Function | Parts | Chain


def parse(source: str) -> Node:
    """The shape of an expression. Raises ExpressionRefused."""
    reader = _Reader(list(tokens(source)))
    found = reader.expression()
    reader.close("")
    return found


class _Reader:
    def __init__(self, read: list[Token]) -> None:
        self._tokens = read
        self._place = 0
        self._nesting = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def expression(self) -> Node:
        """Operands with operators between them; two more behind a `?`."""
        position = self._next.position
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise ExpressionRefused(position, f"nested deeper than {MAX_NESTING} levels")
        parts = [self._operand()]
        while self._next.kind in ("sign", "name") and self._next.text in _BETWEEN:
            self._place += 1
            parts.append(self._operand())
        if self._take("?"):
            parts.append(self.expression())
            self.close(":")
            parts.append(self.expression())
        self._nesting -= 1
        return parts[0] if len(parts) == 1 else Parts(position, tuple(parts))

    def close(self, sign: str) -> None:
        """Go past a sign that must stand here; the empty one is the end."""
        if self._next.text != sign or self._next.kind not in ("sign", "end"):
            raise ExpressionRefused(
                self._next.position,
                f"'{sign}' is missing" if sign else "nothing more can stand here",
            )
        self._place += 1

    def _take(self, sign: str) -> bool:
        found = self._next.kind == "sign" and self._next.text == sign
        self._place += found
        return found

    def _operand(self) -> Node:
        is_signed = False
        while self._take("!") or self._take("-"):
            is_signed = True
        root = self._root()
        if is_signed and isinstance(root, Value):
            root = Value(root.position)
        steps: list[Step] = []
        while step := self._step():
            steps.append(step)
        return Chain(root.position, root, tuple(steps)) if steps else root

    def _root(self) -> Node:
        token = self._next
        self._place += 1
        match token.kind:
            case "number":
                return Value(token.position, literal=token.text)
            case "text":
                return Value(token.position, key_in(token.text), token.text)
            case "name":
                return self._named(token)
            case _:
                return self._enclosed(token)

    def _named(self, token: Token) -> Node:
        if token.text in _VALUES:
            return Value(token.position, literal=token.text)
        if token.text in _RESERVED:
            raise ExpressionRefused(token.position, "a reserved word, which is no name")
        if self._take("("):
            begin = self._next.position
            arguments = self._list(")")
            inside = (begin, self._tokens[self._place - 1].position)
            return Function(token.position, token.text, arguments, inside)
        return Name(token.position, token.text)

    def _enclosed(self, token: Token) -> Node:
        match token.text:
            case "(":
                inner = self.expression()
                self.close(")")
                return inner
            case "[":
                return Parts(token.position, self._list("]"), is_list=True)
            case "{":
                parts = self._map()
                return Parts(token.position, parts, keys=parts[::2])
            case _:
                raise ExpressionRefused(token.position, "a value is missing here")

    def _step(self) -> Step | None:
        position = self._next.position
        if self._take("["):
            key = self.expression()
            self.close("]")
            return Item(position, key, self._tokens[self._place - 1].position + 1)
        if not self._take("."):
            return None
        name = self._next
        if name.kind != "name" or name.text in _VALUES or name.text == "in":
            raise ExpressionRefused(name.position, "a name is missing behind '.'")
        self._place += 1
        if self._take("("):
            return Method(name.position, name.text, self._list(")"))
        return Field(name.position, name.text)

    def _list(self, end: str) -> tuple[Node, ...]:
        """What stands between commas, up to and with the sign that ends it."""
        found: list[Node] = []
        while not self._take(end):
            found.append(self.expression())
            if not self._take(","):
                self.close(end)
                break
        return tuple(found)

    def _map(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take("}"):
            found.append(self.expression())
            self.close(":")
            found.append(self.expression())
            if not self._take(","):
                self.close("}")
                break
        return tuple(found)
