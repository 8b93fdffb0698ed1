"""A breakpoint as far as judging records goes, and what a record shows at a glance."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from stratoscope.domain.conditions.watch import Watch
from stratoscope.domain.paths import Segments
from stratoscope.domain.timeline import Place
from stratoscope_contracts.breakpoints import HitRule, Trigger

HIT_NAMESPACE = UUID("b4f7a0c2-3c53-5d0e-9a61-0f6f1a2f7e55")


@dataclass(frozen=True, slots=True, eq=False)
class Armed:
    """A breakpoint that is watched for.

    It sees what stands behind the message `armed_seq`, recorded up to `ends_at`.
    """

    id: UUID
    watch: Watch
    armed_seq: int
    trigger: Trigger = "edge"
    rule: HitRule | None = None
    ends_at: datetime | None = None
    # Its message does.
    tells_depth: bool = False

    @property
    def asks_depth(self) -> bool:
        """Whether it looks at how deep events stand."""
        return self.tells_depth or "depth" in self.watch.needs

    def sees(self, record: "Record") -> bool:
        """Whether a record is one of those that it is armed for."""
        return record.place.stream_seq > self.armed_seq and (
            self.ends_at is None or record.recorded_at <= self.ends_at
        )


@dataclass(slots=True)
class Record:
    """A record as it stands in its agent's timeline.

    `version` is the state in force after it, `version_before` the one before; -1 is the empty one.
    `clock_before` is None where it is the agent's first. `changed` are the paths that it changed,
    None where nobody knows which.
    """

    place: Place
    event_index: int
    clock: datetime
    clock_before: datetime | None
    recorded_at: datetime
    version: int
    version_before: int
    is_event: bool
    type: str | None = None
    depth: int | None = None
    changed: tuple[Segments, ...] | None = ()

    @property
    def sets_state(self) -> bool:
        """Whether it is a snapshot or has a patch."""
        return self.version != self.version_before


def hit_id(breakpoint_id: UUID, place: Place) -> UUID:
    """What a hit is called: the same however often it is found."""
    return uuid5(HIT_NAMESPACE, f"{breakpoint_id}:{place.stream_seq}:{place.ordinal}")
