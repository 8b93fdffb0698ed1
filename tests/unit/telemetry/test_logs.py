"""What a service writes about itself."""

import io
import logging
import re
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


_HOSTILE = "\x1b]0;title\x07\x9b2J\r\u202e"


def test_a_terminal_is_given_nothing_that_it_obeys() -> None:
    stream = Terminal()
    configure_logs("projector", stream=stream)
    logger = structlog.get_logger("somewhere")
    logger.info("first", value=_HOSTILE, **{f"key{_HOSTILE}": [_HOSTILE]})
    logging.getLogger("library").error("second %s", f"{_HOSTILE}\nforged line")
    try:
        raise ValueError(_HOSTILE)
    except ValueError:
        logger.exception("third")
    text = stream.getvalue()
    # The renderer's own colours are all that is left.
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert all(line.isprintable() for line in plain.splitlines())
    assert not any(line.startswith("forged") for line in plain.splitlines())
    assert "\\x1b]0;title" in plain


def test_a_trace_on_a_terminal_shows_no_local_variables() -> None:
    stream = Terminal()
    configure_logs("projector", stream=stream)
    secret = "".join(["of", "-an-", "agent"])
    try:
        int("x" + secret[:0])
    except ValueError:
        structlog.get_logger("somewhere").exception("failed")
    assert "ValueError" in stream.getvalue()
    assert "of-an-agent" not in stream.getvalue()


@pytest.mark.parametrize("value", ["\udcff", 1 << 70, {"of": ["\udcff"]}])
def test_what_json_has_no_room_for_is_told_as_text(value: object) -> None:
    stream = io.StringIO()
    configure_logs("projector", stream=stream)
    structlog.get_logger("somewhere").warning("refused", value=value, count=2)
    line = orjson.loads(stream.getvalue())
    assert (line["event"], line["level"]) == ("refused", "warning")
    assert isinstance(line["value"], str)
