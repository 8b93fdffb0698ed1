"""The source of `requesting.py`: each verb's request and reply, as type checkers read them."""

from collections.abc import Iterable

from stratoscope_contracts.envelopes import ListReply, ListRequest, Progress
from stratoscope_contracts.verb import Verb

_HEAD = '''"""What each verb takes and answers, for type checkers. Written by `make contracts`."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Literal, overload

{imports}
from stratoscope_contracts.envelopes import ListReply, ListRequest, Reply, Request


class Requesting(ABC):
    """Whoever asks the navigator: by the verb's name, with its request, for its reply."""
'''
_ASKED = """
    @overload
    async def request(
        self, verb: Literal["{name}"], body: {request}
    ) -> {reply}: ...
"""
_PAGED = """
    @overload
    def pages(
        self,
        verb: Literal["{name}"],
        body: {request},
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[{reply}]: ...
"""
_ANY_ASKED = '''
    @overload
    async def request(self, verb: str, body: Request) -> Reply: ...

    async def request(self, verb: str, body: Request) -> Reply:
        """The reply to a verb, or the StratoError that the navigator or the way to it ended in."""
        return await self._request(verb, body)
'''
_ANY_PAGED = '''
    @overload
    def pages(
        self, verb: str, body: ListRequest, *, at_most: int | None = ...
    ) -> AsyncIterator[ListReply]: ...

    def pages(
        self, verb: str, body: ListRequest, *, at_most: int | None = None
    ) -> AsyncIterator[ListReply]:
        """The pages of a list, one request each, with no more than `at_most` entries in all."""
        return self._pages(verb, body, at_most)

    @abstractmethod
    async def _request(self, verb: str, body: Request) -> Reply: ...

    @abstractmethod
    def _pages(
        self, verb: str, body: ListRequest, at_most: int | None
    ) -> AsyncIterator[ListReply]: ...
'''


def requesting(verbs: Iterable[Verb]) -> str:
    """The module's text; a verb that streams its reply is none that is asked so.

    One that only tells its progress may be asked without hearing of it.
    """
    asked = [verb for verb in verbs if verb.stream in (None, Progress)]
    lists = [verb for verb in asked if issubclass(verb.reply, ListReply)]
    assert all(issubclass(verb.request, ListRequest) for verb in lists)
    models = {model for verb in asked for model in (verb.request, verb.reply)}
    modules = sorted({model.__module__.partition(".")[2] for model in models} - {"envelopes"})
    # A name a line: all of them are too many for one.
    named = "".join(f"    {module},\n" for module in modules)
    imports = f"from stratoscope_contracts import (\n{named})"
    return "".join(
        (
            _HEAD.format(imports=imports),
            *(_spelled(_ASKED, verb) for verb in asked),
            _ANY_ASKED,
            *(_spelled(_PAGED, verb) for verb in lists),
            _ANY_PAGED,
        )
    )


def _spelled(template: str, verb: Verb) -> str:
    return template.format(name=verb.name, request=_named(verb.request), reply=_named(verb.reply))


def _named(model: type) -> str:
    module = model.__module__.partition(".")[2]
    return model.__name__ if module == "envelopes" else f"{module}.{model.__name__}"
