"""`archive`: a tar file as ours are, within a frame that is unpacked no faster than it is read."""

import io
from hashlib import sha256
from typing import Any

import orjson
import pytest
import zstandard

from stratoscope.navigator.exchange.formats import tar
from stratoscope.navigator.exchange.formats.entries import Bounds
from support.exports import START, damage, document, event, spelled, told

HEAD = b'{"head":1}'


def member(name: str, content: bytes, **changed: bytes) -> bytes:
    header = bytearray(tar.header(name, len(content), START))
    for place, value in changed.items():
        start = int(place.removeprefix("at"))
        header[start : start + len(value)] = value
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(tar.padding(len(content)))


def manifest(*files: tuple[str, bytes], **changed: Any) -> bytes:
    listed = [
        {"name": name, "size": len(content), "sha256": sha256(content).hexdigest()}
        for name, content in files
    ]
    return member(
        "manifest.json", orjson.dumps({"stratoscope_export": 1, "files": listed} | changed)
    )


def packed(*parts: bytes) -> bytes:
    return zstandard.compress(b"".join(parts) + tar.END)


def test_another_programs_archive_of_the_same_files_is_read():
    one = member("head.json", HEAD)
    rest = bytes(8192)
    listed = manifest(("head.json", HEAD))
    assert told(packed(one, listed) + zstandard.compress(rest)) == [("head", {"head": 1})]


@pytest.mark.parametrize(
    "name",
    [
        "../head.json",
        "/head.json",
        "./head.json",
        "records/../head.json",
        "records/1.ndjson",
        "head.json ",
        "records/000001.ndjson",
        "head",
        "ünicode.json",
        "",
    ],
)
def test_a_file_has_a_name_of_ours_and_no_other(name: str):
    one = member(name, HEAD)
    assert damage(packed(one, manifest((name, HEAD))))


@pytest.mark.parametrize("kind", b"12345679xgLKS\0")
def test_links_devices_folders_and_extensions_are_damage(kind: int):
    one = member("head.json", HEAD, at156=bytes([kind]))
    assert "plain files only" in damage(packed(one))


@pytest.mark.parametrize(
    "changed",
    [
        {"at157": b"head.json"},
        {"at345": b"../../etc"},
        {"at257": b"ustar  \0"},
        {"at257": bytes(8)},
        {"at124": b"\x80" + (100 << 30).to_bytes(11, "big")},
        {"at124": b"77777777777\0"},
        {"at124": b"-0000000001\0"},
        {"at124": bytes(12)},
        {"at20": b"hidden"},
    ],
    ids=[
        "link",
        "prefix",
        "gnu",
        "old",
        "base 256",
        "8 GB",
        "negative",
        "no size",
        "two names",
    ],
)
def test_a_header_that_says_more_or_less_than_ours_is_damage(changed: dict[str, bytes]):
    assert damage(packed(member("head.json", HEAD, **changed)))


def test_a_header_with_another_sum_is_damage():
    one = bytearray(member("head.json", HEAD))
    one[150] ^= 1
    assert "damaged" in damage(packed(bytes(one)))


def test_every_file_is_in_the_manifest_with_its_digest():
    one = member("head.json", HEAD)
    other = b'{"head":2}'
    assert "its digest is another" in damage(packed(one, manifest(("head.json", other))))
    assert "0 files are named, 1 are there" in damage(packed(one, manifest()))
    assert "2 files are named" in damage(
        packed(one, manifest(("head.json", HEAD), ("end.json", b"{}")))
    )
    assert "no manifest" in damage(packed(one, manifest(stratoscope_export=2)))
    assert "it ends within" in damage(zstandard.compress(one))


def test_files_come_once_and_in_their_order():
    one = member("head.json", HEAD)
    assert "a second file" in damage(packed(one, one))
    records = member("records/000000.ndjson", b"{}\n")
    later = member("records/000002.ndjson", b"{}\n")
    assert "not the next one" in damage(packed(records, later))


def test_a_file_has_an_entry_a_line():
    lines = b'{"a":1}\n{"a":2}'
    one = member("records/000000.ndjson", lines)
    listed = manifest(("records/000000.ndjson", lines))
    assert [value for _, value in told(packed(one, listed))] == [{"a": 1}, {"a": 2}]
    gap = member("records/000000.ndjson", b"{}\n\n{}\n")
    assert "an empty line" in damage(packed(gap))


def test_what_follows_is_damage():
    one, listed = member("head.json", HEAD), manifest(("head.json", HEAD))
    assert "behind the manifest" in damage(packed(one, listed, one))
    assert "behind the end" in damage(packed(one, listed) + zstandard.compress(b"x"))
    much = zstandard.compress(bytes(2 << 20))
    assert "behind the end" in damage(packed(one, listed) + much)


def test_many_records_are_many_files_and_one_list():
    members = document([event(n, n + 1, data={"x": "y" * 100_000}) for n in range(100)])
    wide = Bounds(entry_bytes=1 << 20, all_bytes=64 << 20)
    data = spelled(members, "archive")
    unpacked = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    assert unpacked.count(b"records/00000") >= 5
    assert told(data, wide) == members


def test_a_bomb_is_unpacked_no_further_than_its_bound():
    bomb = zstandard.compress(bytes(256 << 20))
    assert len(bomb) < 20_000
    assert damage(bomb)
    name = "records/000000.ndjson"
    lines = b"{}\n" * (4 << 20)
    one = member(name, lines)
    assert "more than" in damage(zstandard.compress(one), Bounds(1 << 20, 4 << 20))


def test_a_window_that_nobody_has_to_take_is_refused():
    options = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=options).compressobj()
    assert "zstd" in damage(packer.compress(bytes(1000)) + packer.flush())


def test_a_frame_with_a_flipped_bit_is_damage():
    data = bytearray(spelled(document([event(0, 1), event(1, 2)]), "archive"))
    data[len(data) // 2] ^= 4
    assert damage(bytes(data))
