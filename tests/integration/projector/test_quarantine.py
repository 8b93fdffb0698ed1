"""What Postgres refuses although intake took it: one message is lost to it, not the projector."""

import orjson

from support.eventually import eventually


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
