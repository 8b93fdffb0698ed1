"""The verbs that set two states side by side.

The paths in options are patterns: in them `*` stands for any one segment and `**` for any number,
as in `items[*].id`; a pattern covers what it matches and all below.
"""

from typing import Annotated, Literal

from pydantic import Field

from stratoscope_contracts.envelopes import (
    ChoiceModel,
    ListReply,
    ListRequest,
    Reply,
    Request,
    ValueModel,
)
from stratoscope_contracts.looking import RangeRequest
from stratoscope_contracts.views import At, Change, Event, Horizon, Position
from stratoscope_contracts.words import (
    MAX_DIGITS,
    MAX_THRESHOLD,
    MAX_TYPES,
    AgentName,
    Count,
    Depth,
    JsonObject,
    PathFound,
    PathPatterns,
)

RenderFormat = Literal["unified", "side_by_side", "json", "html", "json_patch"]
JsonType = Literal["null", "boolean", "number", "string", "array", "object"]
TrendDirection = Literal["increasing", "decreasing", "stable", "unknown"]
AnomalyKind = Literal["size", "path"]
# a is the request's `agent`, b its `to_agent`.
DivergenceKind = Literal["extra_in_a", "extra_in_b", "different_event", "different_state"]
Score = Annotated[float, Field(ge=0, le=1)]
CategoryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]


class CompareOptions(ChoiceModel):
    """What counts as a difference; the default is every value at its place."""

    include_paths: PathPatterns | None = None
    exclude_paths: PathPatterns | None = None
    max_depth: Depth | None = None
    ignore_threshold: Annotated[float, Field(ge=0, le=MAX_THRESHOLD)] | None = None
    types: Annotated[tuple[JsonType, ...], Field(strict=False, max_length=MAX_TYPES)] | None = None
    ignore_order: bool = False
    significant_digits: Annotated[int, Field(ge=0, le=MAX_DIGITS)] | None = None
    categories: Annotated[dict[CategoryName, PathPatterns], Field(max_length=32)] | None = None


class CompareRequest(Request):
    """Two positions, of one agent or of two."""

    agent: AgentName
    from_: Annotated[At, Field(alias="from")]
    to: At
    to_agent: AgentName | None = None
    options: CompareOptions | None = None


class CompareSummary(Reply):
    """Differences, counted; `similarity_score` is 1 where there are none."""

    total_changes: Count
    additions: Count
    modifications: Count
    removals: Count
    similarity_score: Score
    change_categories: dict[str, Count] = Field(default_factory=dict)


class CompareReply(Reply):
    """What changed from one position to the other, and the positions as they were resolved."""

    from_: Annotated[Position, Field(alias="from")]
    to: Position
    changes: list[Change]
    summary: CompareSummary


class CompareRenderRequest(CompareRequest):
    """The same, to be shown; `width` is that of `side_by_side`, in columns."""

    format: RenderFormat
    width: Annotated[int, Field(ge=40, le=1000)] = 120


class CompareRenderReply(Reply):
    """Text for a person or a program."""

    text: str
    media_type: str


class CompareTimelineRequest(ListRequest):
    """Each snapshot of a stretch with the next."""

    agent: AgentName
    from_: Annotated[At | None, Field(alias="from")] = None
    to: At | None = None
    options: CompareOptions | None = None


class Comparison(Reply):
    """One snapshot and the next."""

    from_: Annotated[Position, Field(alias="from")]
    to: Position
    summary: CompareSummary


class CompareTimelineReply(ListReply):
    """A page of comparisons, oldest first."""

    comparisons: list[Comparison]
    horizon: Horizon | None = None


class ComparePatternsRequest(RangeRequest):
    """What changes often, and when something unusual did."""

    options: CompareOptions | None = None


class Trend(ValueModel):
    """Whether a series rises or falls, by the test of Mann and Kendall.

    `p_value` is how likely a series without a trend is to look like this one, `tau` from -1 (falls
    at every step) to 1 (rises at every step); both null where the direction is unknown.
    """

    direction: TrendDirection
    p_value: Score | None = None
    tau: Annotated[float, Field(ge=-1, le=1)] | None = None


class CategoryTrend(Trend):
    """Changes of a category, one entry a comparison."""

    values: list[Count]


class SimilarityTrend(Trend):
    """Similarity of each snapshot to the next, one entry a comparison."""

    values: list[Score]


class ChangeFrequency(ValueModel):
    """Changes a minute of the agent's clock; null where no time passed."""

    changes: Count
    seconds: Annotated[float, Field(ge=0)]
    per_minute: float | None = None
    by_category: dict[str, float] = Field(default_factory=dict)


class Anomaly(ValueModel):
    """A comparison that its history makes unlikely.

    `size`: far more or far less changed than usual; the score is a robust z-score. `path`: what
    hardly ever does has changed; the score is its surprise in bits, and `path` says what.
    """

    kind: AnomalyKind
    from_: Annotated[Position, Field(alias="from")]
    position: Position
    score: float
    reason: str
    path: PathFound | None = None
    details: JsonObject = Field(default_factory=dict)


class ComparePatternsReply(Reply):
    """Patterns over the comparisons of each snapshot of a stretch with the next."""

    comparisons: Count
    volatile_fields: list[tuple[PathFound, Count]]
    category_trends: dict[str, CategoryTrend]
    similarity_trend: SimilarityTrend
    change_frequency: ChangeFrequency
    anomalies: list[Anomaly]
    horizon: Horizon | None = None


class CompareDivergenceRequest(Request):
    """Where two agents part.

    Events are aligned by type and data, without ids and times, which `exact` takes in; what lies at
    `ignore_data` in their data does not count either.
    """

    agent: AgentName
    to_agent: AgentName
    options: CompareOptions | None = None
    exact: bool = False
    ignore_data: PathPatterns | None = None


class StatesPart(ValueModel):
    """The first aligned positions whose states differ."""

    positions: tuple[Position, Position]
    changes: list[Change]


class FurtherDivergence(ValueModel):
    """Where aligned events differ again: the first index in both, and how many events it takes."""

    kind: DivergenceKind
    event_indexes: tuple[Count, Count]
    events: tuple[Count, Count]


class CompareDivergenceReply(Reply):
    """The first pair of positions that differ; `positions` is null where they never do.

    `aligned` counts the pairs of events before it, `events` are those that differ, null for a side
    that has none. `states` is where states part, which may be there or later; `further` the next
    places where events differ. `complete` says whether both runs were gone through to their ends.
    """

    positions: tuple[Position, Position] | None
    changes: list[Change]
    kind: DivergenceKind | None = None
    aligned: Count = 0
    events: tuple[Event | None, Event | None] | None = None
    states: StatesPart | None = None
    further: list[FurtherDivergence] = Field(default_factory=list)
    complete: bool = True
