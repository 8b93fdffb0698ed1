"""From a message to the reply in it, or to the error that it stands for."""

from typing import Any, TypeVar

from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from stratoscope.client.errors import UnreadableReply
from stratoscope.client.exchange import Get
from stratoscope.client.spill import fetch, spill_in
from stratoscope_contracts.errors import StratoError
from stratoscope_contracts.words import HEADER_ERROR, HEADER_ERROR_NUMBER

Model = TypeVar("Model", bound=BaseModel)


async def whole(get: Get, answer: Msg) -> bytes:
    """The reply's bytes, from wherever they lie; the StratoError where it is one."""
    headers: dict[str, Any] = answer.headers or {}
    if HEADER_ERROR in headers or HEADER_ERROR_NUMBER in headers:
        raise StratoError.from_reply(answer.data)
    spill = spill_in(answer.data)
    if spill is None:
        return answer.data
    return await fetch(get, spill)


def read(verb: str, model: type[Model], body: bytes) -> Model:
    """A reply as the contract describes it. Raises UnreadableReply."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise UnreadableReply(
            f"the answer to {verb} breaks the contract: is the navigator of another version?",
            {"errors": error.error_count()},
        ) from error
