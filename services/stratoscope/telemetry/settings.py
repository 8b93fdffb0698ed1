"""Settings that don't fit end a service with a line that names the variable and what it takes."""

import re
import sys
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

import structlog
from pydantic import BeforeValidator, ValidationError
from pydantic_settings import BaseSettings

from stratoscope.telemetry.logs import configure_logs

log = structlog.get_logger(__name__)

# As the commands end where they are used wrongly.
_MISUSED: Final = 2
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)")
_UNITS: Final = {
    "": "seconds",
    "s": "seconds",
    "m": "minutes",
    "h": "hours",
    "d": "days",
    "w": "weeks",
}

Settings = TypeVar("Settings", bound=BaseSettings)


def _lowered(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _span(value: Any) -> Any:
    """Seconds, or a number with s, m, h, d or w behind it."""
    if not isinstance(value, str):
        return value
    found = _SPAN.fullmatch(value.strip())
    if found is None:
        raise ValueError("a number of seconds, or a number with s, m, h, d or w behind it")
    try:
        return timedelta(**{_UNITS[found[2]]: float(found[1])})
    except OverflowError:
        raise ValueError("fewer: nothing is kept for so long") from None


Span = Annotated[timedelta, BeforeValidator(_span)]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lowered)]


def read_settings(kind: type[Settings], service: str) -> Settings:
    """What the environment says; the process ends where it can't be read."""
    try:
        return kind()
    except ValidationError as error:
        configure_logs(service)
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            name = "__".join(map(str, problem["loc"]))
            variable = f"{kind.model_config.get('env_prefix', '')}{name}".upper()
            field = kind.model_fields.get(str(problem["loc"][0])) if problem["loc"] else None
            meant = f" ({field.description})" if field and field.description else ""
            log.error("can't start", error=f"{variable}: {problem['msg']}{meant}")
        sys.exit(_MISUSED)
