"""A hostile body is refused in few steps, by a short error, without the loop being held."""

import asyncio
import json
from time import process_time
from typing import Any

import pytest

from stratoscope.navigator.dispatch import request_of
from stratoscope.navigator.request_limits import check_body, decoding_size
from stratoscope.navigator.threads import work_on
from stratoscope_contracts.errors import BadRequest
from stratoscope_contracts.words import MAX_REQUEST_BYTES, MAX_REQUEST_VALUES

MANY = {f"{number}": 0 for number in range(90_000)}
LATEST = {"latest": True}
COMPARE = {"agent": "a", "from": LATEST, "to": LATEST}


def spelled(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (spelled(MANY), ""),
        (spelled(COMPARE | {"options": MANY}), "options"),
        (spelled(COMPARE | {"options": {"categories": MANY}}), "options.categories"),
        (spelled({"at": LATEST, "agents": [*range(90_000)]}), "agents"),
        (spelled({"options": [[[]] * 9_000] * 5}), ""),
        (b" " * (MAX_REQUEST_BYTES + 1), ""),
    ],
    ids=["members", "options", "categories", "items", "containers", "bytes"],
)
async def test_a_hostile_body_is_refused_at_once(body: bytes, field: str) -> None:
    started = process_time()
    with pytest.raises(BadRequest) as refused:
        check_body(body)
    assert [one["field"] for one in refused.value.details["errors"]] == [field]
    assert len(refused.value.message) < 200
    # The models took seconds for each; a busy machine is no reason to fail.
    assert process_time() - started < 2


@pytest.mark.parametrize("part", ["0", "[]", "{}", '""', "1.5", '{"a":0}'])
@pytest.mark.parametrize("field", ["value", "agents"])
async def test_many_values_are_refused_before_they_are_decoded(field: str, part: str) -> None:
    many = ",".join([part] * ((MAX_REQUEST_BYTES - 100) // (len(part) + 1)))
    body = f'{{"key":"k","{field}":[{many}]}}'.encode()
    started = process_time()
    with pytest.raises(BadRequest) as refused:
        check_body(body)
    # Decoding 1.4 million empty lists took 0.7 s, in one call that holds the interpreter.
    assert process_time() - started < 0.3
    assert f"at most {MAX_REQUEST_VALUES} JSON values" in refused.value.message


async def test_texts_with_commas_and_brackets_are_no_values() -> None:
    check_body(spelled({"key": "k", "value": "[,{" * 1_000_000}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{" * 100_000,
        b"[1]" + b" " * 100_000,
        spelled({"agent": "a"}),
        spelled({"id": "0" * 32, "key": "k", "value": MANY}),
        spelled({"agents": [f"agent-{number}" for number in range(10_000)]}),
    ],
)
async def test_what_a_request_may_have_is_left_to_its_model(body: bytes) -> None:
    check_body(body)


async def test_the_loop_is_not_held_by_a_large_value() -> None:
    body = spelled({"id": "0" * 32, "key": "k", "value": "x" * (MAX_REQUEST_BYTES - 100)})
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await work_on(decoding_size(body), check_body, body)
    task.cancel()
    assert turns > 1
    assert request_of("session.data.set", body)
