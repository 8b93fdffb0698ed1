"""The table of verbs is the contract's, whole."""

import re
from uuid import UUID, uuid5

import pytest
from pydantic import BaseModel

from stratoscope.domain.intake import place_id
from stratoscope_contracts.errors import Code
from stratoscope_contracts.looking import SnapshotsGetReply, StateAtReply
from stratoscope_contracts.verbs import VERBS
from stratoscope_contracts.views import StateView
from stratoscope_contracts.words import STREAM_RECORD
from support.pages import ROOT

# As section 3 of the contract lists them.
LOOKING = """agents.list events.get events.list snapshots.get snapshots.list state.at state.cut
    state.history state.last_write replay stats"""
COMPARING = "compare compare.render compare.timeline compare.patterns compare.divergence"
CAUSES = "chain effects graph path relation"
SESSIONS = """create get list update start pause resume complete remove stats data.set data.get
    position export import goto step continue back forward history"""
BREAKPOINTS = "create get list enable disable remove check"
AGENT = "pause resume step"
# Beyond the contract's first page; said in contracts/README.md.
MARKS = "mark marks unmark"
OBJECTS = "get put"


def test_every_verb_of_the_contract_is_there_and_no_other() -> None:
    """Those of later days too: a client can be written against them now."""
    expected = {*LOOKING.split(), *COMPARING.split()}
    for prefix, names in (
        ("causality", CAUSES),
        ("session", SESSIONS),
        ("session", MARKS),
        ("breakpoint", BREAKPOINTS),
        ("agent", AGENT),
        ("object", OBJECTS),
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


@pytest.mark.parametrize("model", [StateAtReply, SnapshotsGetReply, StateView])
def test_a_null_that_stands_at_a_path_is_told_from_nothing(model: type[BaseModel]) -> None:
    """A navigator from before the field meant what was there."""
    assert (model.model_fields["exists"].annotation, model.model_fields["exists"].default) == (
        bool,
        True,
    )


def test_the_id_of_a_record_without_one_can_be_made_from_what_the_page_says() -> None:
    """Who publishes without an id learns it from the acknowledgement, in any language."""
    page = (ROOT / "contracts" / "README.md").read_text("utf-8")
    (said,) = re.findall(r"^- A record without an `id`.*?(?=^- )", page, re.DOTALL | re.MULTILINE)
    form, example, namespace = re.findall(r"`([^`]+)`", said)[1:4]
    assert form == "<stream>:<stream_seq>:<ordinal>"
    stream, seq, ordinal = example.split(":")
    assert stream == STREAM_RECORD
    assert uuid5(UUID(namespace), example) == place_id(stream, int(seq), int(ordinal))
