"""What a projector is told by its environment."""

from datetime import timedelta

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from stratoscope.broker.login import Access
from stratoscope.domain.delta import Closing
from stratoscope.domain.retention import Keeping
from stratoscope.projector.quotas import Quota
from stratoscope.telemetry.settings import LogLevel, Span


class RetentionSettings(BaseModel):
    """How much of each agent is kept; by default all."""

    max_events_per_agent: int | None = Field(None, ge=1, description="Events kept of an agent.")
    max_snapshots_per_agent: int | None = Field(
        None, ge=1, description="Snapshots kept of an agent."
    )
    max_age: Span | None = Field(
        None, gt=timedelta(0), description="How long a record is kept: seconds, or 90m, 12h, 30d."
    )
    max_dead_letter_age: Span = Field(
        "30d",
        validate_default=True,
        ge=timedelta(days=1),
        le=timedelta(days=36_500),
        description="How long headers and body of a dead letter stay in the database.",
    )
    cleanup_interval: float = Field(
        300.0, gt=0, description="Seconds between two runs of what drops the rest."
    )

    @property
    def keeping(self) -> Keeping:
        """The limits."""
        return Keeping(self.max_events_per_agent, self.max_snapshots_per_agent, self.max_age)


class QuotaSettings(BaseModel):
    """How much each space may have; by default there is no limit."""

    agents: int | None = Field(None, ge=1, description="Agents of a space.")
    bytes: int | None = Field(None, ge=1, description="Bytes of a space's states, as stored.")

    @property
    def of_spaces(self) -> Quota:
        """The limits."""
        return Quota(self.agents, self.bytes)


class ProjectorSettings(Access, BaseSettings):
    """`STRATO_…` variables, read once at the start."""

    model_config = SettingsConfigDict(env_prefix="STRATO_", env_nested_delimiter="__")

    nats_url: str = Field("nats://127.0.0.1:4222", description="The broker.")
    postgres_dsn: str = Field(
        "postgresql://postgres@127.0.0.1:5432/postgres", description="The database."
    )
    postgres_deadline_seconds: float = Field(
        15.0,
        ge=0.5,
        description="After so long without an answer to a statement, its session is closed.",
    )
    http_host: str = Field("127.0.0.1", description="Where health and metrics are served.")
    http_port: int = Field(0, ge=0, le=65535, description="Their port; 0 takes a free one.")
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")
    otlp_endpoint: str | None = Field(
        None, description="Where traces are sent, as http://collector:4318."
    )
    lease_seconds: float = Field(10.0, gt=0.5, description="How long a lease on partitions lasts.")
    stall_seconds: float = Field(
        20.0, gt=0, description="After so long without a commit, where records wait, not ready."
    )
    state_cache_bytes: int = Field(
        128 << 20, ge=0, description="Memory for the newest states, so that deltas need no reads."
    )
    field_index: bool = Field(
        True, description="Keep which fields each state changes, for history and last write."
    )
    quota: QuotaSettings = Field(QuotaSettings(), description="What each space may have.")
    retention: RetentionSettings = Field(RetentionSettings(), description="What is kept.")
    diff_threshold: float = Field(
        0.5,
        gt=0,
        description="A state is kept whole where its delta would be larger than this share of it.",
    )
    compression: int = Field(
        3, ge=-7, le=19, description="zstd's level: -7 is the fastest, 19 the smallest."
    )
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of a stream that is made.")
    stream_max_bytes: int = Field(-1, ge=-1, description="Size of the log; -1 has no limit.")
    stream_max_age: float | None = Field(None, gt=0, description="Seconds that the log keeps.")

    @property
    def closing(self) -> Closing:
        """When a group of state versions ends."""
        return self.retention.keeping.closing(self.diff_threshold, self.compression)
