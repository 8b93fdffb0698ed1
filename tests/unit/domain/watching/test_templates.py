"""Messages with places for values: what they say, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.watching.templates import TemplateRefused, read, rendered

EVENT = {"type": "moved", "data": {"to": [1, 2]}, "metadata": {"a b": None}}
STATE = {"health": 3.5, "name": "ünïcode", "bag": {"gold": 7}, "long": "x" * 500}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{event.type}!", "moved!"),
        ("at {state.health}, {state.bag.gold}", "at 3.5, 7"),
        ("{ state.bag }", '{"gold":7}'),
        ("{event.data.to[1]}{event.data.to}", "2[1,2]"),
        ('{event.metadata["a b"]}', "null"),
        ("{state.name}", "ünïcode"),
        ("{state.nothing.here}", "?"),
        ("{{event.type}} {{{event.type}}}", "{event.type} {moved}"),
        ("{state.long}", "x" * 199 + "…"),
    ],
)
def test_a_place_is_filled(text, said):
    assert rendered(read(text), EVENT, STATE) == said


def test_what_is_not_there_is_a_question_mark():
    assert rendered(read("{event.type} {state}"), None, None) == "? ?"


@pytest.mark.parametrize(
    "text",
    [
        *("{", "}", "{event", "a } b", "{event.type}}", "{{{state.x}}", "{event {state}}"),
        *("{}", "{health}", "{events.x}", "{event.x!r:>{10}}", "{state.a..b}", "{state[x]}"),
        *("{event.__class__.__init__}{", "{ event type }"),
    ],
)
def test_what_is_no_template_is_refused(text):
    with pytest.raises(TemplateRefused):
        read(text)


def test_a_message_has_its_bounds():
    said = rendered(read("{state.long}" * 30), None, STATE)
    assert len(said) == 2000


def test_it_says_what_it_looks_at():
    assert read("{event.type}").roots == {"event"}
    assert read("{state}{event}").roots == {"event", "state"}
    assert read("none").roots == set()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{event.depth}", True),
        ("{event}", True),
        ("at {state.depth} {event.data.depth}", False),
        ("none", False),
    ],
)
def test_whether_it_says_how_deep_an_event_stands(text: str, names: bool):
    assert read(text).names_depth == names


@given(st.text(alphabet="{}ab.[]event state"))
def test_any_text_is_read_or_refused(text):
    try:
        template = read(text)
    except TemplateRefused:
        return
    assert isinstance(rendered(template, EVENT, STATE), str)
