"""The commands against a broker, a database, a projector and a navigator."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from stratoscope.client import Navigator
from stratoscope_contracts.looking import AgentsListRequest
from support.commands import BIGGEST, Commands, Explorer


def test_agents_are_listed_by_prefix(commands: Commands, explorer: Explorer) -> None:
    (found,) = commands.json("agents", explorer.name)["agents"]
    assert (found["agent"], found["events"], found["snapshots"]) == (explorer.name, 4, 2)
    assert explorer.name in commands.text("agents", explorer.name)


def test_events_come_in_order_or_against_it(commands: Commands, explorer: Explorer) -> None:
    forward = commands.json("events", explorer.name)
    assert [event["id"] for event in forward["events"]] == explorer.ids
    backward = commands.json("events", explorer.name, "--reverse")
    assert [event["id"] for event in backward["events"]] == explorer.ids[::-1]


def test_events_are_picked_by_range_type_and_number(commands: Commands, explorer: Explorer) -> None:
    def picked(*options: str) -> list[int]:
        found = commands.json("events", explorer.name, *options)
        return [event["event_index"] for event in found["events"]]

    assert picked("--from", "0", "--to", f"event:{explorer.ids[2]}") == [1, 2]
    assert picked("--type", "decision_made", "--type", "error_occurred") == [1, 3]
    assert picked("--limit", "2") == [0, 1]
    assert picked("--from", "-1", "--all") == [0, 1, 2, 3]


def test_a_page_that_is_not_the_last_says_so(commands: Commands, explorer: Explorer) -> None:
    assert "there are more" in commands.text("events", explorer.name, "--limit", "2")
    assert "there are more" not in commands.text("events", explorer.name)


def test_a_state_is_the_same_canonical_json(commands: Commands, explorer: Explorer) -> None:
    done = commands.run("state", explorer.name, "--at", "1", "-o", "json")
    assert f'"state":{{"at":1.5,"big":{BIGGEST},"health":100}}' in done.stdout
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("at", "expected"),
    [("-1", 0), ("0", 0), ("1", 1.5), ("latest", 1.5)],
)
def test_any_moment_can_be_stood_at(
    commands: Commands, explorer: Explorer, at: str, expected: float
) -> None:
    assert commands.json("state", explorer.name, "--at", at, "--path", "at")["state"] == expected


def test_a_state_is_shown_with_where_it_stands(commands: Commands, explorer: Explorer) -> None:
    shown = commands.text("state", explorer.name, "--at", "2", "--path", "inventory")
    assert "after event 2" in shown
    assert '"key"' in shown


def test_a_difference_is_told_both_ways(commands: Commands, explorer: Explorer) -> None:
    forward = commands.text("diff", explorer.name, "-1", "latest")
    assert "~ at  0 → 1.5" in forward
    assert '+ inventory  ["key"]' in forward
    backward = commands.json("diff", explorer.name, "latest", "-1")["changes"]
    assert [(change["path"], change["op"]) for change in backward] == [
        ("at", "modified"),
        ("inventory", "removed"),
    ]


def test_why_follows_causes_to_the_root(commands: Commands, explorer: Explorer) -> None:
    for named in (explorer.ids[3], f"event:{explorer.ids[3]}", f"{explorer.name}:latest"):
        found = commands.json("why", named)
        assert [event["id"] for event in found["nodes"]] == explorer.ids
        assert found["missing"] == []
    shown = commands.text("why", f"{explorer.name}:3")
    assert (
        shown.index("find the key") < shown.index("decision explore") < shown.index("the key broke")
    )


def test_why_is_drawn_for_other_programs_too(commands: Commands, explorer: Explorer) -> None:
    named = f"{explorer.name}:3"
    assert commands.text("why", named, "--dot").startswith("digraph causes {")
    drawn = commands.text("why", named, "--mermaid", "--nodes", "2")
    assert drawn.startswith("flowchart LR")
    assert drawn.count("[") == 3
    onward = commands.json("why", f"{explorer.name}:0", "--direction", "effects", "--depth", "1")
    assert [event["id"] for event in onward["nodes"]] == explorer.ids[:2]


def test_relation_tells_the_way_from_one_event_to_another(
    commands: Commands, explorer: Explorer
) -> None:
    first, last = f"{explorer.name}:0", f"{explorer.name}:3"
    found = commands.json("relation", last, first)
    assert found["relation"] == "after"
    assert [event["id"] for event in found["events"]] == explorer.ids
    shown = commands.text("relation", first, last)
    assert f"{first} happened before {last}:" in shown
    assert shown.index("find the key") < shown.index("the key broke")
    assert "one event" in commands.text("relation", first, first)


def test_a_session_steps_on_over_several_commands(commands: Commands, explorer: Explorer) -> None:
    first = commands.json("step", explorer.name, "--from", "1", "--keep")
    assert first["from"]["event_index"] == 1
    assert first["position"]["event_index"] == 2
    assert first["event"]["id"] == explorer.ids[2]
    assert [change["path"] for change in first["changes"]] == ["inventory"]
    onward = ("step", "--session", first["session"])
    assert commands.json(*onward)["position"]["event_index"] == 3
    back = commands.json(*onward, "--back", "--by", "2")
    assert back["position"]["event_index"] == 1
    assert [change["op"] for change in back["changes"]] == ["removed"]


def test_a_step_leaves_no_session_behind(commands: Commands, explorer: Explorer) -> None:
    before = commands.json("stats")["total_sessions"]
    stepped = commands.json("step", explorer.name, "--from", "1")
    assert (stepped["session"], stepped["position"]["event_index"]) == (None, 2)
    assert commands.json("stats")["total_sessions"] == before


def test_sessions_are_listed_shown_and_closed(commands: Commands, explorer: Explorer) -> None:
    kept = commands.json("step", explorer.name, "--from", "1", "--keep")["session"]
    (listed,) = commands.json("sessions", "--agent", explorer.name, "--state", "active")["sessions"]
    assert (listed["id"], listed["position"]["event_index"]) == (kept, 2)
    assert kept in commands.text("sessions", "--agent", explorer.name)
    told = commands.json("session", kept)
    assert [place["event_index"] for place in told["positions"]] == [3, 1, 2]
    assert (told["current"], told["marks"]) == (2, [])
    assert "▶" in commands.text("session", kept)
    assert commands.json("close", kept) == {"completed": [kept]}
    assert commands.json("session", kept)["session"]["state"] == "completed"
    assert commands.text("close", kept, "--remove") == f"removed {kept}\n"
    assert commands.json("sessions", "--agent", explorer.name)["sessions"] == []
    assert commands.run("session", kept).returncode == 3


def test_a_step_goes_by_snapshots_too(commands: Commands, explorer: Explorer) -> None:
    stepped = commands.json("step", explorer.name, "--from", "-1", "--by", "snapshot")
    assert stepped["position"]["event_index"] == 1
    assert [change["path"] for change in stepped["changes"]] == ["at"]


def test_a_step_is_shown_with_how_to_go_on(commands: Commands, explorer: Explorer) -> None:
    shown = commands.text("step", explorer.name, "--from", "3", "--back", "--keep")
    assert "#2" in shown
    assert '- inventory  ["key"]' not in shown
    assert "go on: stratoscope step --session " in shown


@pytest.mark.parametrize(
    ("way", "ends_with"),
    [
        ((), 1),
        (("--from", "2", "--by", "2"), 1),
        (("--from", "99"), 1),
        (("--from", f"event:{uuid4()}"), 3),
        (("--from", "-1", "--back"), 1),
        (("--from", "-1", "--back", "--by", "snapshot"), 1),
        (("--from", "latest", "--by", "snapshot"), 1),
        (("--from", "0", "--by", "86400s"), 1),
        (("--from", "-1", "--back", "--by", "1s"), 1),
    ],
)
def test_a_step_that_leads_nowhere_leaves_no_session(
    commands: Commands, explorer: Explorer, way: tuple[str, ...], ends_with: int
) -> None:
    before = commands.json("stats")["total_sessions"]
    done = commands.run("step", explorer.name, *way)
    assert (done.returncode, done.stdout) == (ends_with, ""), done.stderr
    assert done.stderr.startswith("error [")
    assert commands.json("stats")["total_sessions"] == before


def test_nobody_has_no_session(commands: Commands) -> None:
    before = commands.json("stats")["total_sessions"]
    assert commands.run("step", f"nobody-{uuid4()}").returncode == 3
    assert commands.json("stats")["total_sessions"] == before


def test_a_step_back_by_a_snapshot_may_come_before_every_event(
    commands: Commands, explorer: Explorer
) -> None:
    stepped = commands.json("step", explorer.name, "--from", "0", "--back", "--by", "snapshot")
    assert stepped["position"]["event_index"] == -1


def test_stats_count_what_is_there(commands: Commands, explorer: Explorer) -> None:
    assert commands.json("stats")["total_events"] >= 4
    assert "everything is projected" in commands.text("stats")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("state", "nobody"), "agent_not_found"),
        (("events", "nobody"), "agent_not_found"),
        (("why", str(uuid4())), "event_not_found"),
        (("step", "--session", str(uuid4())), "session_not_found"),
    ],
)
def test_what_is_not_there_ends_with_3(
    commands: Commands, arguments: tuple[str, ...], code: str
) -> None:
    done = commands.run(*arguments)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.startswith(f"error [{code}]: ")
    assert "hint: " in done.stderr


def test_a_step_past_the_end_ends_with_1_and_the_bounds(
    commands: Commands, explorer: Explorer
) -> None:
    done = commands.run("step", explorer.name)
    assert done.returncode == 1
    assert "navigation_out_of_bounds" in done.stderr
    assert "from -1 to 3" in done.stderr


def test_a_path_that_is_none_ends_with_2_and_names_the_field(
    commands: Commands, explorer: Explorer
) -> None:
    done = commands.run("state", explorer.name, "--path", "a[")
    assert done.returncode == 2
    assert "bad_request" in done.stderr
    assert "path: " in done.stderr


def test_another_space_sees_nothing(commands: Commands, explorer: Explorer) -> None:
    assert commands.json("agents", "--space", "elsewhere")["agents"] == []
    assert commands.run("state", explorer.name, "--space", "elsewhere").returncode == 3


def test_without_colour_there_is_no_escape_sequence(commands: Commands, explorer: Explorer) -> None:
    plain = commands.run("events", explorer.name, NO_COLOR="1", FORCE_COLOR="1")
    coloured = commands.run("events", explorer.name, NO_COLOR="", FORCE_COLOR="1")
    assert "\x1b" not in plain.stdout
    assert "\x1b" in coloured.stdout
    assert "\x1b" not in commands.text("events", explorer.name)


def test_nothing_at_a_path_is_told_from_a_null(commands: Commands, explorer: Explorer) -> None:
    nothing = commands.json("state", explorer.name, "--path", "nothing")
    assert (nothing["state"], nothing["exists"]) == (None, False)
    assert "nothing stands there" in commands.text("state", explorer.name, "--path", "nothing")
    assert commands.json("state", explorer.name, "--path", "health")["exists"] is True


async def test_records_with_ids_may_be_sent_again(commands: Commands, explorer: Explorer) -> None:
    again = commands.json("record", str(explorer.file))
    assert again.pop("stream_seq") > 0
    assert again == {"agents": [explorer.name], "events": 4, "snapshots": 2, "duplicates": 4}
    assert len(commands.json("events", explorer.name)["events"]) == 4


def test_records_that_are_there_already_are_told(commands: Commands) -> None:
    first, second = f"a-{uuid4()}", f"b-{uuid4()}"
    shared = {"id": str(uuid4()), "kind": "event", "type": "x"}
    again = {"id": str(uuid4()), "kind": "snapshot", "state": {"n": 1}}
    first_run = [shared | {"agent": first}, again | {"agent": second}]
    done = commands.run("record", "-", "-o", "json", given=_lines(first_run))
    assert json.loads(done.stdout)["duplicates"] == 0
    fresh = [{"id": str(uuid4()), "agent": first, "kind": "event", "type": "x"}]
    unnamed = [{"agent": first, "kind": "event", "type": "x"}]
    said = commands.run("record", "-", given=_lines(fresh + first_run + unnamed)).stdout
    counted = "recorded 3 events and 1 snapshot of 2 agents, 2 of them were recorded before, "
    assert said.startswith(f"{counted}the last at seq:")
    (found,) = commands.json("agents", first)["agents"]
    assert (found["events"], found["duplicates"]) == (3, 1)


def test_duplicates_that_no_navigator_counts_are_unknown(commands: Commands) -> None:
    # A login of an agent may not ask; this prefix says that it is one.
    options = {"STRATO_INBOX_PREFIX": "_INBOX_agent.default.a"}
    record = {"id": str(uuid4()), "agent": "a", "kind": "event", "type": "x"}
    done = commands.run("record", "-", "-o", "json", given=_lines([record]), **options)
    assert json.loads(done.stdout)["duplicates"] is None
    said = commands.run("record", "-", given=_lines([record]), **options).stdout
    assert ", how many of them were recorded before is not known, " in said
    del record["id"]
    done = commands.run("record", "-", "-o", "json", given=_lines([record]), **options)
    assert json.loads(done.stdout)["duplicates"] == 0


def _lines(records: list[dict[str, object]]) -> str:
    return "\n".join(json.dumps(record) for record in records)


async def test_a_file_with_a_bad_line_records_nothing(commands: Commands, scratch: Path) -> None:
    agent = f"a-{uuid4()}"
    file = scratch / "bad.ndjson"
    good = json.dumps({"agent": agent, "kind": "event", "type": "x"})
    file.write_text(f'{good}\n{{"agent":"{agent}","kind":"event","tpye":"x"}}\n')
    done = commands.run("record", str(file))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "line 2: tpye: no such field (nothing was recorded)" in done.stderr
    await commands.projected()
    assert commands.json("agents", agent)["agents"] == []


async def test_stdin_is_recorded_up_to_a_bad_line(commands: Commands) -> None:
    agent = f"a-{uuid4()}"
    good = json.dumps({"agent": agent, "kind": "event", "type": "x"})
    done = commands.run("record", "-", given=f"{good}\n\n{good}\nnonsense\n{good}\n")
    assert done.returncode == 1
    assert "line 4: " in done.stderr
    assert "(2 records before it recorded)" in done.stderr
    await commands.projected()
    (found,) = commands.json("agents", agent)["agents"]
    assert found["events"] == 2


async def test_many_records_keep_their_order(commands: Commands) -> None:
    agent = f"a-{uuid4()}"
    lines = [
        json.dumps({"agent": agent, "kind": "event", "type": "x", "data": {"n": number}})
        for number in range(12_000)
    ]
    done = commands.run("record", "-", given="\n".join(lines))
    said, _, last = done.stdout.rstrip().rpartition(", the last at seq:")
    assert said == "recorded 12,000 events and 0 snapshots of 1 agent"
    async with Navigator.connect(commands.url) as nav:
        await nav.request("agents.list", AgentsListRequest(wait_for=int(last), wait_ms=20_000))
    found = commands.json("events", agent, "--all")["events"]
    assert [event["data"]["n"] for event in found] == list(range(12_000))
