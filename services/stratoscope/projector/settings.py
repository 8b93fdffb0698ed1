"""What a projector is told by its environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProjectorSettings(BaseSettings):
    """`STRATO_…` variables, read once at the start."""

    model_config = SettingsConfigDict(env_prefix="STRATO_", env_nested_delimiter="__")

    nats_url: str = Field("nats://127.0.0.1:4222", description="The broker.")
    postgres_dsn: str = Field(
        "postgresql://postgres@127.0.0.1:5432/postgres", description="The database."
    )
    http_host: str = Field("127.0.0.1", description="Where health and metrics are served.")
    http_port: int = Field(0, ge=0, le=65535, description="Their port; 0 takes a free one.")
    log_level: str = Field("info", description="debug, info, warning or error.")
    lease_seconds: float = Field(10.0, gt=0.5, description="How long a lease on partitions lasts.")
    state_cache_bytes: int = Field(
        256 << 20, ge=0, description="Memory for the newest states, so that deltas need no reads."
    )
    field_index: bool = Field(
        True, description="Keep which fields each state changes, for history and last write."
    )
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of a stream that is made.")
    stream_max_bytes: int = Field(-1, ge=-1, description="Size of the log; -1 has no limit.")
    stream_max_age: float | None = Field(None, gt=0, description="Seconds that the log keeps.")
