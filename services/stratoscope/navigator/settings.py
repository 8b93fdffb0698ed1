"""What a navigator is told by its environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from stratoscope.broker.login import Access
from stratoscope.navigator.reply_guard import extra_prefixes
from stratoscope.store.quotas import SpaceQuota
from stratoscope.telemetry.settings import LogLevel, Span


def _checked_prefixes(named: str | None) -> str | None:
    extra_prefixes(named, "")
    return named


class OperatorQuota(BaseModel):
    """How much the operators of each space may keep."""

    breakpoints: int | None = Field(None, ge=0, description="Breakpoints of a space.")
    # In memory they take some twenty times as much, in every navigator.
    breakpoint_bytes: int = Field(
        8 << 20,
        ge=0,
        description="Bytes of the texts of a space's breakpoints, and 256 for each of them.",
    )
    sessions: int = Field(10_000, ge=0, description="Sessions of a space, in whatever state.")
    session_bytes: int = Field(
        1 << 30, ge=0, description="Bytes of the values and notes that a space's sessions keep."
    )

    @property
    def of_spaces(self) -> SpaceQuota:
        """The limits."""
        return SpaceQuota(
            self.breakpoints, self.breakpoint_bytes, self.sessions, self.session_bytes
        )


class HitRetention(BaseModel):
    """How long hits, sessions and audits are kept once they are over."""

    # Over an hour, since what is younger may be found again: see `store.pruning`.
    max_hit_age: Span = Field(
        "7d",
        validate_default=True,
        ge=timedelta(hours=1),
        le=timedelta(days=36_500),
        description="How long a published hit stays in the database: seconds, or 90m, 12h, 30d.",
    )
    max_session_age: Span = Field(
        "30d",
        validate_default=True,
        ge=timedelta(0),
        le=timedelta(days=36_500),
        description="How long a session stays once it has outlived its time.",
    )
    max_audit_age: Span | None = Field(
        None,
        ge=timedelta(days=1),
        le=timedelta(days=36_500),
        description="How long an entry of the audit stays; unset keeps all.",
    )
    cleanup_interval: float = Field(
        300.0, gt=0, description="Seconds between two runs of what drops the rest."
    )


class NavigatorSettings(Access, BaseSettings):
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
    navigator_pool: int = Field(16, ge=1, description="Database sessions that requests share.")
    navigator_workers: int = Field(
        256,
        ge=1,
        description="Requests at a time, those that wait for the projection included;"
        " one space may have three quarters of them.",
    )
    navigator_client_requests: int = Field(
        64, ge=1, description="Requests at a time of one client."
    )
    navigator_request_seconds: float = Field(
        30.0, gt=0, description="After this long a request that waits for the database is given up."
    )
    navigator_expression_workers: int = Field(
        3, ge=1, description="Processes at most in which expressions are evaluated."
    )
    navigator_comparison_workers: int = Field(
        3, ge=1, description="Processes at most in which long comparisons are made."
    )
    quota: OperatorQuota = Field(OperatorQuota(), description="What each space may have.")
    retention: HitRetention = Field(HitRetention(), description="What is kept.")
    max_hold: float = Field(
        600.0, gt=0, description="Seconds after which a live agent is held no longer."
    )
    navigator_reply_prefixes: Annotated[str | None, AfterValidator(_checked_prefixes)] = Field(
        None,
        description="Reply subjects that are accepted besides the roles' inboxes, by their"
        " beginnings, parted by commas; {space} stands for the request's space.",
    )
    navigator_import_folder: Path | None = Field(
        None,
        description="The folder in which an import lies while it is read; by default that of"
        " temporary files. Two imports lie there at a time.",
    )
    # nats-server reserves these for each bucket against its `max_file_store`.
    navigator_exports_bytes: int = Field(
        2 << 30,
        ge=1 << 20,
        description="Bytes that the exports of a space may take in the broker, uploads included.",
    )
    navigator_spill_bytes: int = Field(
        256 << 20,
        ge=1 << 20,
        description="Bytes that the replies of a space too large for a message may take there.",
    )
    navigator_import_bytes: int = Field(
        1 << 30, ge=1, description="An import may have so many bytes at most, unpacked."
    )
