"""What retention drops is told in the audit, once an agent and cleanup."""

from stratoscope.domain.retention import Keeping
from stratoscope.projector.metrics import Metrics
from stratoscope.projector.retention import Cleaner
from stratoscope.store.audit import Audit, Filter
from stratoscope.store.leases import Held
from support.recorded import after, event, recorded_in

KEEPING = Keeping(events=10)


async def test_each_agent_that_is_cut_has_an_entry_that_says_where(postgres_dsn: str) -> None:
    async with recorded_in(postgres_dsn) as recorded:
        recorded.closing = KEEPING.closing(0.5, 3)
        for agent, count in (("long", 40), ("longer", 50), ("short", 5)):
            await recorded.add(agent, *(event() for _ in range(count)))
        rows = await recorded.pool.fetch(
            "select partition, epoch, stream_seq, probe_seq, probe_digest from partition"
        )
        held = [Held(*row) for row in rows]
        cleaner = Cleaner(recorded.pool, lambda: held, KEEPING, Metrics(), grace=0)
        for _ in range(2):
            await cleaner.clean(after(100))
        first = dict(await recorded.pool.fetch("select name, first_position from agent"))
        async with recorded.pool.acquire() as session:
            entries = await Audit(session).page(Filter(action="retention"), 10)
            newest = await Audit(session).page(Filter(before=entries[0].audit_id), 10)
        assert {(one.who, one.agent, one.details["events_before"]) for one in entries} == {
            ("projector", "long", first["long"]),
            ("projector", "longer", first["longer"]),
        }
        assert [one.audit_id for one in newest] == [entries[1].audit_id]
