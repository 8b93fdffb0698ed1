"""Records go into messages that the broker takes, in order, with what belongs to them."""

import random
from io import BytesIO

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.broker.payload import unpack
from stratoscope.domain.exchange.damage import Damaged
from stratoscope.domain.timeline import Place
from stratoscope.navigator.exchange import batching, packing
from stratoscope.navigator.exchange.batching import Ready, batches, framed, unframed
from stratoscope.navigator.exchange.formats.entries import Bounds
from stratoscope.navigator.exchange.packing import fits, packed
from stratoscope.navigator.exchange.surveying import spelled, survey_in, surveying, told_texts
from stratoscope_contracts.records import BatchMessage
from stratoscope_contracts.words import HEADER_TRACEPARENT, MAX_MESSAGE_BYTES, MIB
from support.exports import BOUNDS, an_id, at, document, event, file, snapshot, surveyed

IMPORT = an_id(1000)
SMALL = 64 * 1024


def made(records, limit: int = MAX_MESSAGE_BYTES) -> list[Ready]:
    members = document(records)
    found = batches(file(members), BOUNDS, surveyed(members).ids, IMPORT, limit)
    return [unframed(framed(batch, limit)) for batch in found]


def records_in(batch: Ready) -> list[dict]:
    body = unpack(batch.packed.body, batch.packed.headers)
    BatchMessage.model_validate_json(body)
    return orjson.loads(body)["records"]


def noise(size: int) -> str:
    drawn = random.Random(size)
    return "".join(
        drawn.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/", k=size)
    )


@given(st.lists(st.sampled_from([None, "00-a", "00-b"]), max_size=30), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_every_record_comes_once_in_order_and_under_its_own_trace(traces, most):
    records = [
        event(n, n + 1, data={"n": n}, **({"traceparent": trace} if trace else {}))
        for n, trace in enumerate(traces)
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batching, "MAX_RECORDS", most)
        found = made(records)
    told = [
        (record["data"]["n"], batch.packed.headers.get(HEADER_TRACEPARENT), place)
        for batch in found
        for record, place in zip(records_in(batch), batch.places, strict=True)
    ]
    assert told == [(n, trace, (Place(n + 1, 0), True)) for n, trace in enumerate(traces)]
    assert all(len(batch.places) <= most for batch in found)


def test_no_batch_is_larger_than_a_message_whatever_is_in_it():
    records = [event(n, n + 1, data={"x": noise(9000)}) for n in range(40)]
    found = made(records, SMALL)
    assert all(len(batch.packed.body) <= SMALL for batch in found)
    assert sum(len(batch.places) for batch in found) == 40
    assert len(found) > 5


def test_a_record_of_its_own_is_packed_as_hard_as_it_has_to_be(monkeypatch):
    quick = {"x": noise(SMALL // 2) * 4}
    (batch,) = made([snapshot(-1, 1, quick)], SMALL)
    assert records_in(batch)[0]["state"] == quick
    assert len(batch.packed.body) <= SMALL
    # What does not get smaller is sent as it is.
    body = packed([b'{"x":"' + noise(5000).encode() + b'"}'], None, SMALL)
    levels = []
    compress = packing.zstandard.compress

    def compressing(data: bytes, level: int) -> bytes:
        levels.append(level)
        return compress(data, level) + (b"x" * SMALL if level == 3 else b"")

    monkeypatch.setattr(packing.zstandard, "compress", compressing)
    assert fits(b'{"x":"' + b"y" * (2 * SMALL) + b'"}', SMALL)
    assert levels == [3, 19]
    assert len(body.body) <= 5030


def test_what_fits_in_no_way_is_found_before_anything_is_recorded():
    large = snapshot(-1, 1, {"x": noise(2 * SMALL)})
    with pytest.raises(Damaged, match=r"records\[0\]: a record that is too large for a message"):
        list(surveying(file(document([large])), BOUNDS, SMALL))
    *_, found = surveying(file(document([large])), BOUNDS, MAX_MESSAGE_BYTES)
    assert found.snapshots == 1
    assert not fits(b"x" * (33 * MIB), 100 * MIB)


def test_records_without_room_for_their_origin_are_counted():
    (batch,) = made([event(0, 1, metadata={"m": "x" * 16_350}), event(1, 2)])
    assert batch.without_origin == 1


def test_nothing_gives_no_batch():
    assert made([]) == []


def test_a_survey_is_the_same_once_it_was_told():
    place = {"event_index": 0, "stream_seq": 1, "ordinal": 0, "clock": at(1)}
    members = document(
        [event(0, 1)],
        ("history", place),
        ("data", {"key": "k", "value": [1.0, None]}),
        ("marks", {"name": "m", "created_at": at(0), "position": place}),
    )
    seen = list(surveying(file(members), BOUNDS, MAX_MESSAGE_BYTES))
    *progress, survey = seen
    told = survey_in(spelled(survey), told_texts(survey))
    assert (told.head, told.session, told.history) == (survey.head, survey.session, survey.history)
    assert [*told.data] == [*survey.data]
    assert (told.marks, told.events) == (survey.marks, 1)
    assert all(isinstance(one, int) for one in progress)


def test_what_the_contract_does_not_take_is_refused_where_it_stands():
    for text, said in (
        (b'{"head":{"x":"\\u0000"}}', "head: nul"),
        (b'{"head":{"x":"\\ud800"}}', "head: lone_surrogate"),
        (b'{"head":{"x":1e999}}', "head: not_finite"),
        (b'{"head":{"x":18446744073709551616}}', "head: number_out_of_range"),
        (b'{"head":{"x":01}}', "head: not_json"),
        (b'{"head":{"x":' + b"[" * 65 + b"]" * 65 + b"}}", "head: too_deep"),
    ):
        with pytest.raises(Damaged) as found:
            list(surveying(BytesIO(text), BOUNDS, MAX_MESSAGE_BYTES))
        assert str(found.value).startswith(said)


def test_an_export_that_takes_too_long_to_read_is_refused():
    bounds = Bounds(entry_bytes=1 << 20, all_bytes=8 << 20, seconds=0)
    with pytest.raises(Damaged, match="it takes more than 0 s of processor time"):
        list(surveying(file(document([event(0, 1)])), bounds, MAX_MESSAGE_BYTES))
