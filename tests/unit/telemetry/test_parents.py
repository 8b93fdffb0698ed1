"""Whose trace a message belongs to, and that lines of the log say so."""

import asyncio
import io
from collections.abc import Iterator

import orjson
import pytest
import structlog

from stratoscope.telemetry.logs import configure_logs
from stratoscope.telemetry.parents import Parent, about, arrived, current, parent_in, parent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"
UNREADABLE = [
    None,
    "",
    "00",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{SPAN}-01\n",
    f" {TRACEPARENT}",
]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    import logging

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    stream = io.StringIO()
    configure_logs("navigator", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def said(log: io.StringIO) -> dict[str, str | None]:
    lines = [orjson.loads(line) for line in log.getvalue().splitlines()]
    return {line["event"]: line.get("trace_id") for line in lines}


def test_a_traceparent_names_a_span_and_whether_it_is_sampled() -> None:
    assert parent_of(TRACEPARENT) == Parent(TRACE, SPAN, True)
    assert parent_of(f"00-{TRACE}-{SPAN}-00") == Parent(TRACE, SPAN, False)


def test_a_version_to_come_may_say_more() -> None:
    assert parent_of(f"01-{TRACE}-{SPAN}-03-more") == Parent(TRACE, SPAN, True)


@pytest.mark.parametrize("traceparent", UNREADABLE)
def test_what_is_no_traceparent_names_nothing_and_breaks_nothing(traceparent: str | None) -> None:
    assert parent_of(traceparent) is None


def test_a_message_without_headers_belongs_to_no_trace() -> None:
    assert parent_in(None) is None
    assert parent_in({}) is None
    assert parent_in({"traceparent": TRACEPARENT}) == Parent(TRACE, SPAN, True)


async def test_lines_of_a_request_and_of_its_tasks_carry_its_trace_and_others_do_not(
    log: io.StringIO,
) -> None:
    logger = structlog.get_logger("somewhere")

    async def later(name: str) -> None:
        await asyncio.sleep(0)
        logger.info(name)

    async def answer(name: str, headers: dict[str, str]) -> None:
        arrived(headers)
        await asyncio.gather(later(name), asyncio.create_task(later(f"a task of {name}")))

    await asyncio.gather(
        answer("traced", {"traceparent": TRACEPARENT}), answer("not traced", {}), later("neither")
    )
    assert said(log) == {
        "traced": TRACE,
        "a task of traced": TRACE,
        "not traced": None,
        "a task of not traced": None,
        "neither": None,
    }


def test_a_request_without_a_trace_does_not_inherit_the_one_before(log: io.StringIO) -> None:
    arrived({"traceparent": TRACEPARENT})
    assert current() == Parent(TRACE, SPAN, True)
    arrived(None)
    assert current() is None
    structlog.get_logger("somewhere").info("next")
    assert said(log) == {"next": None}


def test_lines_about_a_message_carry_its_trace_and_those_behind_do_not(log: io.StringIO) -> None:
    logger = structlog.get_logger("somewhere")
    with about({"traceparent": TRACEPARENT}):
        logger.info("about it")
    with about(None):
        logger.info("about another")
    logger.info("behind")
    assert said(log) == {"about it": TRACE, "about another": None, "behind": None}
