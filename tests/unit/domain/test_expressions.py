"""What may be written in an expression, and what it looks at."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.domain.expressions.exactness import exact_number, exact_source
from stratoscope.domain.expressions.refusal import ExpressionRefused
from stratoscope.domain.expressions.rules import Argument, Shortcut, Trial, Zone, checked


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
        ("type(state.a) == int || int == type(1)", {"state/a"}),
        ("state.xs.exists(x, type(x) == string)", {"state/xs"}),
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
        ("state.a.exists(string, true)", 15, "a name of its own"),
        ("state.a.exists(x, matches(x, 'a'))", 18, "matches() is too slow"),
        ("int.size() == 1", 0, "only event and state"),
        ("timestamp(1).getHours(event.zone) == 1", 13, "a time zone is written out"),
        ("timestamp(1).getDate('UTC' + '') == 1", 13, "a time zone is written out"),
        ("{1: 'a', 0x1u: 'b'} == {}", 9, "a key that the map has already"),
        ("state.a < null", 10, "null is only equal or not"),
        ("null.getHours() == 1", 0, "null is only equal or not"),
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


def test_parts_that_depend_on_no_document_are_known() -> None:
    found = checked(
        "state.s.matches('a+') || matches(state.s, r'b') || timestamp('2026') > timestamp(state.t)"
        " || int(-1) == 1 || matches(state.s, state.p) || state.t.size() == int('7')"
    )
    assert found.trials == (
        Trial(16, "''.matches('a+')"),
        Trial(42, "''.matches(r'b')"),
        Trial(51, "timestamp('2026')"),
        Trial(found.source.index("int('7')"), "int('7')"),
    )
    assert found.arguments == (Argument(found.source.index("int(-1)"), "int", "-1"),)


def test_time_zones_are_known() -> None:
    found = checked("timestamp(1).getHours('Europe/Berlin') == timestamp(1).getHours()")
    assert found.zones == (Zone(22, "Europe/Berlin"),)


def test_fields_of_the_event_that_are_asked_for_are_known() -> None:
    assert checked("has(event.depth) && has(event.data.x) && has(state.y)").asked == ("depth",)


def test_a_variable_stands_for_a_long_path() -> None:
    long = "state" + ".key" * 17
    found = checked(f"has({long}) && [1].exists(x, x == 1) && {long}['a'].b == {long}.size()")
    path = ("state", *["key"] * 16)
    assert found.shortcuts[0] == Shortcut("path0", path, 4, 4 + len("state" + ".key" * 16))
    assert [each.name for each in found.shortcuts] == ["path0", "path1", "path2"]
    assert len(found.program) == len(found.source)
    squeezed = found.program.replace(" ", "")
    assert squeezed == "has(path0.key)&&[1].exists(x,x==1)&&path1.b==path2.key.size()"
    assert found.shortcuts[1].path == ("state", *["key"] * 17, "a")


def test_a_variable_stands_for_a_long_path_of_any_keys() -> None:
    found = checked("state" + ".key['a b'] [ 'c' ]" * 6 + "[0].rest == 1")
    assert found.shortcuts[0].path == ("state", *["key", "a b", "c"] * 5, "key", "a b")
    assert found.program.split() == ["path0", "[", "'c'", "][0].rest", "==", "1"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("state['a'].b + state[0] == 1", "state.k   .b + state.k  == 1"),
        ("state[event.type] == event[state.a]", "stat_[event.type] == even_[state.a]"),
        ("state.a['b'][0] == 1", "state.a['b'][0] == 1"),
        ("state.xs.exists(x, x['a'] == x[x.n])", "state.xs.exists(x, x.k    == x[x.n])"),
    ],
)
def test_types_are_checked_as_if_keys_were_names(source: str, expected: str) -> None:
    assert checked(source).typed_program == expected
    assert checked(source).program == source


def test_shorter_paths_stay_as_they_are() -> None:
    for source in (f"state{'.key' * 16} == 1", f"[[1]].exists(x, x{'.key' * 20} == 1)"):
        assert checked(source).program == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("state.a == 9007199254740992.0", "state.a == 9007199254740992"),
        ("state.a == -9007199254740992.0", "state.a == -9007199254740992"),
        ("-9007199254740992.0 < state.a", "-9007199254740992 < state.a"),
        ("state.a in [1e16, -1e16]", "state.a in [10000000000000000, -10000000000000000]"),
        ("state.a == 1e19", "state.a == 10000000000000000000u"),
        ("state.a == 9223372036854775808.0", "state.a == 9223372036854775808u"),
        ("state.a == -9223372036854775808.0", "state.a == -9223372036854775808"),
        ("state.a == 18446744073709551616.0", "state.a == 1.8446744073709556e+19"),
        ("state.a == 1e30 || state.a == -1e30", "state.a == 1e30 || state.a == -1e30"),
        ("state.a == 4503599627370496.5", "state.a == 4503599627370496.5"),
        ("state.a == 0x10e5 && state.int == '1e16'", "state.a == 0x10e5 && state.int == '1e16'"),
        ("state.a + 1e16 == 1e16", None),
        ("state.a -1e16 == 1e16", None),
        ("(state.a) -1e16 == 1e16", None),
        ("-state.a == 1e16", None),
        ("double(state.a) == 1e16", None),
        ("type(state.a) == type(1e16)", None),
    ],
)
def test_literals_compare_exactly_where_no_type_can_be_told(
    source: str, expected: str | None
) -> None:
    assert exact_source(source) == expected
    assert checked(source).exact == expected


def test_large_doubles_are_said_as_integers() -> None:
    assert exact_number(0.5) == 0.5
    for number in (2.0**53, -(2.0**53), 2.0**63, -(2.0**63), 1e19):
        exact = exact_number(number)
        assert isinstance(exact, int)
        assert exact == number
    assert exact_number(2.0**64) > 2**64 - 1
    for number in (1e30, -1e30, float("inf"), float("-inf")):
        assert exact_number(number) == number
        assert isinstance(exact_number(number), float)


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
