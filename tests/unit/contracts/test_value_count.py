"""JSON values are counted from text as a walk over the document counts them."""

import json
import random
from typing import Any

import pytest

from stratoscope_contracts import value_count


def counted(value: Any) -> int:
    """How many values a document holds, by a walk."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(counted, inner))


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("seed", range(20))
def test_values_are_counted_from_the_text_as_by_a_walk(
    seed: int, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(value_count, "_PIECE_BYTES", piece)
    draw = random.Random(seed)
    texts = ["", "a", "[", "{}", ",", '"', "\\", '\\"', "\\\\", "[]", "\n", "\t , "]

    def document(levels: int) -> Any:
        kind = draw.choice("ltds" if levels else "ts")
        size = draw.randint(0, 4)
        if kind == "l":
            return [document(levels - 1) for _ in range(size)]
        if kind == "d":
            names = [draw.choice(texts) + str(number) for number in range(size)]
            return {name: document(levels - 1) for name in names}
        return draw.choice(texts) if kind == "t" else draw.choice([1, -1.5, True, None])

    for _ in range(10):
        value = document(5)
        for spaces in None, 1:
            assert value_count.count_json_values(
                json.dumps(value, indent=spaces).encode()
            ) == counted(value)


def test_values_are_counted_only_where_there_may_be_too_many() -> None:
    assert not value_count.has_too_many_values(b"[0,0,0,0]", 5)
    assert not value_count.has_too_many_values(b'["a","b","c"]', 5)
    assert not value_count.has_too_many_values(b'["a,,,,,","b"]', 5)
    assert value_count.has_too_many_values(b"[{},{},{},{},{}]", 5)
