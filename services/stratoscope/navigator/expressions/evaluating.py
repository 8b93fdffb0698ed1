"""Evaluating expressions over documents, without this process ever waiting for one of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

import orjson
import structlog

from stratoscope.domain.expressions.refusal import ExpressionRefused
from stratoscope.domain.expressions.rules import Expression, KeyPath, checked
from stratoscope.navigator.shares import Share
from stratoscope.navigator.workers import Worker, WorkerLost, Workers
from stratoscope_contracts.errors import InvalidExpression

# By its path: `-m` would import this package first, which takes longer than all that it needs.
_PROGRAM: Final = (str(files("stratoscope.navigator.expressions") / "worker.py"),)
# What a worker may take to start, to read what it is asked and to compile it: so much of a
# processor's time, and so long where processors have others to work for.
_READ_SECONDS: Final = 3.0
_READ_WAIT_SECONDS: Final = 30.0
# How often it is looked at once it is late.
_LOOK_SECONDS: Final = 0.1
# What it may be late with its last document, or with being scheduled at all.
_GRACE_SECONDS: Final = 0.25
_KNOWN: Final = 1024
# Nothing that is recorded is deeper, and what is much deeper can't be spelled.
_DEEPEST: Final = 100
log = structlog.get_logger(__name__)


class Verdict(StrEnum):
    """What became of an expression over a document; the values are the worker's."""

    HOLDS = "1"
    # False, or no match: a missing key, types that don't fit, a result that is no truth value.
    FAILS = "0"
    # It took too long, too much memory, or a macro would have run over more than 1,000 elements.
    STOPPED = "s"


@dataclass(frozen=True, slots=True)
class Document:
    """What an expression may see: an event as JSON can spell it, a state as canonical JSON."""

    event: object = None
    state: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Many documents, spelled already: `[event, n], …`, n being the number of its state."""

    documents: str
    states: Sequence[bytes] = (b"{}",)


class Expressions(Workers):
    """Expressions, checked and evaluated by a few processes that are killed where need be."""

    def __init__(self, workers: int = 2, share: Share | None = None) -> None:
        super().__init__(_PROGRAM, workers, share)
        self._known: OrderedDict[str, Expression] = OrderedDict()
        self._count = workers
        self._is_prepared = False

    async def prepare(self, expression: Expression) -> None:
        """Have all processes up, with this one compiled; later they start when they are needed."""
        if self._is_prepared:
            return
        self._is_prepared = True
        # As many at once as there are processes: each takes another one.
        compiling = (self._compile(expression) for _ in range(self._count))
        await asyncio.gather(*compiling, return_exceptions=True)

    async def check(self, source: str, field: str = "where") -> Expression:
        """An expression that may be evaluated; InvalidExpression says what is wrong and where."""
        known = self._known.get(source)
        if known is not None:
            self._known.move_to_end(source)
            return known
        try:
            expression = checked(source)
            await self._compile(expression)
        except ExpressionRefused as refused:
            raise _invalid(refused, field) from refused
        self._known[source] = expression
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        return expression

    async def evaluate(
        self, expression: Expression, documents: Sequence[Document], seconds: float
    ) -> list[Verdict]:
        """A verdict on each document, as far as `seconds` go, but on one at least.

        The one on which a worker had to be killed is STOPPED, and is the last.
        """

        def asked() -> bytes:
            return _frame(expression, documents, seconds)

        return [Verdict(one) for one in await self._judged(asked, len(documents), seconds)]

    async def evaluate_sheet(
        self, expression: Expression, sheet: Sheet, count: int, seconds: float
    ) -> str:
        """The same over so many documents of a sheet: a letter each, as `Verdict` has them."""
        return await self._judged(lambda: _sheet(expression, sheet, seconds), count, seconds)

    async def _judged(self, asked: Callable[[], bytes], count: int, seconds: float) -> str:
        """Letters, as many as there are; a frame is spelled once there is somebody to read it."""
        found: list[str] = []
        async with self.one(ExpressionRefused) as worker:
            try:
                await _collect(worker, asked(), found, seconds)
            except (TimeoutError, WorkerLost) as error:
                await worker.kill()
                log.warning("an expression was stopped", lost=isinstance(error, WorkerLost))
                if sum(map(len, found)) < count:
                    found.append(Verdict.STOPPED)
        return "".join(found)

    async def _compile(self, expression: Expression) -> None:
        async with self.one(ExpressionRefused) as worker:
            try:
                await _collect(worker, _asked(expression, (), [], 0, is_new=True), [], 0)
            except (TimeoutError, WorkerLost) as error:
                await worker.kill()
                raise ExpressionRefused(0, "it takes too long to be read") from error


async def _collect(worker: Worker, asked: bytes, found: list[str], seconds: float) -> None:
    """The verdicts of a frame into `found`, as they come, some letters at a time.

    A worker tells every few milliseconds what it has, and stops by itself between two documents:
    one that is silent for longer is at a document that takes too long. Raises ExpressionRefused,
    TimeoutError and WorkerLost.
    """
    now = asyncio.get_running_loop().time
    async with (
        asyncio.timeout(None) as silence,
        aclosing(worker.answers(asked)) as answers,
    ):
        with _reading(worker, silence):
            refused = orjson.loads(await anext(answers))["refused"]
        if refused is not None:
            raise ExpressionRefused(*refused)
        silence.reschedule(now() + seconds + _GRACE_SECONDS)
        async for told in answers:
            answer = orjson.loads(told)
            found.append(answer["verdicts"])
            if answer["last"]:
                return
            silence.reschedule(now() + seconds + _GRACE_SECONDS)


@contextmanager
def _reading(worker: Worker, silence: asyncio.Timeout) -> Iterator[None]:
    """End `silence` once a worker has taken too long to read what it is asked.

    What counts is the time that it has worked: a machine that is busy makes no expression hostile.
    """
    loop = asyncio.get_running_loop()
    before, end = worker.processor_seconds(), loop.time() + _READ_WAIT_SECONDS
    timer: asyncio.TimerHandle

    def look() -> None:
        nonlocal timer
        left = min(_READ_SECONDS - (worker.processor_seconds() - before), end - loop.time())
        if left > 0:
            timer = loop.call_later(max(left, _LOOK_SECONDS), look)
        else:
            silence.reschedule(loop.time())

    timer = loop.call_later(_READ_SECONDS, look)
    try:
        yield
    finally:
        timer.cancel()


def _frame(expression: Expression, documents: Sequence[Document], seconds: float) -> bytes:
    """What a worker is asked; a state that documents share is sent once."""
    states: list[bytes] = []
    rows: list[tuple[object, int | None]] = []
    event, state = ("event" in expression.variables, "state" in expression.variables)
    for document in documents:
        if state and document.state is not None and not (states and states[-1] is document.state):
            states.append(document.state)
        number = len(states) - 1 if state and document.state is not None else None
        rows.append((document.event if event else None, number))
    return _asked(expression, states, rows, seconds)


def _sheet(expression: Expression, sheet: Sheet, seconds: float) -> bytes:
    return _asked(expression, sheet.states, orjson.Fragment(f"[{sheet.documents}]"), seconds)


def _asked(
    expression: Expression,
    states: Sequence[bytes],
    documents: object,
    seconds: float,
    is_new: bool = False,
) -> bytes:
    check = {
        "typed": expression.typed_program,
        "trials": [tuple(one) for one in expression.trials],
        "arguments": [tuple(one) for one in expression.arguments],
        "zones": [tuple(one) for one in expression.zones],
        "asked": expression.asked,
    }
    return orjson.dumps(
        {
            "source": expression.program,
            "exact": expression.exact,
            "shortcuts": [(each.name, each.path) for each in expression.shortcuts],
            "check": check if is_new else None,
            "tree": _tree(expression.paths),
            "ranges": expression.ranges,
            "seconds": seconds,
            "states": [orjson.Fragment(one) for one in states],
            "documents": documents,
        }
    )


def _tree(paths: Sequence[KeyPath]) -> dict[str, Any]:
    """Paths as nested objects; what stands at the end of one is wanted whole."""
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=len):
        below: dict[str, Any] | None = tree
        *above, last = path[:_DEEPEST]
        for key in above:
            below = below.setdefault(key, {}) if below is not None else None
        if below is not None:
            below[last] = None
    return tree


def _invalid(refused: ExpressionRefused, field: str) -> InvalidExpression:
    said = {"field": field, "message": f"{refused.reason}, at character {refused.position + 1}"}
    return InvalidExpression(
        f"the expression is not taken: {refused.reason}, at character {refused.position + 1}",
        {"position": refused.position, "errors": [said]},
    )
