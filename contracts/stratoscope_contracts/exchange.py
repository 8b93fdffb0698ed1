"""What an export holds: a session and its agent's timeline, to be taken elsewhere.

All three formats hold the same members in the same order: `head`, `session`, `breakpoints`,
`history`, `data`, `marks`, `records`, `end`. In `json` they are one document, `ExportDocument`; in
`binary` and `archive` they come one by one, as `docs/exchange.md` describes.

A place names a record by where it stood in the log that it was exported from. Where that has no
record any more it means the last one before it.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from stratoscope_contracts.breakpoints import Breakpoint
from stratoscope_contracts.envelopes import RecordModel, ValueModel
from stratoscope_contracts.records import BatchEvent, BatchSnapshot
from stratoscope_contracts.sessions import SessionConfig, SessionState
from stratoscope_contracts.views import Horizon
from stratoscope_contracts.words import (
    AgentName,
    Count,
    Description,
    EventIndex,
    Id,
    Key,
    Name,
    Note,
    Space,
    StreamSeq,
    Tags,
    Time,
)

EXPORT_VERSION: Final = 1
# Under this key an imported record's metadata says where it comes from.
ORIGIN_KEY: Final = "strato.import"

Member = Literal["head", "session", "breakpoints", "history", "data", "marks", "records", "end"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ExportHead(ValueModel):
    """What follows, and of whom.

    `horizon` is where the timeline begins since retention dropped its beginning: its first record
    is then the state there, a snapshot marked `base`.
    """

    stratoscope_export: Literal[1]
    written_by: str
    exported_at: Time
    space: Space
    agent: AgentName
    events: Count
    snapshots: Count
    first_event_index: Count = 0
    horizon: Horizon | None = None


class ExportPlace(ValueModel):
    """Where somebody stood: after a record, at a time of their own; null before the first."""

    event_index: EventIndex
    stream_seq: StreamSeq | None = None
    ordinal: Count | None = None
    clock: Time | None = None


class ExportSession(ValueModel):
    """The session; `current` is where it stands in its navigation history."""

    id: Id
    state: SessionState
    created_at: Time
    name: Name | None = None
    description: Description | None = None
    tags: Tags = Field(default_factory=list)
    config: SessionConfig = SessionConfig()
    position: ExportPlace
    current: Annotated[int, Field(ge=-1)] = -1


class ExportValue(ValueModel):
    """A value of the operator's own."""

    key: Key
    value: Any


class ExportMark(ValueModel):
    """A position with a name."""

    name: Key
    note: Note | None = None
    created_at: Time
    position: ExportPlace


class ExportEvent(BatchEvent):
    """An event with the place and the time that it was recorded at."""

    id: Id
    occurred_at: Time
    event_index: Count
    stream_seq: StreamSeq
    ordinal: Count
    recorded_at: Time
    traceparent: str | None = None


class ExportSnapshot(BatchSnapshot):
    """A snapshot; `base` marks a state that was not recorded as one, and so has no id."""

    occurred_at: Time
    event_index: EventIndex
    stream_seq: StreamSeq
    ordinal: Count
    recorded_at: Time
    traceparent: str | None = None
    base: bool = False


ExportRecord = Annotated[ExportEvent | ExportSnapshot, Field(discriminator="kind")]


class ExportEnd(ValueModel):
    """What was written: an export without it was cut. The base is not counted."""

    events: Count
    snapshots: Count


class ExportFile(ValueModel):
    """A file of an archive."""

    name: str
    size: Count
    sha256: Digest


class ExportManifest(ValueModel):
    """The last file of an archive: those before it, in their order."""

    stratoscope_export: Literal[1]
    files: list[ExportFile]


class ExportDocument(RecordModel):
    """A whole export as one JSON document, its members in this order."""

    head: ExportHead
    session: ExportSession
    breakpoints: list[Breakpoint] = Field(default_factory=list)
    history: list[ExportPlace] = Field(default_factory=list)
    data: list[ExportValue] = Field(default_factory=list)
    marks: list[ExportMark] = Field(default_factory=list)
    records: list[ExportRecord] = Field(default_factory=list)
    end: ExportEnd
