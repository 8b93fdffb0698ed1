"""The verbs that move objects: exports and spilled replies down, imports up, chunk by chunk.

They stand in for the object store's own protocol, so that a client needs no JetStream API: a client
with that API can have the server publish anywhere, by the reply subject of a request.

    object.get   any stretch of an object; several may be asked for at a time
    object.put   the chunks of an upload in their order, each after the reply to the one before
"""

from typing import Annotated, Final

from pydantic import Field

from stratoscope_contracts.envelopes import Reply, Request
from stratoscope_contracts.words import KIB, MAX_OBJECT_NAME_LENGTH, MIB, Count, Number

MAX_CHUNK_BYTES: Final = MIB
# Fits, as base64, a server that kept its shipped `max_payload` of 1 MiB.
CHUNK_BYTES: Final = 512 * KIB
# Each chunk is a message of the bucket's stream, so small ones are for the end only.
MIN_CHUNK_BYTES: Final = 64 * KIB
# An upload is abandoned once no chunk of it has come for so long.
UPLOAD_KEPT_SECONDS: Final = 60 * 60
MAX_BUCKET_LENGTH: Final = 64
UPLOAD_PATTERN: Final = r"^[A-Za-z0-9_-]{8,64}$"
DIGEST_PATTERN: Final = r"^SHA-256=[A-Za-z0-9_-]{43}=?$"

Base64 = Annotated[
    str,
    Field(
        max_length=(MAX_CHUNK_BYTES + 2) // 3 * 4,
        description="bytes as base64, padded, in the alphabet with + and /",
    ),
]
ObjectDigest = Annotated[
    str, Field(description="`SHA-256=` and base64 with - and _, of the whole object")
]
ObjectName = Annotated[str, Field(min_length=1, max_length=MAX_OBJECT_NAME_LENGTH)]


class ObjectGetRequest(Request):
    """Bytes of an object in the space's own export or spill bucket, from `offset` on."""

    bucket: Annotated[str, Field(max_length=MAX_BUCKET_LENGTH)]
    name: ObjectName
    offset: Number = 0
    limit: Annotated[int, Field(ge=1, le=MAX_CHUNK_BYTES)] = CHUNK_BYTES


class ObjectGetReply(Reply):
    """The bytes, and the size and digest of the whole object.

    There may be fewer bytes than were asked for, and there are none at or past the end.
    """

    data: Base64
    size: Count
    digest: ObjectDigest


class ObjectPutRequest(Request):
    """A chunk of an upload into the space's exports.

    Chunks follow each other without a gap. A chunk that was taken before may be sent again. The
    `last` one makes the upload an object; a `digest` sent with it has to be the object's.
    """

    upload: Annotated[str, Field(pattern=UPLOAD_PATTERN)]
    name: ObjectName
    offset: Number
    data: Base64
    last: bool = False
    digest: Annotated[str, Field(pattern=DIGEST_PATTERN)] | None = None


class ObjectPutReply(Reply):
    """How many bytes were taken.

    `complete` says that the object is there. Where the `last` chunk is answered without it, the
    digest of what was taken is still being computed: the same chunk is to be sent again.
    """

    size: Count
    complete: bool
    digest: ObjectDigest | None = None
