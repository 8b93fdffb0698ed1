"""What the recorder takes, intake takes: no record accepted at the call is a dead letter."""

import random
from datetime import UTC, datetime
from typing import Any, cast

import orjson
import pytest

from stratoscope.broker.puller import Delivered
from stratoscope.domain.records import Message
from stratoscope.projector.decode import decode
from stratoscope.recorder.errors import InvalidRecord
from stratoscope.recorder.outbox import Bounds, Outbox
from stratoscope.recorder.preparing import Prepared, Preparer
from stratoscope.recorder.sending import spell_message
from stratoscope.recorder.settings import RecorderSettings
from stratoscope_contracts.subjects import Kind, stored
from stratoscope_contracts.words import MAX_JSON_VALUES, MIB

SETTINGS = RecorderSettings(batch_bytes=7 * MIB)
PREPARER = Preparer(SETTINGS)
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def taken(piece: list[Prepared]) -> Message:
    """What intake makes of a message, which it must not refuse."""
    message = spell_message(SETTINGS, "a", piece)
    kind = cast(Kind, message.subject.rpartition(".")[2])
    delivered = Delivered(1, NOW, stored("default", "a", kind), message.headers, message.body)
    found = decode(delivered)
    assert isinstance(found, Message), found
    assert found.refused is None, found.refused
    return found


def batches(*records: Prepared) -> list[list[Prepared]]:
    """As the recorder would send them."""
    box = Outbox(Bounds(1_000, 512 * MIB, 1_000, SETTINGS.batch_bytes, 0))
    for record in records:
        box.offer("a", record)
    lane = box.lane("a")
    assert lane is not None
    found = []
    while batch := box.take(lane, 8 * MIB):
        found.append(list(batch))
    return found


def odd(drawn: random.Random, levels: int = 4) -> Any:
    """A value that may be no JSON of the contract's."""
    scalars = (
        *(
            None,
            True,
            0,
            -1,
            1.5,
            "",
            "text",
            "\u0000",
            "\ud800",
            "\udfff\ud800",
            "é\u202e\U0001f600",
        ),
        *(2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**400, 1e308, float("inf")),
        *(float("nan"), -0.0, 5e-324, b"bytes", object(), datetime(1, 1, 1, tzinfo=UTC)),
    )
    if levels == 0 or drawn.random() < 0.4:
        return drawn.choice(scalars)
    if drawn.random() < 0.05:
        value: Any = drawn.choice(({}, []))
        for _ in range(drawn.randint(58, 68)):
            value = drawn.choice(({"deep": value}, [value]))
        return value
    many = range(drawn.randint(0, 4))
    if drawn.random() < 0.5:
        return [odd(drawn, levels - 1) for _ in many]
    keys = ("a", "", "a.b", "\u0000", "$type", "patch", "records", "kind", "state", 1, "x" * 300)
    return {drawn.choice(keys): odd(drawn, levels - 1) for _ in many}


def event(drawn: random.Random) -> Prepared:
    """An event with something odd about it."""
    options: Any = {}
    times = (
        NOW,
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
        "0001-01-01T00:00:00+14:00",
    )
    more = (
        ("metadata", lambda: {"m": odd(drawn)}),
        (
            "occurred_at",
            lambda: drawn.choice((*times, "now", "2026-13-01T00:00:00Z", NOW.replace(tzinfo=None))),
        ),
        ("id", lambda: drawn.choice(("no", "0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e", "A" * 32))),
        (
            "causes",
            lambda: drawn.choice(
                ([], ["x"], ["0198f0e4-7a52-7c31-9f5e-3d6a1b2c4d5e"] * drawn.choice((1, 64, 65)))
            ),
        ),
        (
            "patch",
            lambda: (
                [
                    {
                        "op": drawn.choice(("add", "no")),
                        "path": drawn.choice(("/a", "a", "/~2", "/" + "x" * 5_000)),
                        "value": odd(drawn),
                    }
                ]
                * drawn.choice((1, 1_000, 1_001))
            ),
        ),
        ("traceparent", lambda: drawn.choice(("x", "00-" + "a" * 32 + "-" + "b" * 16 + "-01"))),
    )
    for name, draw in more:
        if drawn.random() < 0.2:
            options[name] = draw()
    type_ = drawn.choice(("x", "x", "x", "my.own", "X", "", "x" * 64, "x" * 65, "x\n"))
    data: Any = {"d": odd(drawn)} if drawn.random() < 0.8 else odd(drawn)
    return PREPARER.event("a", type_, data, options)


def snapshot(drawn: random.Random) -> Prepared:
    """A snapshot with something odd about it."""
    options: Any = {}
    if drawn.random() < 0.3:
        options["label"] = drawn.choice(("label", "x" * 1_024, "x" * 1_025, "\u0000", "\ud800", 7))
    if drawn.random() < 0.3:
        options["memory_usage"] = drawn.choice((0, -1, 2**63 - 1, 2**63, 1.5, "1"))
    return PREPARER.snapshot("a", {"s": odd(drawn)}, options)


@pytest.mark.parametrize("seed", range(8))
def test_no_odd_record_that_is_accepted_is_refused_by_intake(seed: int) -> None:
    """Alone and in a batch."""
    drawn = random.Random(seed)
    accepted, refused = [], 0
    for _ in range(250):
        try:
            accepted.append(drawn.choice((event, snapshot))(drawn))
        except InvalidRecord:
            refused += 1
    assert len(accepted) > 20
    assert refused > 40
    for record in accepted:
        assert len(taken([record]).records) == 1
    assert sum(len(taken(batch).records) for batch in batches(*accepted)) == len(accepted)


def test_a_record_holds_as_many_values_as_intake_takes_and_no_more() -> None:
    """Over all of its parts, counted as intake counts them."""

    def two_halves(values: int) -> Prepared:
        half = [1] * (values // 2)
        patch = [{"op": "add", "path": "/a", "value": half}]
        return PREPARER.event("a", "x", {"d": half}, {"patch": patch})

    assert taken([two_halves(MAX_JSON_VALUES - 20)])
    with pytest.raises(InvalidRecord, match="more than 1000000 JSON values"):
        two_halves(MAX_JSON_VALUES)


def test_records_of_one_message_hold_no_more_values_than_intake_takes_of_it() -> None:
    """Each is fine; three in one message would be a dead letter."""
    records = [PREPARER.snapshot("a", {"s": [1] * 400_000}, {}) for _ in range(6)]
    found = batches(*records)
    assert len(found) > 2
    assert sum(len(taken(batch).records) for batch in found) == 6


@pytest.mark.parametrize("values", [100, 999_970])
def test_what_tells_of_a_gap_is_taken(values: int) -> None:
    """A record that is nearly as large as may be leaves the gap to the next."""
    lost = PREPARER.event("a", "x", None, {})
    box = Outbox(Bounds(1_000, 512 * MIB, 1_000, SETTINGS.batch_bytes, 0))
    box.drop("a", lost)
    box.offer("a", PREPARER.snapshot("a", {"s": [1] * values}, {}))
    box.offer("a", PREPARER.event("a", "x", {"n": 1}, {}))
    lane = box.lane("a")
    assert lane is not None
    told = []
    while batch := box.take(lane, 8 * MIB):
        told += [getattr(one, "gap", None) for one in taken(list(batch)).records]
    gaps = [orjson.loads(one) for one in told if one]
    assert [one["records"] for one in gaps] == [1]
    assert len(told) == (3 if values == 100 else 2)
