"""One line an event on stderr: JSON for machines, colours where a person looks on."""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger


def configure_logs(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send all logging of this process, the libraries' own included, to `stream` (stderr)."""
    stream = stream or sys.stderr
    shared = _shared_processors(service)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(stream),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    _adopt()


def _adopt() -> None:
    """Have libraries that write lines of their own, in colours and to stdout, write as we do."""
    for logger in [*logging.root.manager.loggerDict.values()]:
        if isinstance(logger, logging.Logger) and logger.handlers:
            logger.handlers.clear()
            logger.propagate = True


def _shared_processors(service: str) -> list[Processor]:
    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]


def _renderers(stream: TextIO) -> list[Processor]:
    # A trace becomes one string of the object, so that an event stays one line. It shows no local
    # variables, as the console renderer's own would: they hold what agents recorded.
    trace = structlog.processors.format_exc_info
    if stream.isatty():
        plain = structlog.dev.plain_traceback
        return [trace, _printable, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [trace, _as_json]


def _printable(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Spell out what a terminal would obey, and line breaks outside of traces."""
    return {_escape(str(key)): _printable_value(key, value) for key, value in event.items()}


def _printable_value(key: str, value: Any) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    text = str(value)
    if key == "exception":
        return "\n".join(map(_escape, text.split("\n")))
    return _escape(text)


def _escape(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # A lone surrogate, an integer beyond 64 bits, a container within itself: told as text.
        return orjson.dumps({_utf8(key): _json_value(one) for key, one in event.items()}).decode()


def _json_value(value: Any) -> Any:
    if isinstance(value, bool | float | None):
        return value
    return _utf8(value)


def _utf8(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()
