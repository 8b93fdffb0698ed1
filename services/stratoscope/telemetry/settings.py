"""Settings that don't fit end a service with a line that names the variable."""

import sys
from typing import TypeVar

import structlog
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from stratoscope.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

Settings = TypeVar("Settings", bound=BaseSettings)


def read_settings(kind: type[Settings], service: str) -> Settings:
    """What the environment says; the process ends where it can't be read."""
    try:
        return kind()
    except ValidationError as error:
        configure_logs(service)
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            name = "__".join(map(str, problem["loc"]))
            variable = f"{kind.model_config.get('env_prefix', '')}{name}".upper()
            log.error("can't start", error=f"{variable}: {problem['msg']}")
        sys.exit(1)
