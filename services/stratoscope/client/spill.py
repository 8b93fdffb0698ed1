"""Replies that were too large for a message, fetched from where the navigator left them."""

import base64
import hashlib
from io import BytesIO

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from pydantic import ValidationError

from stratoscope.client.errors import UnreadableReply
from stratoscope_contracts.envelopes import Spill, SpilledReply

# A spilled reply is one short object with one key; nothing larger needs a second look.
_LARGEST = 4096
_DIGEST_TYPE = "SHA-256="


def spill_in(body: bytes) -> Spill | None:
    """Where the reply lies, or None where the body is the reply itself."""
    if len(body) > _LARGEST or not body.lstrip(b"{ \n").startswith(b'"spilled"'):
        return None
    try:
        return SpilledReply.model_validate_json(body).spilled
    except ValidationError:
        return None


async def fetch(jetstream: JetStreamContext, spill: Spill) -> bytes:
    """The reply's bytes, whole and undamaged; UnreadableReply else."""
    # Into a buffer, because the library's own way copies all that came before at each chunk.
    body = BytesIO()
    try:
        bucket = await jetstream.object_store(spill.bucket)
        await bucket.get(spill.name, writeinto=body)
    except NatsError as error:
        raise UnreadableReply(
            f"the reply was too large for a message, and its object {spill.name} in {spill.bucket}"
            " can't be read (it is kept for an hour): ask again"
        ) from error
    return _checked(body.getvalue(), spill)


def _checked(body: bytes, spill: Spill) -> bytes:
    if len(body) != spill.size or not _fits(body, spill.digest):
        raise UnreadableReply(
            f"the reply in {spill.bucket}/{spill.name} is damaged: ask again",
            {"size": len(body), "expected": spill.size},
        )
    return body


def _fits(body: bytes, digest: str) -> bool:
    spelled = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
    # Some clients leave the padding off.
    return digest.removeprefix(_DIGEST_TYPE).rstrip("=") == spelled.rstrip("=")
