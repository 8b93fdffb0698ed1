"""An outage is a line where it begins and one where it ends; what went silent is counted."""

import structlog
from structlog.testing import capture_logs

from stratoscope.telemetry.outage import Outage
from stratoscope.telemetry.pulse import Pulse


def test_an_outage_is_one_line_for_each_kind_of_error_and_one_for_its_end():
    clock = [0.0]
    with capture_logs() as lines:
        outage = Outage(structlog.get_logger(), "can't look", lambda: clock[0])
        outage.end()
        for _ in range(3):
            for _ in range(100):
                outage.fail(ConnectionRefusedError("refused"))
                outage.fail(TimeoutError())
            clock[0] += 2
        outage.end()
        outage.end()
        outage.fail(TimeoutError())
    assert [(one["log_level"], one["event"], one.get("error")) for one in lines] == [
        ("warning", "can't look", "ConnectionRefusedError: refused"),
        ("warning", "can't look", "TimeoutError"),
        ("info", "over: can't look", None),
        ("warning", "can't look", "TimeoutError"),
    ]
    assert lines[2]["seconds"] == 6


def test_a_part_is_silent_once_it_has_not_answered_for_too_long():
    clock = [0.0]
    pulse = Pulse(10, lambda: clock[0])
    clock[0] = 10
    assert not pulse.is_silent
    clock[0] = 11
    assert (pulse.seconds, pulse.is_silent) == (11, True)
    pulse.beat()
    assert (pulse.seconds, pulse.is_silent) == (0, False)
