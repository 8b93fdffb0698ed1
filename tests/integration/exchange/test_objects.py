"""Exports, imports and spilled replies by the verbs: what they serve, and what they refuse."""

import base64
import hashlib
import os
from io import BytesIO
from pathlib import PurePath
from typing import Any

import pytest
from nats.js.errors import NotFoundError

from stratoscope.broker.connection import connect
from stratoscope.broker.objects import BucketLimits
from stratoscope.broker.transfers import put_object
from stratoscope.client import Navigator
from stratoscope_contracts.errors import BadRequest, ObjectNotFound, OverBudget
from stratoscope_contracts.objects import (
    CHUNK_BYTES,
    MAX_CHUNK_BYTES,
    MIN_CHUNK_BYTES,
    ObjectGetRequest,
    ObjectPutRequest,
)
from stratoscope_contracts.words import exports_bucket, spill_bucket

pytestmark = pytest.mark.asyncio(loop_scope="module")
BUCKET = exports_bucket("default")
LIMITS = BucketLimits(600)


def put_request(data: bytes, offset: int = 0, **more: Any) -> ObjectPutRequest:
    text = base64.b64encode(data).decode()
    body = {"upload": "upload-1", "name": "one", "offset": offset, "data": text, **more}
    return ObjectPutRequest(**body)


@pytest.mark.parametrize(
    "bucket",
    [
        exports_bucket("other"),
        spill_bucket("other"),
        "strato-exports-*",
        "strato-exports-default.C",
        "",
        ">",
        "KV_x",
    ],
)
async def test_no_other_bucket_is_served(sharing: Any, bucket: str) -> None:
    """Neither another space's, though it is there, nor what a pattern would name."""
    connection = await connect(sharing.url, name="test")
    try:
        for other in (exports_bucket("other"), spill_bucket("other")):
            await put_object(connection, other, "theirs", b"a secret", LIMITS)
    finally:
        await connection.close()
    with pytest.raises(BadRequest) as found:
        await sharing.nav.request("object.get", ObjectGetRequest(bucket=bucket, name="theirs"))
    assert [one["field"] for one in found.value.details["errors"]] == ["bucket"]


async def test_an_upload_reaches_the_exports_of_its_space_only(sharing: Any) -> None:
    """The space is that of the subject: no name leads elsewhere."""
    for name in ("../theirs", "a.b.>", "*", "$O.strato-exports-other.M.x", "\u202e\x00", "ü" * 256):
        reply = await sharing.nav.request("object.put", put_request(b"mine", name=name, last=True))
        assert reply.complete
        found = await sharing.nav.request("object.get", ObjectGetRequest(bucket=BUCKET, name=name))
        assert base64.b64decode(found.data) == b"mine"


@pytest.mark.parametrize("name", ["never", "../never", "never.*", "never.>"])
async def test_an_object_that_is_not_there_is_told(sharing: Any, name: str) -> None:
    """In a bucket that exists and in one that does not."""
    for bucket in (BUCKET, spill_bucket("default")):
        with pytest.raises(ObjectNotFound):
            await sharing.nav.request("object.get", ObjectGetRequest(bucket=bucket, name=name))


async def test_a_whole_file_goes_up_and_comes_down(sharing: Any) -> None:
    """With the replies of both verbs as the contract describes them."""
    for size in (0, 1, CHUNK_BYTES, 5 * CHUNK_BYTES + 17):
        data = os.urandom(size)
        name = await sharing.upload(data)
        assert await sharing.download(name) == data
    # Any stretch of it, up to a megabyte.
    body = ObjectGetRequest(bucket=BUCKET, name=name, offset=3, limit=MAX_CHUNK_BYTES)
    reply = await sharing.nav.request("object.get", body)
    assert base64.b64decode(reply.data) == data[3 : 3 + MAX_CHUNK_BYTES]
    assert reply.size == len(data)
    spelled = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
    assert reply.digest == f"SHA-256={spelled}"
    past = ObjectGetRequest(bucket=BUCKET, name=name, offset=len(data))
    assert (await sharing.nav.request("object.get", past)).data == ""


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"data": "no base64!"}, "data"),
        ({"data": "QUJD\n"}, "data"),
        ({"data": "QUI"}, "data"),
        ({"upload": "a.b.c.d.e"}, "upload"),
        ({"upload": "short"}, "upload"),
        ({"name": ""}, "name"),
        ({"name": "x" * 257}, "name"),
        ({"offset": -1}, "offset"),
        ({"digest": "MD5=abc"}, "digest"),
        ({"bucket": "strato-exports-other"}, "bucket"),
    ],
)
async def test_a_request_that_does_not_fit_is_refused(
    sharing: Any, wrong: dict[str, Any], field: str
) -> None:
    """Each field by its name."""
    body = {"upload": "upload-2", "name": "two", "offset": 0, "data": "QUJD", "last": True}
    reply = await sharing.raw("object.put", {**body, **wrong})
    assert reply["code"] == "bad_request"
    assert field in str(reply["details"]["errors"])


async def test_an_upload_over_the_limit_of_imports_is_refused_at_its_offset(sharing: Any) -> None:
    """While it is staged, not once all of it is there."""
    body = put_request(bytes(MIN_CHUNK_BYTES), offset=64 << 20)
    with pytest.raises(BadRequest, match="offset"):
        await sharing.nav.request("object.put", body)


async def test_a_login_without_jetstream_exports_and_imports(sharing: Any) -> None:
    """An operator's role needs no more than the navigator's verbs."""
    session = await sharing.session_on("walker")
    connection = await connect(sharing.url, name="test")

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("JetStream was asked")

    class Refused:
        def __getattr__(self, name: str) -> object:
            return refused

    connection.jetstream = Refused()  # type: ignore[assignment]
    try:
        nav = Navigator(connection, "default", 20)
        reply = await sharing.export(session)
        file = BytesIO()
        await nav.download(reply.object, file, lambda *_: None)
        assert len(file.getvalue()) == reply.size
        file.seek(0)
        name = await nav.upload(PurePath("f.tar"), file, reply.size, lambda *_: None)
        assert (await sharing.take(name)).events == 2000
    finally:
        await connection.close()


async def test_a_full_bucket_is_told_to_the_one_that_asks(sharing: Any) -> None:
    """Export, upload and spill, each by its code and none as `internal`."""
    connection = await connect(sharing.url, name="test")
    try:
        limits = BucketLimits(600, max_bytes=1000)
        bucket = exports_bucket("full")
        await put_object(connection, bucket, "little", b"x" * 100, limits)
    finally:
        await connection.close()
    async with Navigator.connect(sharing.url, space="full", timeout=20) as nav:
        with pytest.raises(OverBudget, match="is full") as found:
            await nav.request("object.put", put_request(bytes(MIN_CHUNK_BYTES), last=True))
    assert found.value.details["bucket"] == bucket


async def test_new_buckets_have_an_age_and_a_size(sharing: Any) -> None:
    """A space's exports and spills can't fill the broker's disk."""
    session = await sharing.session_on("walker")
    await sharing.export(session)
    config = (await sharing.client.jetstream().stream_info(f"OBJ_{BUCKET}")).config
    assert (config.max_age, config.max_bytes) == (7 * 24 * 3600, 2 << 30)
    with pytest.raises(NotFoundError):
        await sharing.client.jetstream().stream_info(f"OBJ_{spill_bucket('never')}")
