"""Random expressions are refused at creation, or evaluate as a naive evaluator says."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stratoscope.domain.expressions.refusal import ExpressionRefused
from stratoscope.domain.expressions.rules import checked
from stratoscope.domain.expressions.tokens import tokens
from stratoscope.navigator.expressions import worker
from support.cel_cases import EVENT, HOLDING, NOT_MATCHING, STATE
from support.naive_cel import CelError, Tree, Uint, evaluate, typed, written

NUMBERS = [0, 1, -1, 2, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, 0.5, 2.0**53, 1e19]
KEYS = ["a", "b", "c", "absent"]
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(["", "a", "b", "dé"])
)
lists = st.lists(scalars, min_size=1, max_size=3)
objects = st.dictionaries(st.sampled_from(KEYS[:3]), scalars, min_size=1, max_size=3)
documents = st.fixed_dictionaries({"a": scalars | objects, "b": lists, "c": scalars | objects})
literals = st.one_of(
    scalars.filter(lambda one: not isinstance(one, int) or one < 2**63),
    st.sampled_from([Uint(0), Uint(1), Uint(2**53 + 1), Uint(2**64 - 1)]),
).map(lambda one: ("value", one))
paths = st.one_of(
    st.sampled_from(KEYS[:3]).map(lambda key: ("path", key)),
    st.tuples(st.just("path"), st.sampled_from(KEYS), st.sampled_from(KEYS)),
)
SIGNS = ["==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"]


def untyped(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Parts of which the check of types knows nothing: what it refuses is not compared."""
    return st.one_of(parts.map(lambda part: ("call", "dyn", part)), paths)


def _deeper(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    inner = untyped(inner)
    truths = st.tuples(st.sampled_from(["&&", "||", *SIGNS[:7]]), inner, inner)
    return st.one_of(
        truths,
        truths,
        st.tuples(st.sampled_from(SIGNS), inner, inner),
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("if"), inner, inner, inner),
        st.lists(inner, max_size=2).map(lambda parts: ("list", *parts)),
        st.tuples(st.just("call"), st.sampled_from(["size", "dyn"]), inner),
        paths.map(lambda path: ("has", *path[1:])),
        st.tuples(st.just("index"), paths, literals),
    )


trees = st.recursive(literals | paths, _deeper, max_leaves=8)


def dynamic(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """The same inside a macro, where no path is named."""
    return parts.map(lambda part: ("call", "dyn", part))


bodies = st.recursive(
    literals | st.just(("loop",)),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["&&", "||", *SIGNS]), dynamic(inner), dynamic(inner)),
        st.tuples(st.just("not"), dynamic(inner)),
    ),
    max_leaves=4,
)
macros = st.tuples(
    st.just("macro"),
    st.sampled_from(["exists", "all", "exists_one", "filter", "map"]),
    paths,
    bodies,
)
whole = st.one_of(
    untyped(trees),
    st.tuples(st.sampled_from(["&&", "||", *SIGNS[:7]]), untyped(trees), untyped(trees)),
    macros,
    st.tuples(st.sampled_from(["&&", "||", "==", "in"]), untyped(trees), untyped(macros)),
)


def asked_of(source: str) -> dict[str, Any] | None:
    """What a worker is asked about an expression; None where the rules refuse it."""
    try:
        expression = checked(source)
    except ExpressionRefused:
        return None
    return {
        "source": expression.program,
        "exact": expression.exact,
        "shortcuts": [],
        "check": {
            "typed": expression.typed_program,
            "trials": [(one.position, one.source) for one in expression.trials],
            "arguments": [(one.position, one.function, one.source) for one in expression.arguments],
            "zones": [(one.position, one.name) for one in expression.zones],
            "asked": expression.asked,
        },
        "tree": {"event": None, "state": None},
        "ranges": expression.ranges,
        "seconds": 10,
        "states": [],
        "documents": [],
    }


def taken(source: str) -> dict[str, Any] | None:
    """The same, None where the worker refuses it too."""
    asked = asked_of(source)
    return asked if asked and next(worker.answers(asked))["refused"] is None else None


def compare(tree: Tree, state: dict[str, Any]) -> None:
    """Hold the verdict of the worker to the naive evaluator's."""
    source = written(tree)
    asked = taken(source)
    if asked is None or (asked["exact"] is None and _is_large(source, repr(state))):
        return
    _, answer = worker.answers(asked | {"states": [state], "documents": [(None, 0)], "check": None})
    try:
        expected = evaluate(tree, typed(state)) is True
    except CelError:
        expected = False
    assert (source, answer["verdicts"]) == (source, "1" if expected else "0")


def _is_large(*texts: str) -> bool:
    """Whether there are doubles that the evaluator rounds integers to beside arithmetic."""
    return any(double in text for double in ("e+19", "992.0") for text in texts)


@settings(max_examples=1000, deadline=None)
@given(whole, documents)
def test_a_random_expression_is_refused_or_evaluates_as_it_should(
    tree: Tree, state: dict[str, Any]
) -> None:
    compare(tree, state)


@settings(max_examples=700, deadline=None)
@given(untyped(trees), documents)
def test_a_random_expression_has_a_value_or_an_error_as_it_should(
    tree: Tree, state: dict[str, Any]
) -> None:
    # Each is true where the other is not, unless the expression fails.
    compare(("==", tree, tree), state)
    compare(("!=", tree, ("value", True)), state)
    compare(("not", tree), state)


words = [[token.text for token in tokens(one)][:-1] for one in (*HOLDING, *NOT_MATCHING)]
changes = st.tuples(
    st.sampled_from(["insert", "replace", "remove"]),
    st.integers(0, 40),
    st.sampled_from(sorted({word for one in words for word in one})),
)


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(words), st.lists(changes, max_size=4))
def test_whatever_is_written_is_refused_in_words_or_evaluates(
    some: list[str], made: list[tuple[str, int, str]]
) -> None:
    changed = list(some)
    for change, place, word in made:
        kept = {"insert": place, "replace": place + 1, "remove": place + 1}[change]
        changed[place:kept] = [] if change == "remove" else [word]
    source = " ".join(changed)
    asked = asked_of(source)
    if asked is None:
        return
    refused, *verdicts = worker.answers(asked | {"states": [STATE], "documents": [(EVENT, 0)]})
    if refused["refused"] is None:
        assert verdicts[0]["verdicts"] in ("0", "1")
    else:
        position, reason = refused["refused"]
        assert 0 <= position <= len(source)
        assert reason.strip()
