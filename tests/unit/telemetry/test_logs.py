"""What a service writes about itself."""

import io
import logging
import sys
from collections.abc import Iterator

import orjson
import pytest
import structlog

from stratoscope.telemetry.logs import configure_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # Taken off first: configuring closes the handlers that it finds, and these are pytest's.
    root.handlers = []
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_an_event_is_one_line_of_json_where_nobody_looks_on() -> None:
    stream = io.StringIO()
    configure_logs("projector", stream=stream)
    structlog.get_logger("somewhere").info("took in a batch", records=3)
    line = orjson.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "took in a batch",
        "records": 3,
        "level": "info",
        "logger": "somewhere",
        "service": "projector",
    }


def test_a_trace_stays_on_the_line_of_its_event() -> None:
    stream = io.StringIO()
    configure_logs("projector", stream=stream)
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        structlog.get_logger("somewhere").exception("failed")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert "ValueError: first\nsecond" in orjson.loads(lines[0])["exception"]


def test_a_library_that_logs_in_the_standard_way_looks_the_same() -> None:
    stream = io.StringIO()
    configure_logs("navigator", stream=stream)
    logging.getLogger("library").warning("slow: %d ms", 12)
    line = orjson.loads(stream.getvalue())
    assert (line["event"], line["service"]) == ("slow: 12 ms", "navigator")


def test_a_library_with_a_handler_of_its_own_looks_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = io.StringIO()
    logger = logging.getLogger("library.with.colours")
    logger.addHandler(logging.StreamHandler(sys.stdout))
    logger.propagate = False
    configure_logs("navigator", stream=stream)
    logger.warning("in colours")
    assert orjson.loads(stream.getvalue())["event"] == "in colours"
    assert capsys.readouterr().out == ""


def test_below_the_level_nothing_is_written() -> None:
    stream = io.StringIO()
    configure_logs("navigator", level="warning", stream=stream)
    structlog.get_logger("somewhere").info("chatter")
    logging.getLogger("library").info("chatter")
    assert stream.getvalue() == ""


def test_a_person_at_a_terminal_is_not_given_json() -> None:
    stream = Terminal()
    configure_logs("navigator", stream=stream)
    structlog.get_logger("somewhere").info("hello")
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
