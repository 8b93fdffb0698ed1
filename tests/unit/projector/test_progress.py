"""A projector is stuck where records wait and nothing is committed, and only there."""

from stratoscope.projector.progress import ProgressWatch
from stratoscope.store.leases import Held


def held(stream_seq: int) -> tuple[Held, ...]:
    return Held(0, 1, stream_seq, 0, None), Held(1, 1, stream_seq + 5, 0, None)


def test_without_records_it_is_never_stuck():
    clock = [0.0]
    watch = ProgressWatch(60, lambda: clock[0])
    for _ in range(10):
        watch.look(7, held(7))
        clock[0] += 100
        assert (watch.seconds, watch.is_stuck) == (0, False)


def test_records_that_wait_are_progress_with_each_commit_and_else_none():
    clock = [0.0]
    watch = ProgressWatch(60, lambda: clock[0])
    for reached in range(5):
        watch.look(100, held(reached))
        clock[0] += 50
        assert not watch.is_stuck
    watch.look(200, held(4))
    clock[0] += 11
    assert (watch.seconds, watch.is_stuck) == (61, True)
    assert watch.describe().startswith("no commit for 61 s: messages 5 to 200 wait.")
    watch.look(200, held(4))
    assert watch.is_stuck
    watch.look(200, held(5))
    assert not watch.is_stuck


def test_a_projector_that_holds_nothing_waits_for_nothing():
    clock = [0.0]
    watch = ProgressWatch(60, lambda: clock[0])
    watch.look(100, ())
    watch.look_at_others(100, (), 4)
    clock[0] += 100
    watch.look(100, ())
    assert not watch.is_stuck


def test_a_projector_that_begins_again_and_again_is_stuck():
    clock = [0.0]
    watch = ProgressWatch(60, lambda: clock[0])
    for _ in range(3):
        watch.look(100, held(4))
        clock[0] += 30
        watch.look(100, ())
        watch.look_at_others(100, (), 4)
    assert watch.is_stuck


def test_what_others_commit_is_progress_for_one_that_holds_nothing():
    clock = [0.0]
    watch = ProgressWatch(60, lambda: clock[0])
    watch.look(100, held(4))
    clock[0] += 70
    watch.look(100, ())
    watch.look_at_others(100, (), 50)
    assert not watch.is_stuck
    watch.look_at_others(100, (), 100)
    assert watch.seconds == 0
