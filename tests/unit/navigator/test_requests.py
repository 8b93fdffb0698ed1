"""Requests are admitted, and what was admitted ends."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from stratoscope.navigator.loop_share import LoopShare
from stratoscope.navigator.reply_guard import SINGLE_LOGIN, ReplyGuard
from stratoscope.navigator.service import Requests
from stratoscope.navigator.shares import Admission


class FailingReplays:
    """Begins no replay."""

    def begin(self, _: object) -> None:
        raise RuntimeError("not foreseen")


async def test_a_request_that_fails_to_start_keeps_no_slot() -> None:
    admission = Admission(per_client=1)
    guard = ReplyGuard(SINGLE_LOGIN, lambda _: None)
    requests = Requests(
        *(cast(Any, None), cast(Any, None)),
        *(cast(Any, FailingReplays()), guard, admission, None, LoopShare()),
    )
    asked = SimpleNamespace(
        subject="strato.default.nav.replay", reply="_INBOX.abcdefghijkl.1", data=b"", headers=None
    )
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await requests.hear(cast(Any, asked))
    assert not admission._clients
