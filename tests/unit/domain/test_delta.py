"""Any state comes back from at most nine blobs, byte for byte, or is called damaged."""

import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.domain.canonical import canonical, digest
from stratoscope.domain.delta import (
    GROUP,
    Closing,
    DamagedChain,
    Group,
    Mark,
    Slotted,
    append,
    chain,
    cheapest,
    parent,
    unfold,
    unfold_last,
    verified,
)

values = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=6)
keys = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
states = st.dictionaries(keys, values | st.lists(values, max_size=5), max_size=6).map(canonical)
tiny = st.sampled_from([b"{}", b'{"a":1}', b'{"a":2}'])
large = st.integers(0, 3_000).map(lambda n: canonical({"log": [f"line {i}" for i in range(n)]}))
documents = st.lists(states | tiny | large, min_size=1, max_size=24)


class Stored:
    """Versions as the table has them: slot, blob and size, in the order in which they came."""

    def __init__(self, raws: list[bytes]) -> None:
        self.raws = raws
        self.group = Group()
        self.rows: list[tuple[int, bytes, int]] = []
        for raw in raws:
            self.group, slot, blob = append(self.group, raw)
            self.rows.append((slot, blob, len(raw)))

    def chain(self, version: int) -> tuple[list[bytes], list[int]]:
        slot = self.rows[version][0]
        rows = [self.rows[version - slot + each] for each in chain(slot)]
        return [row[1] for row in rows], [row[2] for row in rows]

    def rebuilt(self, version: int) -> bytes:
        blobs, sizes = self.chain(version)
        assert len(blobs) <= 9
        last = unfold(blobs, sizes)[-1]
        assert unfold_last(blobs, sizes) == last
        return last


@given(documents)
@settings(max_examples=60)
def test_every_version_is_rebuilt_from_its_chain(raws: list[bytes]):
    stored = Stored(raws)
    assert [stored.rebuilt(version) for version in range(len(raws))] == raws


@pytest.mark.parametrize("size", [(1 << 17) - 2, 1 << 17, (1 << 17) + 1, 1 << 18, 300_000])
def test_documents_of_many_blocks_come_back(size: int):
    raws = [b'"%b"' % (letter * size) for letter in (b"a", b"b", b"a")]
    stored = Stored([*raws, random.Random(size).randbytes(size), raws[0]])
    assert [stored.rebuilt(version) for version in range(len(stored.raws))] == stored.raws


@given(states, st.integers(0, 255), st.integers(1, 7))
@settings(max_examples=5, deadline=None)
def test_three_hundred_versions_cross_a_group(raw: bytes, seed: int, step: int):
    """Growing, shrinking, empty and repeated states, over the end of a group."""
    raws = [
        (raw, b"{}", canonical({"n": list(range(n * step % 97 + seed))}))[n % 3] for n in range(300)
    ]
    stored = Stored(raws)
    assert [stored.rebuilt(version) for version in range(len(raws))] == raws
    assert [row[0] for row in stored.rows] == [*range(GROUP), *range(300 - GROUP)]


@given(documents)
@settings(max_examples=30)
def test_a_group_read_back_from_its_chain_is_appended_to_as_if_it_had_stayed_open(
    raws: list[bytes],
):
    stored = Stored(raws)
    last = len(raws) - 1
    reopened = Group(chain(stored.rows[last][0]), unfold(*stored.chain(last)))
    assert reopened == stored.group
    assert append(reopened, b'{"next":1}') == append(stored.group, b'{"next":1}')


@pytest.mark.parametrize("slot", range(GROUP))
def test_a_chain_starts_at_the_keyframe_and_each_slot_is_the_next_ones_parent(slot: int):
    slots = chain(slot)
    assert slots[0] == 0
    assert slots[-1] == slot
    assert [parent(each) for each in slots[1:]] == list(slots[:-1])
    assert len(slots) == slot.bit_count() + 1 <= 9


@given(st.lists(st.integers(1, GROUP), min_size=1, max_size=4), st.data())
def test_the_cheapest_version_of_a_stretch_lies_in_it_and_has_no_longer_chain(
    groups: list[int], data: st.DataObject
):
    versions = [slot for size in groups for slot in range(size)] + [0]
    behind = data.draw(st.integers(1, len(versions) - 1))
    first = data.draw(st.integers(0, behind - 1))
    found = cheapest(Slotted(first, versions[first]), Slotted(behind, versions[behind]))
    assert first <= found.version < behind
    assert found.slot == versions[found.version]
    assert len(list(found.chain)) <= len(chain(versions[first]))
    if behind - versions[behind] <= first:
        assert found.version in Slotted(behind - 1, versions[behind - 1]).chain


def test_a_group_knows_its_newest_state_and_what_it_holds():
    assert Group().newest is None
    assert Group().size == 0
    group = append(append(Group(), b"{}")[0], b'{"a":1}')[0]
    assert group.newest == b'{"a":1}'
    assert group.size == 9


@given(documents, st.data())
@settings(max_examples=150)
def test_a_damaged_blob_is_never_taken_for_a_state(raws: list[bytes], data: st.DataObject):
    stored = Stored(raws)
    version = data.draw(st.integers(0, len(raws) - 1))
    blobs, sizes = stored.chain(version)
    index = data.draw(st.integers(0, len(blobs) - 1))
    blobs[index] = data.draw(damaged(blobs[index]))
    try:
        rebuilt = unfold(blobs, sizes)[-1]
        assert len(rebuilt) == sizes[-1]
        verified(rebuilt, digest(raws[version]))
    except DamagedChain:
        return
    assert rebuilt == raws[version]


@st.composite
def damaged(draw: st.DrawFn, blob: bytes) -> bytes:
    """A blob with a byte changed, cut off, with more behind it, or any bytes at all."""
    place = draw(st.integers(0, len(blob) - 1))
    match draw(st.sampled_from(["flip", "cut", "more", "any"])):
        case "flip":
            return (
                blob[:place] + bytes([blob[place] ^ draw(st.integers(1, 255))]) + blob[place + 1 :]
            )
        case "cut":
            return blob[:place]
        case "more":
            return blob + draw(st.binary(min_size=1))
        case _:
            return draw(st.binary())


@given(documents, st.data())
@settings(max_examples=50)
def test_a_damaged_size_is_found_out(raws: list[bytes], data: st.DataObject):
    stored = Stored(raws)
    blobs, sizes = stored.chain(len(raws) - 1)
    index = data.draw(st.integers(0, len(sizes) - 1))
    right = sizes[index]
    sizes[index] = data.draw(st.integers(-10, 2 * right + 10).filter(lambda size: size != right))
    with pytest.raises(DamagedChain):
        unfold(blobs, sizes)


@pytest.mark.parametrize("names_its_size", [False, True])
def test_no_more_is_unpacked_than_was_stored(names_its_size: bool):
    """A frame of some hundred bytes that would give 64 MB, whether or not it says so itself."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=names_its_size
    )
    bomb = zstandard.ZstdCompressor(compression_params=parameters).compress(b"a" * (64 << 20))
    assert len(bomb) < 10_000
    tracemalloc.start()
    try:
        with pytest.raises(DamagedChain):
            unfold([bomb], [100])
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_state_with_another_hash_is_refused():
    assert verified(b"{}", digest(b"{}")) == b"{}"
    with pytest.raises(DamagedChain, match="hash"):
        verified(b"{}", digest(b"[]"))


START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def slots(closing: Closing, marks: list[Mark | None]) -> list[int]:
    """The slots of versions that stand at these places."""
    group, found = Group(), []
    for number, mark in enumerate(marks):
        group, slot, _ = append(group, canonical({"n": number}), closing, mark)
        found.append(slot)
    return found


def mark(n: int, *, is_snapshot: bool = True) -> Mark:
    return Mark(10 * n, START + timedelta(seconds=n), is_snapshot)


@pytest.mark.parametrize(
    ("closing", "found"),
    [
        (Closing(), [0, 1, 2, 3, 4]),
        (Closing(versions=2), [0, 1, 0, 1, 0]),
        (Closing(blob_bytes=1), [0, 0, 0, 0, 0]),
        (Closing(events=20), [0, 1, 0, 1, 0]),
        (Closing(events=21), [0, 1, 2, 0, 1]),
        (Closing(age=timedelta(seconds=3)), [0, 1, 2, 0, 1]),
        (Closing(snapshots=2), [0, 1, 0, 1, 0]),
    ],
)
def test_a_group_closes_before_it_spans_more_than_it_may(closing: Closing, found: list[int]):
    assert slots(closing, [mark(n) for n in range(5)]) == found


def test_only_snapshots_count_as_snapshots():
    marks = [mark(n, is_snapshot=n in (1, 3)) for n in range(5)]
    assert slots(Closing(snapshots=1), marks) == [0, 1, 2, 0, 1]


def test_without_a_place_only_what_a_group_holds_closes_it():
    closing = Closing(versions=3, events=1, age=timedelta(0), snapshots=0)
    assert slots(closing, [None] * 5) == [0, 1, 2, 0, 1]


def noise(seed: int, size: int) -> bytes:
    return canonical({"noise": Random(seed).randbytes(size).hex()})


def test_a_state_unlike_the_one_before_becomes_a_keyframe():
    group, _, _ = append(Group(), noise(1, 2_000))
    assert append(group, noise(2, 2_000))[1] == 0


def test_a_state_that_grows_much_stays_a_delta_where_a_keyframe_would_save_nothing():
    """The delta is large, and small beside what the whole would take."""
    old = Random(1).randbytes(20_000).hex()
    group, _, _ = append(Group(), canonical({"log": old}))
    grown = canonical({"log": old + Random(2).randbytes(1_000).hex()})
    assert append(group, grown)[1] == 1


def test_a_state_that_is_harder_to_compress_than_the_first_is_weighed_against_its_own_keyframe():
    """A large delta is tried as a keyframe too, and stays a delta where that is as large."""
    old = "ab" * 20_000 + Random(1).randbytes(900).hex()
    group, _, _ = append(Group(), canonical({"log": old}))
    grown = canonical({"log": old[40_000:] + Random(2).randbytes(700).hex()})
    slot, blob = append(group, grown)[1:]
    assert len(blob) > 512
    assert slot == 1


def test_a_group_closes_before_its_open_states_hold_more_than_they_may():
    states = [canonical({"text": "x" * 1_000, "number": number}) for number in range(20)]
    closing = Closing(held_bytes=4_000)
    group, slots = Group(), []
    for state in states:
        group, slot, _ = append(group, state, closing)
        slots.append(slot)
        assert group.size <= 4_000
    assert slots.count(0) > 1
