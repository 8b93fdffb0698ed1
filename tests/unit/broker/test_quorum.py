"""A leader without its followers describes the stream as it was: that is no answer."""

import pytest
from nats.js.api import ClusterInfo, PeerInfo, StreamConfig, StreamInfo, StreamState

from stratoscope.admin.doctor.broker import copies_check
from stratoscope.broker.quorum import copies_in_reach, has_quorum

SECOND = 10**9


def described(*followers: PeerInfo) -> StreamInfo:
    """A stream by its leader, whose followers were heard of then."""
    state = StreamState(messages=1, bytes=1, first_seq=1, last_seq=1, consumer_count=0)
    cluster = ClusterInfo(name="c", leader="n1", replicas=list(followers)) if followers else None
    config = StreamConfig(name="LOG", num_replicas=1 + len(followers))
    return StreamInfo(config=config, state=state, cluster=cluster)


def test_a_stream_without_a_leader_has_no_quorum():
    info = described(follower(0, current=False), follower(2), follower(0, current=False))
    assert info.cluster is not None
    info.cluster.leader = None
    assert copies_in_reach(info) == (0, 3)
    assert not has_quorum(info)


def follower(active: float, *, current: bool = True, offline: bool = False) -> PeerInfo:
    """One that the leader heard of so many seconds ago."""
    return PeerInfo(name="n", current=current, offline=offline, active=int(active * SECOND))


@pytest.mark.parametrize(
    ("info", "copies", "quorum", "status"),
    [
        (described(follower(0, current=False), follower(0, current=False)), (1, 3), False, "fail"),
        (described(), (1, 1), True, "ok"),
        (described(follower(0.4), follower(0.9)), (3, 3), True, "ok"),
        (described(follower(0.4), follower(60, current=False)), (2, 3), True, "warn"),
        (described(follower(7), follower(60)), (1, 3), False, "fail"),
        (described(follower(0, offline=True), follower(0, offline=True)), (1, 3), False, "fail"),
    ],
)
def test_copies_out_of_reach_are_counted(
    info: StreamInfo, copies: tuple[int, int], quorum: bool, status: str
):
    assert copies_in_reach(info) == copies
    assert has_quorum(info) is quorum
    found = copies_check(info)
    assert found.status == status
    assert ("nothing can be recorded" in found.message) is not quorum
