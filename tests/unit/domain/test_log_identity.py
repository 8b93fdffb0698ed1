"""A stream is recognised by its creation, its end and the messages at checkpoints."""

from datetime import UTC, datetime

import pytest

from stratoscope.domain.log_identity import (
    RememberedLog,
    fingerprint,
    identity_difference,
    message_difference,
)

THEN, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("created", "last", "known", "said"),
    [
        (THEN, 7, RememberedLog(THEN, 7, ()), None),
        (NOW, 7, RememberedLog(None, 0, ()), None),
        (NOW, 7, RememberedLog(THEN, 7, ()), "LOG was made at 2026-01-02"),
        (
            THEN,
            6,
            RememberedLog(THEN, 7, ()),
            "LOG ends at 6, but was projected up to 7: roll",
        ),
    ],
)
def test_a_stream_is_recognised_by_its_creation_and_its_end(
    created: datetime, last: int, known: RememberedLog, said: str | None
):
    found = identity_difference("LOG", created, last, known)
    assert found is None if said is None else (found or "").startswith(said)


def test_a_message_is_recognised_by_its_digest():
    known = fingerprint("a", b"b")
    assert message_difference("LOG", 3, known, fingerprint("a", b"b")) is None
    said = message_difference("LOG", 3, known, fingerprint("ab", b""))
    assert said == "LOG has another message at 3 than was projected"
