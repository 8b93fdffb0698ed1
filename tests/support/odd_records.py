"""A seeded generator of records that are malformed, or odd but legal.

Nothing here does I/O. The same seed gives the same messages. About half of them can be taken;
the rest break one rule of the contract each, sometimes in the middle of a batch. A message says
how many records it holds, so that what was taken, refused and ignored can be added up.
"""

import json
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import zstandard

Json = dict[str, Any]


class Raw(str):
    """A text that is written into the JSON as it is, right or wrong."""


# Legal, and unusual.
SCALARS: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, -0.0, 1.0, 1.5, 5e-324, 1.7976931348623157e308, 1e22, 1e300),
    *(2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), 2.0**64, 2.0**70, -(2.0**64), 0.1),
    *("", " ", "a", "\t\n\r", "\x01\x1f\x7f", "\x1b[2J\x1b]0;title\x07", "\u009b31m", "\u202eabc"),
    *("\u2028\u2029", "\u200b\ufeff", "\uffff", "\U0001f600", "e\u0301", "[bold]x[/bold]", "%s{}"),
    *("</script><b>", "a\\u0000", "-1", "NaN", "null", "0001-01-01T00:00:00Z", "x" * 3000),
    *([], {}, [[]], [{}], [None], {"": None}, [0, 0.0, -0.0], ["é", "e\u0301"]),
    *(Raw("1E5"), Raw("-0"), Raw("1e-400"), Raw('"\\ud83d\\ude00"'), Raw('"\\u001b[31m"')),
    Raw('{"a":1,"a":2}'),
)
KEYS: Final = (
    *("a", "b", "health", "items", "", " ", "a.b", "a[0]", "/", "~", "~1", "0", "-1", "-", "é"),
    *('"', "'", "\\", "\n", "\x1b[31m", "\u202e", "\u009b", "*", "**", "$ref", "__proto__"),
    *("\U0001f600", "k" * 200, "[", "]", "a b", "from", "constructor", "\uffff"),
)
# Against the contract wherever they stand.
BAD_VALUES: Final = (
    *(Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), Raw("1e400"), Raw("9" * 400), Raw(str(2**64))),
    *(Raw(str(-(2**63) - 1)), Raw('"\\ud800"'), Raw('"\\udfff\\ud800"'), Raw('"\\u0000"')),
    *(Raw("'x'"), Raw("01"), Raw("tru"), Raw('"\n"'), Raw("[1,]"), Raw("[" * 70 + "]" * 70)),
)
TIMES: Final = (
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000001Z", "0001-01-02T00:00:00+14:00"),
    *("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z"),
    *("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00-23:59"),
    *("9999-12-31T23:59:59+23:59", "1969-12-31T23:59:59.999999Z", "1900-02-28T00:00:00z"),
    *("2026-11-23 08:00:00Z", "2026-11-23T08:00:00.1Z", "2026-11-23T08:00:00.123456789+05:30"),
    *("2024-02-29T00:00:00Z", "4713-01-01T00:00:00Z", "2038-01-19T03:14:08Z"),
)
BAD_TIMES: Final = (
    *("", "yesterday", "1234", "2026-11-23", "2026-11-23T08:00:00", "2026-13-01T00:00:00Z"),
    *("2025-02-29T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T08:00:60Z", "+2026-11-23T08:00Z"),
    *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2026-11-23T08:00:00+99:99", 0, 1.5, [], {}),
)
TYPES: Final = ("decision_made", "x", "a.b_c", "error_occurred", "x" * 64, "z9")
BAD_TYPES: Final = ("", "X", "9x", "x" * 65, "a b", "x\n", "é", None, 1, [], "a-b")
IDS: Final = tuple(str(UUID(int=number)) for number in (0, 1, 2**128 - 1))
BAD_IDS: Final = ("", "x", 1, [], "0" * 31, "g" * 32, "00000000-0000-0000-0000-00000000000")
MEMORY: Final = (0, 1, 2**31, 2**62, 2**63 - 1)
BAD_MEMORY: Final = (-1, 2**63, 2**64 - 1, 1.5, "1", True)
POINTERS: Final = (
    *("", "/", "/a", "/b", "/a/0", "/a/-", "/items/0", "/items/-", "/items/00", "/a.b", "/~0"),
    *("/~1", "/~01", "/missing/deep", "/\n", "/\u202e", "/items/18446744073709551616", "/health"),
)
BAD_POINTERS: Final = ("a", "~", "/~2", "/~", None, 1, [], "$.a")
AGENTS: Final = ("odd-0", "odd-1", "odd-2", "-", "--help", "_", "0", "A" * 128, "null", "true")
BAD_AGENTS: Final = ("é", "a" * 129, "a%20b", "a:b", "a=b", "\U0001f600", "a/b", "a'b")
ENCODINGS: Final = ("", "identity", "zstd", "ZSTD", " zstd ")
BAD_ENCODINGS: Final = ("gzip", "zstd, zstd", "x" * 200, "\u00e9", "br")
TRACES: Final = ("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "", "x", "\u00e9", "y" * 300)


@dataclass(frozen=True, slots=True)
class OddMessage:
    """One message to record: where it goes, what it holds and how many records that is."""

    agent: str
    kind: str
    body: bytes
    records: int
    headers: dict[str, str] = field(default_factory=dict)


def spell(value: Any) -> str:
    """JSON of a value, where a `Raw` stands for itself."""
    match value:
        case Raw():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(k)}:{spell(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(spell, value)) + "]"
        case _:
            return json.dumps(value)


class OddRecords:
    """Messages of one seed."""

    def __init__(self, seed: int) -> None:
        self._drawn = random.Random(seed)
        self._ids: list[str] = []

    def messages(self, records: int) -> Iterator[OddMessage]:
        """Messages with so many records in all."""
        left = records
        while left > 0:
            message = self._message(left)
            left -= message.records
            yield message

    def _message(self, left: int) -> OddMessage:
        drawn = self._drawn
        agent = drawn.choice(BAD_AGENTS if drawn.random() < 0.02 else AGENTS)
        kind = drawn.choices(("event", "snapshot", "batch"), (5, 2, 3))[0]
        count = 1
        if drawn.random() < 0.04:
            body = drawn.choice(_BODIES)(drawn)
        elif kind == "batch":
            # The first of a batch can always be taken, which tells how the others were judged.
            count = min(left, drawn.randint(1, 12))
            rest = [{"kind": k, **r} for k, r in (self._any() for _ in range(count - 1))]
            body = spell({"records": [{"kind": "event", "type": "x"}, *rest]}).encode()
        elif kind == "event":
            body = spell(self._spoiled(self._event())).encode()
        else:
            body = spell(self._spoiled(self._snapshot())).encode()
        headers, body = self._packed(body)
        return OddMessage(agent, kind, body, count, headers)

    def _any(self) -> tuple[str, Json]:
        if self._drawn.random() < 0.7:
            return "event", self._spoiled(self._event(), rarely=True)
        return "snapshot", self._spoiled(self._snapshot(), rarely=True)

    def value(self, depth: int = 3) -> Any:
        """A legal value."""
        drawn = self._drawn
        if depth == 0 or drawn.random() < 0.6:
            return drawn.choice(SCALARS)
        if drawn.random() < 0.5:
            return [self.value(depth - 1) for _ in range(drawn.randint(0, 4))]
        return self._object(depth - 1)

    def _object(self, depth: int = 2) -> Json:
        keys = self._drawn.sample(KEYS, self._drawn.randint(0, 5))
        return {key: self.value(depth) for key in keys}

    def _common(self) -> Json:
        drawn, found = self._drawn, {}
        if drawn.random() < 0.7:
            found["id"] = self._id()
        if drawn.random() < 0.5:
            found["occurred_at"] = drawn.choice(TIMES)
        if drawn.random() < 0.3:
            found["metadata"] = self._object(1)
        if drawn.random() < 0.05:
            found[drawn.choice(KEYS)] = self.value()
        return found

    def _id(self) -> str:
        drawn = self._drawn
        if drawn.random() < 0.05:
            return drawn.choice(IDS)
        if self._ids and drawn.random() < 0.08:
            return drawn.choice(self._ids)
        self._ids.append(str(UUID(int=drawn.getrandbits(128))))
        return self._ids[-1]

    def _event(self) -> Json:
        drawn = self._drawn
        found = {**self._common(), "type": drawn.choice(TYPES)}
        if drawn.random() < 0.8:
            found["data"] = self._object()
        if self._ids and drawn.random() < 0.5:
            found["causes"] = drawn.choices((*self._ids[-40:], *IDS), k=drawn.randint(0, 4))
        if drawn.random() < 0.3:
            found["patch"] = [self._operation() for _ in range(drawn.randint(1, 3))]
        return found

    def _operation(self) -> Json:
        drawn = self._drawn
        op = drawn.choices(
            ("add", "replace", "test", "remove", "move", "copy"), (40, 1, 1, 1, 1, 1)
        )
        found: Json = {"op": op[0], "path": drawn.choice(POINTERS)}
        if op[0] in ("move", "copy"):
            found["from"] = drawn.choice(POINTERS)
        elif op[0] != "remove":
            found["value"] = self.value()
            if op[0] == "add" and drawn.random() < 0.9:
                found["path"] = f"/{drawn.choice(('a', 'b', 'health'))}"
        return found

    def _snapshot(self) -> Json:
        drawn = self._drawn
        state = {"health": drawn.randint(0, 9), "items": [self.value() for _ in range(3)]}
        found = {**self._common(), "state": state | self._object()}
        if drawn.random() < 0.5:
            found["memory_usage"] = drawn.choice(MEMORY)
        if drawn.random() < 0.3:
            found["label"] = drawn.choice([one for one in SCALARS if type(one) is str])
        return found

    def _spoiled(self, record: Json, *, rarely: bool = False) -> Json:
        """The record, or with one rule broken."""
        drawn = self._drawn
        if drawn.random() < (0.985 if rarely else 0.65):
            return record
        key, values = drawn.choice(
            (
                *(("occurred_at", BAD_TIMES), ("id", BAD_IDS), ("type", BAD_TYPES)),
                *(("memory_usage", BAD_MEMORY), ("state", (None, 1, [], "x", *BAD_VALUES))),
                *(("data", (None, 1, [], *BAD_VALUES)), ("causes", (None, {}, ["x"], ["0"] * 65))),
                *(("metadata", ([], 1, {"k": "x" * 17_000})), ("label", (1, [], {}))),
                (
                    "patch",
                    (None, {}, [{}], [{"op": "no", "path": ""}], [{"op": "add", "path": ""}]),
                ),
                ("patch", [[{"op": "add", "path": bad, "value": 1}] for bad in BAD_POINTERS]),
                ("patch", [[{"op": "add", "path": "/a", "value": bad}] for bad in BAD_VALUES]),
            )
        )
        return record | {key: drawn.choice(values)}

    def _packed(self, body: bytes) -> tuple[dict[str, str], bytes]:
        drawn, headers = self._drawn, {}
        if drawn.random() < 0.1:
            headers["traceparent"] = drawn.choice(TRACES)
        if drawn.random() < 0.1:
            headers["Content-Encoding"] = encoding = drawn.choice(ENCODINGS)
            if "zstd" in encoding.lower():
                body = zstandard.compress(body)
        elif drawn.random() < 0.03:
            headers["Content-Encoding"] = drawn.choice(BAD_ENCODINGS)
        elif drawn.random() < 0.02:
            headers["Content-Encoding"] = "zstd"
        if drawn.random() < 0.02:
            headers[drawn.choice(("X-Odd", "a", "Strato-Reason", "!#$"))] = "v" * drawn.randint(
                0, 999
            )
        return headers, body


def _deep(levels: int) -> bytes:
    return b'{"state":{"a":' + b"[" * levels + b"]" * levels + b"}}"


# Bodies that are no record at all, or hardly one.
_BODIES: Final[tuple[Callable[[random.Random], bytes], ...]] = (
    lambda drawn: b"",
    lambda drawn: drawn.randbytes(drawn.randint(1, 200)),
    lambda drawn: drawn.choice((b"null", b"1", b"[]", b'""', b"{}", b"{", b"\xff")),
    lambda drawn: b"\xef\xbb\xbf{}",
    lambda drawn: _deep(drawn.choice((60, 62, 63, 64, 65, 1000, 100_000))),
    lambda drawn: zlib.compress(b'{"type":"x"}'),
    lambda drawn: b'{"type":"x"}' * 2,
    lambda drawn: '{"type":"x"}'.encode("utf-16"),
    lambda drawn: b'{"records":' + drawn.choice((b"null", b"{}", b"[]", b"[null]", b"[[]]")) + b"}",
    lambda drawn: b'{"type":"x","data":{"a":"\xed\xa0\x80"}}',
)
