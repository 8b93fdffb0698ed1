"""A field asked for by pointer is told in the dotted form of the document that it stands in."""

import pytest

from support.recorded import snapshot


@pytest.mark.parametrize("path", ["/l/0/a", "l[0].a"])
async def test_a_pointer_into_a_list_is_told_by_index(ask, path: str):
    await ask.recorded.add("a", snapshot({"l": [{"a": 1}]}))
    await ask.recorded.add("a", snapshot({"l": [{"a": 2}]}))
    written = await ask("state.last_write", agent="a", path=path)
    assert written["change"] == {"path": "l[0].a", "op": "modified", "old": 1, "new": 2}
    history = await ask("state.history", agent="a", path=path)
    assert [one["change"]["path"] for one in history["changes"]] == ["l[0].a"] * 2
