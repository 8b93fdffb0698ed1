"""Whatever happens there is a reply, and it tells a stranger nothing of the inside."""

import json

import nats.errors
import nats.js.errors
import pytest
from structlog.testing import capture_logs

from stratoscope.domain.delta import DamagedChain
from stratoscope.navigator.answering import Answering, verb_in
from stratoscope.navigator.metrics import Metrics
from stratoscope_contracts.errors import AgentNotFound, BadRequest

SUBJECT = "strato.default.nav.state.at"


class Kept:
    """Spills that are only remembered."""

    def __init__(self) -> None:
        self.replies: list[tuple[str, bytes]] = []

    async def keep(self, space: str, reply: bytes) -> bytes:
        self.replies.append((space, reply))
        return b'{"spilled":{}}'


def answering(outcome, *, kept: Kept | None = None, limit: int = 100_000) -> Answering:
    async def dispatch(space: str, verb: str, body: bytes) -> bytes:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return Answering(dispatch, kept or Kept(), Metrics(["state.at"]), limit)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("secret of the inside"), "something went wrong here"),
        (OSError("secret of the inside"), "the database does not answer just now"),
        (TimeoutError("secret of the inside"), "the database does not answer just now"),
        (nats.errors.TimeoutError(), "the broker does not answer just now"),
        (nats.errors.NoRespondersError(), "the broker does not answer just now"),
        (nats.js.errors.ServiceUnavailableError(), "the broker does not answer just now"),
        (DamagedChain("secret of the inside"), "the state that is stored there is damaged"),
    ],
)
async def test_an_error_of_the_inside_is_told_by_a_number(error, said):
    with capture_logs() as logs:
        reply = await answering(error).reply(SUBJECT, b"")
    body = json.loads(reply.body)
    assert body["code"] == "internal"
    assert body["message"].startswith(said)
    assert b"secret" not in reply.body
    assert reply.headers["Nats-Service-Error-Code"] == "500"
    assert logs[0]["error_id"] == body["details"]["error_id"]
    # An outage fails every request: a line each, and no trace.
    lost = "does not answer" in said
    assert logs[0]["exc_info"] is (None if lost else error)
    assert type(error).__name__ in logs[0]["error"]


async def test_an_error_of_the_contract_is_told_as_it_is():
    reply = await answering(AgentNotFound("nobody", {"a": 1})).reply(SUBJECT, b"")
    assert json.loads(reply.body) == {
        "code": "agent_not_found",
        "message": "nobody",
        "details": {"a": 1},
    }
    assert reply.headers == {"Nats-Service-Error": "nobody", "Nats-Service-Error-Code": "404"}


async def test_an_error_of_any_size_fits():
    error = BadRequest("x" * 10**6, {"errors": ["y" * 10**6]})
    reply = await answering(error).reply(SUBJECT, b"")
    assert len(reply.body) < 2_000
    assert len(reply.headers["Nats-Service-Error"]) < 1_000


async def test_only_a_reply_that_is_too_large_is_spilled():
    kept = Kept()
    small = await answering(b"x" * 90_000, kept=kept).reply(SUBJECT, b"")
    assert (len(small.body), kept.replies) == (90_000, [])
    large = await answering(b"x" * 99_000, kept=kept).reply(SUBJECT, b"")
    assert large.body == b'{"spilled":{}}'
    assert kept.replies == [("default", b"x" * 99_000)]


@pytest.mark.parametrize(
    "subject", ["strato.default.rec.a.event", "strato.UP.nav.stats", "x", "", "strato.a.nav.B"]
)
async def test_a_subject_that_is_no_request_gets_a_reply(subject):
    reply = await answering(b"{}").reply(subject, b"")
    assert json.loads(reply.body)["code"] == "bad_request"


async def test_a_cancel_gets_none():
    assert await answering(b"{}").reply("strato.default.nav.cancel.x", b"") is None


@pytest.mark.parametrize(
    ("subject", "verb"),
    [
        (SUBJECT, "state.at"),
        ("strato.default.nav.session.data.set", "session.data.set"),
        ("strato.default.nav.no.such", "unknown"),
        ("other.nav.state.at", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_verb_is_a_label_only_where_the_contract_knows_it(subject, verb):
    assert verb_in(subject) == verb
