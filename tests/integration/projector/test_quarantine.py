"""What Postgres refuses although intake took it: one message is lost to it, not the projector."""

from pathlib import Path

import orjson

from stratoscope.broker import feed
from support.eventually import eventually

FAULTY = str(Path(__file__).parents[2] / "faults" / "faulty_projector.py")


async def test_a_message_that_the_database_refuses_is_a_dead_letter_and_the_rest_is_taken(
    publish, projectors, running
):
    # Nothing is known to get this far, so a rule is made that intake does not know.
    await projectors.fetch(
        "alter table event add constraint no_poison check (data->>'n' is distinct from '13')"
    )
    for number in range(30):
        body = {"type": "state_change", "data": {"n": number}}
        last = await publish(f"agent-{number % 3}", "event", body)
    await eventually(lambda: projectors.passed(last), within=30)
    rows = await projectors.fetch("select data->>'n' as n from event order by stream_seq")
    assert [int(row["n"]) for row in rows] == [n for n in range(30) if n != 13]
    (letter,) = await projectors.fetch("select reason, detail, body from dead_letter")
    assert letter["reason"] == "unstorable"
    assert "no_poison" in letter["detail"]
    assert orjson.loads(letter["body"])["data"] == {"n": 13}
    assert running.process.returncode is None


PLACES = ("decode", "fold", "commit", "memory")


async def test_an_error_that_no_rule_foresees_costs_its_message_and_not_the_projector(
    publish, projectors
):
    await (await projectors.start()).stop()
    guilty = {}
    for number in range(40):
        place = PLACES[number // 10]
        at_fault = number % 10 == 5
        body = {
            "type": f"fault.{place}" if at_fault else "state_change",
            "data": {"place": place if at_fault else "none"},
        }
        last = await publish(f"agent-{number % 3}", "event", body)
        if at_fault:
            guilty[last] = place
    running = await projectors.start((FAULTY,), ready=False)
    await eventually(lambda: projectors.passed(last), within=30)
    letters = await projectors.fetch("select * from dead_letter order by stream_seq")
    assert [letter["stream_seq"] for letter in letters] == list(guilty)
    assert {letter["reason"] for letter in letters} == {"unreadable"}
    for letter, error in zip(
        letters, ("LookupError", "KeyError", "AttributeError", "MemoryError"), strict=True
    ):
        number = letter["detail"].rsplit(" ", 1)[1]
        assert error in letter["detail"]
        assert f'"error_id":"{number}"' in running.log.read_text()
    (events,) = await projectors.fetch("select count(*) from event")
    assert events["count"] == 36
    assert running.process.returncode is None
    assert await running.is_ready()


async def test_a_batch_that_can_not_be_told_is_committed_once(publish, projectors):
    running = await projectors.start((FAULTY,))
    said = feed.Watched("test", ("default",))
    await publish.client.publish(feed.WATCHED, feed.encode(said))
    await publish.client.flush()
    last = await publish("a", "event", {"type": "fault.feed", "data": {"place": "feed"}})
    last = await publish("a", "event", {"type": "state_change"})
    await eventually(lambda: projectors.passed(last))
    assert len(await projectors.fetch("select from event")) == 2
    assert not await projectors.fetch("select from dead_letter")
    assert running.process.returncode is None
