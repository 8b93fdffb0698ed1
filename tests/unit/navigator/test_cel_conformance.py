"""Expressions agree with the specification of CEL, or are refused in words."""

import re
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from stratoscope.domain.expressions.rules import FUNCTIONS, MACROS, METHODS, TYPES
from stratoscope.navigator.expressions.evaluating import Document, Expressions, Verdict
from stratoscope_contracts.errors import InvalidExpression
from support.cel_cases import EVENT, HOLDING, NOT_MATCHING, STATE
from support.cel_refusals import REFUSED


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def expressions() -> AsyncIterator[Expressions]:
    async with Expressions(workers=1) as found:
        yield found


async def verdict(expressions: Expressions, source: str) -> Verdict:
    expression = await expressions.check(source)
    document = Document(EVENT, orjson.dumps(STATE))
    return (await expressions.evaluate(expression, [document], 5))[0]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", HOLDING)
async def test_it_is_true_as_the_specification_has_it(
    expressions: Expressions, source: str
) -> None:
    assert await verdict(expressions, source) is Verdict.HOLDS


INDEXED = [
    re.sub(r"\b(state|event)\.(\w+)", r"\1['\2']", source)
    for source in (*HOLDING, *NOT_MATCHING)
    if not re.search(r"has\((state|event)\.\w+\)", source)
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", [one for one in INDEXED if "['" in one])
async def test_a_quoted_key_means_what_a_name_does(expressions: Expressions, source: str) -> None:
    named = re.sub(r"\b(state|event)\['(\w+)'\]", r"\1.\2", source)
    assert await verdict(expressions, source) is await verdict(expressions, named)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("source", NOT_MATCHING)
async def test_it_is_taken_and_matches_nothing_here(expressions: Expressions, source: str) -> None:
    assert await verdict(expressions, source) is Verdict.FAILS
    # Not for good: an error is absorbed where the other side decides.
    assert await verdict(expressions, f"({source}) == true || true") is Verdict.HOLDS


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("source", "reason", "position"), REFUSED)
async def test_it_is_refused_in_words_and_with_its_place(
    expressions: Expressions, source: str, reason: str, position: int | None
) -> None:
    for _ in range(2):
        with pytest.raises(InvalidExpression) as refused:
            await expressions.check(source)
        assert reason in refused.value.message
        assert position is None or refused.value.details["position"] == position


@pytest.mark.parametrize("name", [*FUNCTIONS, *METHODS, *MACROS, *TYPES])
def test_each_function_that_is_taken_is_true_somewhere(name: str) -> None:
    written = f"{name}(" if name not in TYPES else name
    assert any(written in source for source in HOLDING)
