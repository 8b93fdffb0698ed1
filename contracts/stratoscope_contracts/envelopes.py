"""What all messages of a sort have in common.

A record and a reply grow by addition, so what a reader does not know it passes over. A request
is the other way round: a field nobody knows is a typing error whose answer would be about
something else, so it is told.
"""

from typing import Annotated

from pydantic import VERSION, BaseModel, ConfigDict, Field

from stratoscope_contracts.words import (
    DEFAULT_LIMIT,
    DEFAULT_WAIT_MS,
    MAX_CURSOR_LENGTH,
    MAX_LIMIT,
    MAX_WAIT_MS,
    Count,
    StreamSeq,
)

# `from` is a word of Python: the field is `from_`, the wire says `from`.
_SPELLING = ConfigDict(
    # The cache of texts is one lock for the process. A program that forks while another of its
    # threads reads a message leaves it locked in the child, which then waits for ever.
    cache_strings="none",
    validate_by_name=True,
    validate_by_alias=True,
    serialize_by_alias=True,
    allow_inf_nan=False,
)
# A process uses few of the messages of verbs, and building all is a fifth of its start: each is
# built at its first use. Earlier versions of pydantic can't do that in several threads at once.
_BUILT_AT_FIRST_USE = tuple(map(int, VERSION.split(".")[:2])) >= (2, 14)
_SELDOM = ConfigDict(**_SPELLING, defer_build=_BUILT_AT_FIRST_USE)


class RecordModel(BaseModel):
    """What an agent sends: read strictly, with unknown fields passed over."""

    model_config = ConfigDict(**_SPELLING, strict=True, extra="ignore")


class ValueModel(BaseModel):
    """A value inside a reply, or a message that the services send."""

    model_config = ConfigDict(**_SELDOM, extra="ignore")


class ChoiceModel(BaseModel):
    """A value inside a request: unknown fields are told."""

    model_config = ConfigDict(**_SELDOM, strict=True, extra="forbid", frozen=True)


class Request(BaseModel):
    """The body of a verb: an unknown field is an error; may wait for the projection."""

    model_config = ConfigDict(**_SELDOM, strict=True, extra="forbid")

    wait_for: StreamSeq | None = None
    wait_ms: Annotated[int, Field(ge=0, le=MAX_WAIT_MS)] = DEFAULT_WAIT_MS


class ListRequest(Request):
    """A verb that answers page by page; `cursor` is opaque and comes from the page before."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(max_length=MAX_CURSOR_LENGTH)] | None = None


class Reply(ValueModel):
    """The answer to a verb."""


class ListReply(Reply):
    """One page; `cursor` asks for the next, null at the end."""

    cursor: str | None = None


class Spill(ValueModel):
    """Where a reply lies that was too large for a message."""

    bucket: str
    name: str
    size: Count
    digest: str


class SpilledReply(Reply):
    """Takes the place of any reply over the message limit; the object's bytes are that reply."""

    spilled: Spill


class Progress(ValueModel):
    """How far a long request is; `total` is null where nobody knows, `stage` says what is done."""

    done: Count
    total: Count | None = None
    stage: str | None = None
