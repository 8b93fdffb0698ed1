"""Conditions on the first times of the calendar are asked of the past like all others."""

import pytest

from support.recorded import event


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00-23:59"])
async def test_the_first_time_of_all_is_reached_by_the_first_record(ask, time: str):
    await ask.recorded.add("a", event(), event())
    condition = {"kind": "at_time", "time": time}
    made = await ask("breakpoint.create", agent="a", condition=condition, past=5)
    assert [hit["position"]["event_index"] for hit in made["past_hits"]] == [0]
