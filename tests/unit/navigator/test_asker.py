"""Who asks, by the header of a request."""

import asyncio

import pytest

from stratoscope.navigator.asker import asker, heard


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        (None, "unnamed"),
        ({}, "unnamed"),
        ({"Strato-Operator": "  "}, "unnamed"),
        ({"Strato-Operator": "ada"}, "ada"),
        ({"Strato-Operator": "a\x1b[31m\nb"}, "a?[31m?b"),
        ({"Strato-Operator": "x" * 999}, "x" * 200),
    ],
)
def test_a_request_is_its_askers(headers: dict[str, str] | None, named: str) -> None:
    heard(headers)
    assert asker() == named


async def test_a_task_of_its_own_answers_for_whoever_asked() -> None:
    async def answer(name: str) -> str:
        heard({"Strato-Operator": name})
        await asyncio.sleep(0)
        return await asyncio.create_task(_asked())

    assert await asyncio.gather(answer("ada"), answer("bob")) == ["ada", "bob"]


async def _asked() -> str:
    return asker()
