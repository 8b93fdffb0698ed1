"""Whatever is recorded and whenever retention runs: what is kept reads as it was recorded."""

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import orjson
import pytest

from stratoscope.domain.retention import Keeping
from stratoscope_contracts.errors import NavigationOutOfBounds, SnapshotNotFound
from support.recorded import event, snapshot


@dataclass
class Model:
    """All that was ever recorded, plainly."""

    state: dict = field(default_factory=dict)
    # Of each record: event index, place, recorded second, state after it, id where a snapshot.
    records: list = field(default_factory=list)
    events: int = 0

    def after_event(self, index):
        """The state after an event and all that belongs to it."""
        held = [one for one in self.records if one[0] <= index]
        return held[-1][3] if held else b"{}"


def canonical(state):
    return orjson.dumps(state, option=orjson.OPT_SORT_KEYS)


def drawn_records(random, model, seq, second):
    records = []
    for _ in range(random.randint(1, 12)):
        kind = random.choice(["event", "event", "patch", "snapshot"])
        key = random.choice("abc")
        value = random.choice([random.randint(0, 99), "x" * random.randint(0, 400)])
        identity = None
        if kind == "snapshot":
            model.state = {key: value, "n": random.randint(0, 9)}
            records.append(snapshot(model.state))
            identity = records[-1]["id"]
        else:
            patch = [{"op": "add", "path": f"/{key}", "value": value}]
            records.append(event(**({"patch": patch} if kind == "patch" else {})))
            model.events += 1
            if kind == "patch":
                model.state = {**model.state, key: value}
        raw = canonical(model.state)
        model.records.append((model.events - 1, seq, second, raw, identity))
    return records


KEEPINGS = [
    Keeping(events=20),
    Keeping(events=100),
    Keeping(snapshots=5),
    Keeping(snapshots=30),
    Keeping(age=timedelta(seconds=15)),
    Keeping(events=60, snapshots=25, age=timedelta(seconds=40)),
]


@pytest.mark.parametrize("keeping", KEEPINGS, ids=str)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_kept_position_reads_as_it_was_recorded(kept, keeping, seed):
    random = Random(seed)
    model = Model()
    if random.random() < 0.7:
        kept.limit(keeping)
    for second in range(60):
        records = drawn_records(random, model, kept.recorded.last_seq + 1, second)
        await kept.add("a", *records, at=second)
        if random.random() < 0.15:
            await kept.clean(keeping, at=second)
    await kept.clean(keeping, at=60)
    await check(kept, model)
    (agent,) = (await kept.ask("agents.list"))["agents"]
    assert agent["horizon"] is not None
    # As much as the limits allow; in one of them hardly less.
    limits = [(keeping.events, agent["events"]), (keeping.snapshots, agent["snapshots"])]
    assert all(there <= limit for limit, there in limits if limit)
    if keeping.age is None:
        assert any(there >= int(limit * 0.95) - 1 for limit, there in limits if limit)


async def check(kept, model):
    (agent,) = (await kept.ask("agents.list"))["agents"]
    horizon = agent["horizon"] or {"event_index": -1, "stream_seq": 0}
    first = horizon["event_index"]
    for index in range(first, model.events):
        raw = await kept.raw("a", {"event_index": index})
        assert raw == model.after_event(index), index
    for index in range(-1, first):
        with pytest.raises(NavigationOutOfBounds) as caught:
            await kept.raw("a", {"event_index": index})
        assert caught.value.details["horizon"] == horizon
    await check_snapshots(kept, model, agent)
    await check_places(kept, model, horizon)
    await check_history(kept, model)


async def check_snapshots(kept, model, agent):
    listed = (await kept.ask("snapshots.list", agent="a", limit=1000))["snapshots"]
    assert len(listed) == agent["snapshots"]
    all_of_them = {one[4]: one[3] for one in model.records if one[4]}
    assert [one["id"] for one in listed] == list(all_of_them)[len(all_of_them) - len(listed) :]
    there = {one["id"] for one in listed}
    for identity, raw in all_of_them.items():
        if identity in there:
            assert await kept.raw("a", {"snapshot_id": identity}) == raw
        else:
            with pytest.raises(SnapshotNotFound):
                await kept.raw("a", {"snapshot_id": identity})


async def check_places(kept, model, horizon):
    for seq in {one[1] for one in model.records}:
        if seq < horizon["stream_seq"]:
            with pytest.raises(NavigationOutOfBounds):
                await kept.raw("a", {"stream_seq": seq})
        else:
            expected = [one[3] for one in model.records if one[1] <= seq][-1]
            assert await kept.raw("a", {"stream_seq": seq}) == expected


async def check_history(kept, model):
    """What is told are the changes that were made, the last ones without a gap."""
    told = (await kept.ask("state.history", agent="a", path="a", limit=1000))["changes"]
    values = [orjson.loads(one[3]).get("a") for one in model.records]
    before = [None, *values]
    made = [new for old, new in zip(before, values, strict=False) if old != new]
    assert [one["change"].get("new") for one in told] == made[len(made) - len(told) :]
