"""Whether the servers that hold a stream are enough to store a message."""

from __future__ import annotations

from typing import Final

from nats.js.api import PeerInfo, StreamInfo

# The leader hears of a follower every second. One that it has not heard of for longer is away.
_AWAY_NANOSECONDS: Final = 5 * 10**9


def copies_in_reach(info: StreamInfo) -> tuple[int, int]:
    """How many copies the leader of a stream reaches, its own included, and how many there are.

    A leader that has lost its followers goes on describing the stream, as it was. Once it steps
    down, its server describes a stream without a leader, and itself among the copies.
    """
    replicas = (info.cluster.replicas if info.cluster is not None else None) or []
    if not replicas or info.cluster is None:
        return 1, 1
    if not info.cluster.leader:
        return 0, len(replicas)
    return 1 + sum(map(_is_reached, replicas)), 1 + len(replicas)


def _is_reached(follower: PeerInfo) -> bool:
    active = follower.active or 0
    # One that the leader never heard of has been active for no time, and is not current.
    is_known = bool(follower.current) or active > 0
    return is_known and not follower.offline and active < _AWAY_NANOSECONDS


def has_quorum(info: StreamInfo) -> bool:
    """Whether a majority of the copies is in reach: else nothing can be recorded."""
    reached, copies = copies_in_reach(info)
    return 2 * reached > copies
