"""Replies that were too large for a message, fetched from where the navigator left them."""

import base64
import hashlib

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from pydantic import ValidationError

from stratoscope.broker.objects import ObjectDamaged, ObjectGone, get_object
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
    where = f"the reply was too large for a message, and its object {spill.bucket}/{spill.name}"
    try:
        body = await get_object(jetstream, spill.bucket, spill.name)
    except ObjectDamaged as error:
        raise UnreadableReply(f"{where} is damaged: ask again") from error
    except (ObjectGone, NatsError, TimeoutError) as error:
        raise UnreadableReply(
            f"{where} can't be had (it is kept for an hour): ask again"
        ) from error
    # The object's own digest is checked by now; this one says that it is the reply that was meant.
    if len(body) != spill.size or not _fits(body, spill.digest):
        raise UnreadableReply(f"{where} is damaged: ask again")
    return body


def _fits(body: bytes, digest: str) -> bool:
    spelled = base64.urlsafe_b64encode(hashlib.sha256(body).digest()).decode()
    # Some clients leave the padding off.
    return digest.removeprefix(_DIGEST_TYPE).rstrip("=") == spelled.rstrip("=")
