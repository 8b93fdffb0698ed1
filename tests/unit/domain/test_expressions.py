"""What may be written in an expression, and what it looks at."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.expressions.refusal import ExpressionRefused
from stratoscope.domain.expressions.rules import checked


def paths(source: str) -> set[str]:
    return {"/".join(path) for path in checked(source).paths}


def refusal(source: str) -> ExpressionRefused:
    with pytest.raises(ExpressionRefused) as refused:
        checked(source)
    return refused.value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("true", set()),
        ("state.health < 10 && event.type == 'decision_made'", {"state/health", "event/type"}),
        ("state", {"state"}),
        ("state.a.b.c == null", {"state/a/b/c"}),
        ("state['a.b'].c == 1", {"state/a.b/c"}),
        ('state["a"]["b"] == 1', {"state/a/b"}),
        # What a key is, is known only once it is evaluated: then all is looked at.
        ("state[event.type] == 1", {"state", "event/type"}),
        ("state['a\\n'] == 1", {"state"}),
        ("state.items[0].name == 'x'", {"state/items"}),
        ("has(state.goal.name)", {"state/goal/name"}),
        ("size(state.items) > 3 || state.items.size() < 1", {"state/items"}),
        ("'x' in state.tags", {"state/tags"}),
        ("state.items.exists(i, i.price > 3 && i.name.contains('x'))", {"state/items"}),
        ("[1, 2].exists(x, x > 1) && event.depth == 1", {"event/depth"}),
        ("state.xs.map(x, x > 1, x * 2).size() == 1", {"state/xs"}),
        ("state.a ? state.b : state.c ? state.d : state.e", {f"state/{c}" for c in "abcde"}),
        ("!(state.a) && -state.b < - 1", {"state/a", "state/b"}),
        ("(state.a).b == {'x': [event.id, 1u, 0xFF, 1.5e3,],}", {"state/a", "event/id"}),
        ("event.data.text.matches(r'^\\d+$') // a comment", {"event/data/text"}),
        ("timestamp(event.occurred_at).getHours() > 8", {"event/occurred_at"}),
        ("'''it's''' != \"\"\"a \"word\" \"\"\" && b'x' != bR\"\\\" && state.s == ''", {"state/s"}),
        ("has({'a': event}.a) && state . b\n== 1", {"event", "state/b"}),
        ("{}.size() == 0 && [].size() == 0 && size(int('1')) == 1", set()),
        ("state.package == 1", {"state/package"}),
        ("'a'.size() + 'b'['c'].size() > 1", set()),
    ],
)
def test_an_expression_looks_at_the_paths_that_it_names(source, expected):
    assert paths(source) == expected


def test_what_a_macro_runs_over_is_known():
    assert checked("state.a['b'].all(x, x > 0)").ranges == (("state", "a", "b"),)
    assert checked("[1].all(x, x > 0)").ranges == ()
    assert checked("state.a == 1 && event.b == 1").variables == {"event", "state"}


@pytest.mark.parametrize(
    ("source", "position", "reason"),
    [
        ("", 0, "a value is missing"),
        ("   ", 3, "a value is missing"),
        ("state.a =  1", 8, "write '=='"),
        ("state.a & true", 8, "write '&&'"),
        ("state.a | true", 8, "write '||'"),
        ("state.a == 'x", 11, "not closed"),
        ('state.a == "x\n"', 11, "not closed"),
        ("state.a # 1", 8, "stands in no expression"),
        ("é == 1", 0, "stands in no expression"),
        ("state.a == ", 11, "a value is missing"),
        ("state. == 1", 7, "a name is missing"),
        ("state.true == 1", 6, "a name is missing"),
        ("state.in == 1", 6, "a name is missing"),
        ("(state.a", 8, "')' is missing"),
        ("state[1", 7, "']' is missing"),
        ("[1, 2", 5, "']' is missing"),
        ("{'a' 1}", 5, "':' is missing"),
        ("{'a': 1", 7, "'}' is missing"),
        ("size(state.a", 12, "')' is missing"),
        ("state.a ? 1", 11, "':' is missing"),
        ("state.a 1", 8, "nothing more"),
        ("'a' 'b'", 4, "nothing more"),
        ("':' ':'", 4, "nothing more"),
        ("true ? 1 ':'", 9, "':' is missing"),
        ("for == 1", 0, "a reserved word"),
        ("x == 1", 0, "only event and state"),
        ("x.y == 1", 0, "only event and state"),
        ("sizze(state.a) == 1", 0, "the nearest is size()"),
        ("xyz(state.a) == 1", 0, "no such function"),
        ("state.a.startWith('x')", 8, "the nearest is startsWith()"),
        ("cel.bind(x, 1, x)", 0, "only event and state"),
        ("has(state)", 0, "has() takes one field"),
        ("has(state.a, state.b)", 0, "has() takes one field"),
        ("has(state['a'])", 0, "has() takes one field"),
        ("state.a.exists(x, x > 1) && state.b.exists(x, x > 1)", 36, "at most one macro"),
        ("state.a.filter(x, x > 1).map(x, x)", 25, "at most one macro"),
        ("state.a.exists(x, x.exists(y, y > 1))", 20, "a macro inside a macro"),
        ("state.a.exists(x, x > state.b)", 22, "inside a macro only"),
        ("state.a.exists(x, event == 1)", 18, "inside a macro only"),
        ("state.a.exists(x, x['a'][y])", 25, "inside a macro only"),
        ("state.a.exists(x, x.matches('a+'))", 20, "matches() is too slow"),
        ("state.a.exists(x, size(x.matches('a+')))", 25, "matches() is too slow"),
        ("state.a.exists()", 8, "takes a variable and a condition"),
        ("state.a.exists(x)", 8, "takes a variable and a condition"),
        ("state.a.exists(x, true, true)", 8, "takes a variable and a condition"),
        ("state.a.exists(x.y, true)", 8, "takes a variable and a condition"),
        ("state.a.exists(state, true)", 15, "a name of its own"),
        ("state.a[event.type].exists(x, true)", 20, "runs over a path or a list"),
        ("(state.a + state.b).exists(x, true)", 20, "runs over a path or a list"),
        ("[[1]][0].exists(x, true)", 9, "runs over a path or a list"),
        ("'abc'.exists(x, true)", 6, "runs over a path or a list"),
        ("true\ud800", 4, "half a character"),
        ("'" + "é" * 512 + "'", 0, "1026 bytes long"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(source, position, reason):
    refused = refusal(source)
    assert reason in refused.reason
    assert refused.position == position
    assert str(refused) == f"{refused.reason} (at character {position + 1})"


@pytest.mark.parametrize(
    "source",
    [
        "(" * 500 + "true" + ")" * 500,
        "[" * 512 + "]" * 512,
        "{1:" * 250 + "1" + "}" * 250,
        "size(" * 100 + "''" + ")" * 100,
        "state" + "[state" * 100 + "]" * 100,
        "true?1:" * 100 + "1",
        "true?" * 100 + "1" + ":1" * 100,
    ],
)
def test_deep_nesting_is_refused(source):
    assert "nested deeper" in refusal(source).reason or "bytes long" in refusal(source).reason


def test_long_chains_are_no_nesting():
    assert paths("state" + ".a" * 500) == {"state" + "/a" * 500}
    assert paths("!" * 1000 + "true") == set()
    assert paths("1" + "+1" * 500 + " == 1") == set()


@given(st.text(alphabet="aestvn.()[]{}'\"\\?:,!-+= 01\n<|&/", max_size=60))
def test_whatever_is_written_is_taken_or_refused(source):
    with suppress(ExpressionRefused):
        assert checked(source).source == source
