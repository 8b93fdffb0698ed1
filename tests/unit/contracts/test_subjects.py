"""Subjects are built and read by one grammar."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope_contracts import subjects
from stratoscope_contracts.subjects import AgentRoom, Cancel, Nav, Record, Stored, SubjectError
from stratoscope_contracts.verbs import VERBS

spaces = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)
agents = st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True)
kinds = st.sampled_from(["event", "snapshot", "batch"])
parsed = st.one_of(
    st.builds(Record, spaces, agents, kinds),
    st.builds(Stored, spaces, st.integers(0, 15), agents, kinds),
    st.builds(Nav, spaces, st.sampled_from(sorted(VERBS))),
    st.builds(Cancel, spaces, st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)),
    st.builds(AgentRoom, spaces, st.sampled_from(["dlq", "hit", "ctl", "gate"]), agents),
)


@given(parsed)
def test_what_is_built_is_read_back(subject: subjects.Subject) -> None:
    """The parser is the builder's inverse."""
    assert subjects.parse(subjects.build(subject)) == subject


@given(st.one_of(st.text(max_size=40), st.from_regex(r"strato(\.[a-z0-9*>-]{0,6}){0,6}")))
def test_a_text_is_a_subject_or_is_refused(text: str) -> None:
    """Whatever is taken is spelled the same again."""
    try:
        found = subjects.parse(text)
    except SubjectError:
        return
    assert subjects.build(found) == text


def test_each_builder_spells_the_contracts_subject() -> None:
    """As the contract writes them."""
    assert subjects.record("default", "a-1", "event") == "strato.default.rec.a-1.event"
    assert subjects.stored("foo", "bar", "batch") == "strato.foo.part.8.bar.batch"
    assert subjects.nav("default", "session.data.set") == "strato.default.nav.session.data.set"
    assert subjects.nav("*", "state.at") == "strato.*.nav.state.at"
    assert subjects.cancel("default", "r-1") == "strato.default.nav.cancel.r-1"
    assert subjects.dlq("default", "a") == "strato.default.dlq.a"
    assert subjects.hit("default", "a") == "strato.default.hit.a"
    assert subjects.hits_of("default") == "strato.default.hit.*"
    assert subjects.ctl("default", "a") == "strato.default.ctl.a"
    assert subjects.gate("default", "a") == "strato.default.gate.a"
    assert subjects.stored_partition(3) == "strato.*.part.3.*.*"
    assert subjects.stored_partition(3, "default") == "strato.default.part.3.*.*"


def test_the_streams_transform_keeps_space_agent_and_kind() -> None:
    """The partition is taken over space and agent, in this order."""
    assert subjects.RECORDED == "strato.*.rec.*.*"
    assert subjects.STORED_TRANSFORM == (
        "strato.{{wildcard(1)}}.part.{{partition(16,1,2)}}.{{wildcard(2)}}.{{wildcard(3)}}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "strato",
        "strato.default",
        "other.default.rec.a.event",
        "strato.default.rec.a",
        "strato.default.rec.a.event.more",
        "strato.default.rec.a.thing",
        "strato.DEFAULT.rec.a.event",
        "strato.default.rec.*.event",
        "strato.default.part.16.a.event",
        "strato.default.part.-1.a.event",
        "strato.default.part.03.a.event",
        "strato.default.part.x.a.event",
        "strato.default.nav",
        "strato.default.nav.",
        "strato.default.nav.State.at",
        "strato.default.nav.cancel",
        "strato.default.nav.cancel.a.b",
        "strato.default.hit.a\n",
        "strato.default.unknown.a",
    ],
)
def test_what_is_no_subject(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(SubjectError):
        subjects.parse(text)


def test_names_that_would_change_the_subject_are_refused() -> None:
    """A dot or a wildcard in a name would reach somebody else's subjects."""
    for build in (subjects.dlq, subjects.hit, subjects.ctl, subjects.gate):
        with pytest.raises(SubjectError):
            build("default", "a.b")
        with pytest.raises(SubjectError):
            build("*", "a")
    with pytest.raises(SubjectError):
        subjects.nav("default", "cancel.x")
    with pytest.raises(SubjectError):
        subjects.nav("a.b", "state.at")
    with pytest.raises(SubjectError):
        subjects.nav("default", ">")
    with pytest.raises(SubjectError):
        subjects.cancel("default", "a.b")
    with pytest.raises(SubjectError):
        subjects.stored_partition(16)
    with pytest.raises(SubjectError):
        subjects.stored_partition(1, ">")


@pytest.mark.parametrize(
    ("space", "agent", "hashed"), [("foo", "bar", 0xBF9CF968), ("", "a", 0xE40C292C)]
)
def test_the_partition_is_fnv_1a_over_the_tokens(space: str, agent: str, hashed: int) -> None:
    """The published vectors of FNV-1a, 32 bits."""
    assert subjects.partition_of(space, agent) == hashed % 16


@given(spaces, agents)
def test_an_agent_has_one_partition(space: str, agent: str) -> None:
    """The stored subject names the same one."""
    found = subjects.parse(subjects.stored(space, agent, "event"))
    assert isinstance(found, Stored)
    assert found.partition == subjects.partition_of(space, agent)
    assert 0 <= found.partition < 16
