"""What every command that asks has in common: its options, and one connection for one answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import RenderableType

from stratoscope.cli.entering import chosen
from stratoscope.cli.faults import UsageFault
from stratoscope.cli.screen import show, show_json
from stratoscope.client import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator
from stratoscope.client.operator import operator
from stratoscope_contracts.envelopes import ListReply
from stratoscope_contracts.errors import field_errors
from stratoscope_contracts.words import DEFAULT_SPACE, MAX_LIMIT

Model = TypeVar("Model", bound=BaseModel)
Page = TypeVar("Page", bound=ListReply)
Answer = TypeVar("Answer")


class Output(StrEnum):
    """What is printed: for a person or for a program."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="A table, or one JSON document on one line.")
]
ServerOption = Annotated[
    str, typer.Option("--server", envvar="STRATO_NATS_URL", help="The broker's address.")
]
SpaceOption = Annotated[str, typer.Option("--space", help="Whose agents: the tenant.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.001, help="Seconds to wait for each answer.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many at most.")]
AllOption = Annotated[bool, typer.Option("--all", help="All of them, however many there are.")]


# In place of a regular expression.
_SAID: Final = {"agent": "no name of an agent: letters, digits, _ and -, at most 128 of them"}


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask, and how to print the answer."""

    server: str = DEFAULT_URL
    space: str = DEFAULT_SPACE
    timeout: float = DEFAULT_TIMEOUT
    output: Output = Output.TABLE

    def ask(self, question: Callable[[Navigator], Awaitable[Answer]]) -> Answer:
        """The answer to a question that may take several requests."""
        return asyncio.run(self._ask(question))

    def show(
        self, document: BaseModel | dict[str, object], table: Callable[[], RenderableType]
    ) -> None:
        """Print the answer in the form that was asked for."""
        if self.output is Output.JSON:
            show_json(document)
        else:
            show(table())

    async def _ask(self, question: Callable[[Navigator], Awaitable[Answer]]) -> Answer:
        async with Navigator.connect(
            self.server,
            space=self.space,
            timeout=self.timeout,
            operator=operator(),
            login=chosen(),
        ) as navigator:
            return await question(navigator)


def request_of(model: type[Model], **fields: Any) -> Model:
    """The request's body; UsageFault where what was typed does not fit it."""
    try:
        return model(**fields)
    except ValidationError as error:
        found = [f"{field}: {_SAID.get(field, said)}" for field, said in field_errors(error)]
        raise UsageFault("; ".join(found)) from error


def page_size(limit: int, everything: bool) -> tuple[int, int | None]:
    """How many to ask for at a time, and how many in all (None: no end)."""
    return (MAX_LIMIT, None) if everything else (min(limit, MAX_LIMIT), limit)


async def as_one(pages: AsyncIterator[Page], entries: str) -> Page:
    """All pages as one, with the cursor of the last."""
    found: list[Any] = []
    last: Page | None = None
    async for page in pages:
        found += getattr(page, entries)
        last = page
    assert last is not None  # a list has at least its empty first page
    return last.model_copy(update={entries: found})
