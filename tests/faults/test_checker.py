"""The checker's naive fold and the product agree on what no record can be made of."""

import nats

from support.eventually import eventually
from support.faults import MALFORMED
from support.projecting import Projecting
from support.projection import assert_equals_log


async def test_malformed_messages_are_judged_alike(projectors: Projecting):
    """Each to an agent of its own, whose state it taints, or does not."""
    await projectors.start()
    client = await nats.connect(projectors.nats_url)
    try:
        for number, (kind, body) in enumerate(MALFORMED):
            subject = f"strato.default.rec.malformed-{number}.{kind}"
            ack = await client.jetstream().publish(subject, body)
        await eventually(lambda: projectors.passed(ack.seq))
        projected = await assert_equals_log(projectors.nats_url, projectors.dsn)
    finally:
        await client.close()
    tainted = {agent for (_, agent), line in projected.timelines.items() if line.taints}
    untouched = [
        body for number, (_, body) in enumerate(MALFORMED) if f"malformed-{number}" not in tainted
    ]
    assert untouched == [
        b'{"type": 7}',
        b'{"data": {}}',
        b'{"records": [{"kind": "event", "data": {}}]}',
        b'{"records": [{"kind": "event", "type": "x"}, {"kind": "event"}]}',
        b'{"records": []}',
        b"{}",
    ]
