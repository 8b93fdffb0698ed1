"""Walking through stored versions one by one, damaged ones among them."""

import pytest

from stratoscope.domain import delta
from stratoscope.domain.canonical import digest


def stored(count: int) -> tuple[list[bytes], list[delta.Frame]]:
    """Documents, and the frames that they are stored as."""
    raws = [b'{"n":%d,"text":"%s"}' % (number, b"x" * 100) for number in range(count)]
    group, frames = delta.Group(), []
    for raw in raws:
        group, slot, blob = delta.append(group, raw)
        frames.append(delta.Frame(slot, len(raw), digest(raw), blob))
    return raws, frames


def test_each_version_is_rebuilt_from_at_most_nine_documents_in_memory():
    raws, frames = stored(600)
    group = delta.Group()
    for raw, frame in zip(raws, frames, strict=True):
        group = delta.follow(group, frame)
        assert group.newest == raw
        assert group.slots == delta.chain(frame.slot)


@pytest.mark.parametrize("damaged", range(32))
def test_only_what_builds_on_a_damaged_version_is_lost_with_it(damaged: int):
    _, frames = stored(32)
    frames[damaged] = delta.Frame(damaged, frames[damaged].size, b"another", frames[damaged].blob)
    group, lost = delta.Group(), set()
    for slot, frame in enumerate(frames):
        try:
            group = delta.follow(group, frame)
        except delta.DamagedChain:
            lost.add(slot)
    assert lost == {slot for slot in range(32) if damaged in delta.chain(slot)}
