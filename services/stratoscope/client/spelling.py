"""A request as it is sent, or which text of it can't be."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from stratoscope_contracts.envelopes import Request
from stratoscope_contracts.errors import BadRequest

_SHOWN = 60


def spelled(body: Request) -> bytes:
    """The JSON of what was given. Raises BadRequest."""
    try:
        return body.model_dump_json(exclude_unset=True).encode()
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError) as error:
        odd = next((text for text in _texts(body) if not _is_unicode(text)), None)
        if odd is None:
            raise BadRequest("the request can't be sent: it is nested too deeply") from error
        raise BadRequest(f"{_short(odd)} can't be sent: it is no Unicode") from error


def _texts(body: BaseModel) -> Iterator[str]:
    # Without recursion: what is nested too deeply is looked through as well.
    left: list[Any] = [body]
    while left:
        match left.pop():
            case str() as text:
                yield text
            case BaseModel() as model:
                left += dict(model).values()
            case dict() as fields:
                left += [*fields.keys(), *fields.values()]
            case list() | tuple() as entries:
                left += entries


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a pair: what a shell passes on of bytes that are no UTF-8."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _short(text: str) -> str:
    odd = next(at for at, char in enumerate(text) if not _is_unicode(char))
    start = max(0, odd - _SHOWN // 2)
    return ascii(text[start : start + _SHOWN])
