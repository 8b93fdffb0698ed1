"""Conditions as they come in requests: what is taken, and what is refused where it stands."""

import time

import pytest
from pydantic import TypeAdapter

from stratoscope.navigator.conditions import watched
from stratoscope.navigator.expressions.evaluating import Document, Expressions, Verdict
from stratoscope_contracts.breakpoints import Condition
from stratoscope_contracts.errors import BadRequest, InvalidExpression

CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)


@pytest.fixture
async def expressions():
    async with Expressions(workers=1) as found:
        yield found


def matches(pattern):
    condition = {"kind": "on_state", "path": "name", "op": "matches", "value": pattern}
    return CONDITION.validate_python({"kind": "not", "condition": condition})


async def test_a_regular_expression_is_searched_for_in_the_text(expressions):
    found = await watched(expressions, matches('^a\\."\\d+é'))
    (expression,) = found.expressions
    states = [b'{"name":"a.\\"12\xc3\xa9!"}', b'{"name":"ba.\\"12\xc3\xa9"}', b'{"name":5}', b"{}"]
    documents = [Document(state=state) for state in states]
    verdicts = await expressions.evaluate(expression, documents, 1)
    assert verdicts == [Verdict.HOLDS, Verdict.FAILS, Verdict.FAILS, Verdict.FAILS]


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "(?=a)", "((x{0,1000}){0,1000}){0,1000}"])
async def test_what_is_none_or_too_large_is_refused_where_it_stands(expressions, pattern):
    started = time.monotonic()
    with pytest.raises(InvalidExpression) as refused:
        await watched(expressions, matches(pattern), "until")
    assert [one["field"] for one in refused.value.details["errors"]] == ["until.condition.value"]
    assert time.monotonic() - started < 5


async def test_one_that_backtracks_elsewhere_takes_no_longer_here(expressions):
    (expression,) = (await watched(expressions, matches("(a+)+$"))).expressions
    state = b'{"name":"%b!"}' % (b"a" * 5000)
    assert await expressions.evaluate(expression, [Document(state=state)], 1) == [Verdict.FAILS]


async def test_an_expression_is_tried_by_who_evaluates_it(expressions):
    twice = [{"kind": "expression", "source": source} for source in ("1 == 1", "1 == 'a' ==")]
    with pytest.raises(InvalidExpression) as refused:
        await watched(
            expressions, CONDITION.validate_python({"kind": "any_of", "conditions": twice})
        )
    (fault,) = refused.value.details["errors"]
    assert fault["field"] == "condition.conditions[1].source"


async def test_a_path_that_is_none_is_a_bad_request(expressions):
    condition = CONDITION.validate_python({"kind": "on_change", "path": "a..b"})
    with pytest.raises(BadRequest) as refused:
        await watched(expressions, condition)
    assert refused.value.details["errors"][0]["field"] == "condition.path"
