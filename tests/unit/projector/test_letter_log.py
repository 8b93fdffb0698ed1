"""Lines about dead letters are few, however many letters there are."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from stratoscope.projector import dead_letters
from stratoscope.projector.dead_letters import LetterLog
from stratoscope.store.intake import DeadLetter


def letter(stream_seq: int) -> DeadLetter:
    return DeadLetter(
        stream_seq=stream_seq,
        ordinal=None,
        rule_version=1,
        space="default",
        agent="walker",
        subject="strato.default.part.3.walker.event",
        reason="not_json",
        detail="",
        headers="{}",
        body=b"rubbish",
        recorded_at=datetime(2026, 11, 23, tzinfo=UTC),
    )


def test_refused_messages_do_not_fill_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message a batch, as a steady sender has it, was a line each."""
    said: list[tuple[str, object]] = []
    write = SimpleNamespace(
        warning=lambda event, **fields: said.append(
            (event, fields.get("stream_seq", fields.get("count")))
        )
    )
    monkeypatch.setattr(dead_letters, "log", write)
    now = 100.0
    log = LetterLog(lambda: now)
    for number in range(1000):
        log.tell([letter(number)])
    assert [seq for _, seq in said] == list(range(10))
    said.clear()
    now = 110.0
    log.tell([letter(number) for number in range(1000, 1015)])
    assert said[0] == ("and more messages were dead letters", 990)
    assert [seq for _, seq in said[1:]] == list(range(1000, 1010))
