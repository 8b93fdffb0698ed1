"""The verbs that set two states side by side."""

from typing import Annotated, Literal

from pydantic import Field

from stratoscope_contracts.envelopes import ChoiceModel, ListReply, ListRequest, Reply, Request
from stratoscope_contracts.looking import RangeRequest
from stratoscope_contracts.views import At, Change, Position
from stratoscope_contracts.words import AgentName, Count, JsonObject, Path

RenderFormat = Literal["unified", "side_by_side", "json", "html", "json_patch"]
JsonType = Literal["null", "boolean", "number", "string", "array", "object"]
Score = Annotated[float, Field(ge=0, le=1)]


class CompareOptions(ChoiceModel):
    """What counts as a difference; the default is every value at its place."""

    include_paths: tuple[Path, ...] | None = Field(default=None, strict=False)
    exclude_paths: tuple[Path, ...] | None = Field(default=None, strict=False)
    max_depth: Annotated[int, Field(ge=1)] | None = None
    ignore_threshold: Annotated[float, Field(ge=0)] | None = None
    types: tuple[JsonType, ...] | None = Field(default=None, strict=False)
    ignore_order: bool = False
    significant_digits: Annotated[int, Field(ge=0)] | None = None


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
    """The same, to be shown."""

    format: RenderFormat


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


class ComparePatternsRequest(RangeRequest):
    """What changes often, and when something unusual did."""

    options: CompareOptions | None = None


class Anomaly(Reply):
    """A comparison that stands out from its neighbours."""

    position: Position
    reason: str
    details: JsonObject = Field(default_factory=dict)


class ComparePatternsReply(Reply):
    """Patterns over the comparisons of a stretch, one entry a comparison in each trend."""

    volatile_fields: list[tuple[Path, Count]]
    category_trends: dict[str, list[Count]]
    similarity_trend: list[Score]
    change_frequency: dict[str, float]
    anomalies: list[Anomaly]


class CompareDivergenceRequest(Request):
    """Where two agents part."""

    agent: AgentName
    to_agent: AgentName
    options: CompareOptions | None = None


class CompareDivergenceReply(Reply):
    """The first pair of positions that differ; `positions` is null where they never do."""

    positions: tuple[Position, Position] | None
    changes: list[Change]
