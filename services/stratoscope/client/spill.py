"""Replies that were too large for a message, fetched from where the navigator left them."""

from io import BytesIO

from pydantic import ValidationError

from stratoscope.broker.objects import is_same_digest
from stratoscope.client.errors import UnreadableReply
from stratoscope.client.exchange import Get, download
from stratoscope_contracts.envelopes import Spill, SpilledReply
from stratoscope_contracts.errors import BadRequest, ObjectNotFound

# A spilled reply is one short object with one key; nothing larger needs a second look.
_LARGEST = 4096


def spill_in(body: bytes) -> Spill | None:
    """Where the reply lies, or None where the body is the reply itself."""
    if len(body) > _LARGEST or not body.lstrip(b"{ \n").startswith(b'"spilled"'):
        return None
    try:
        return SpilledReply.model_validate_json(body).spilled
    except ValidationError:
        return None


async def fetch(get: Get, spill: Spill) -> bytes:
    """The reply's bytes, whole and undamaged; UnreadableReply else."""
    where = f"the reply was too large for a message, and its object {spill.bucket}/{spill.name}"
    file = BytesIO()
    try:
        digest = await download(get, spill.bucket, spill.name, file, lambda *_: None)
    except (ObjectNotFound, BadRequest) as error:
        raise UnreadableReply(
            f"{where} can't be had (it is kept for an hour): ask again"
        ) from error
    except UnreadableReply as error:
        raise UnreadableReply(f"{where} is damaged: ask again") from error
    # The object's own digest is checked by now; this says that it is the reply that was meant.
    if not is_same_digest(digest, spill.digest):
        raise UnreadableReply(f"{where} is damaged: ask again")
    return file.getvalue()
