"""The table of verbs is the contract's, whole."""

from stratoscope_contracts.errors import Code
from stratoscope_contracts.verbs import VERBS

# As section 3 of the contract lists them.
LOOKING = """agents.list events.get events.list snapshots.get snapshots.list state.at state.cut
    state.history state.last_write replay stats"""
COMPARING = "compare compare.render compare.timeline compare.patterns compare.divergence"
CAUSES = "chain effects graph path relation"
SESSIONS = """create get list update start pause resume complete remove stats data.set data.get
    position export import goto step continue back forward history"""
BREAKPOINTS = "create get list enable disable remove check"
AGENT = "pause resume step"


def test_every_verb_of_the_contract_is_there_and_no_other() -> None:
    """Those of later days too: a client can be written against them now."""
    expected = {*LOOKING.split(), *COMPARING.split()}
    for prefix, names in (
        ("causality", CAUSES),
        ("session", SESSIONS),
        ("breakpoint", BREAKPOINTS),
        ("agent", AGENT),
    ):
        expected |= {f"{prefix}.{name}" for name in names.split()}
    assert set(VERBS) == expected


def test_every_verb_knows_its_own_name_and_says_what_it_does() -> None:
    """The summary is what the AsyncAPI document and `$SRV.INFO` show."""
    assert all(name == verb.name and verb.summary for name, verb in VERBS.items())


def test_every_code_of_the_contract_can_come_from_some_verb() -> None:
    """A code that nothing raises is no part of a contract."""
    assert {code for verb in VERBS.values() for code in verb.all_errors} == set(Code)


def test_a_session_is_named_in_each_verb_but_three() -> None:
    """Each but create, list and import takes `id`."""
    without = {"session.create", "session.list", "session.import"}
    for name, verb in VERBS.items():
        if name.startswith("session."):
            assert ("id" in verb.request.model_fields) == (name not in without), name
            assert ("if_version" in verb.request.model_fields) == (name not in without), name
            assert ("version" in verb.reply.model_fields) == (name != "session.list"), name
