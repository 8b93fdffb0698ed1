"""Reply subjects: which the navigator accepts, for which kind of message, in which set-up."""

from collections.abc import Callable

import pytest
import structlog
from pydantic import ValidationError

from stratoscope.navigator.reply_guard import (
    SINGLE_LOGIN,
    Asked,
    ReplyGuard,
    extra_prefixes,
)
from stratoscope.navigator.settings import NavigatorSettings
from stratoscope_contracts.inboxes import COMMON_ASKERS, ROLES

REQUEST = "strato.lab.nav.state.at"
CANCEL = "strato.lab.nav.cancel.one"
GATE = "strato.lab.gate.explorer"
SERVICE = "$SRV.PING"
REPLICA = "strato._watch.3"
FOREIGN = [
    "",
    "strato.lab.rec.explorer.event",
    "strato.other.rec.explorer.snapshot",
    "strato.other.hit.explorer",
    "strato.other.ctl.explorer",
    "strato.other.dlq.explorer",
    "strato.other.nav.agent.pause",
    "strato.lab.nav.cancel.one",
    "strato._projected",
    "strato._flow.0",
    "$JS.API.STREAM.PURGE.STRATO_RECORD",
    "$JS.ACK.STRATO_RECORD.one.1.1.1.1.1",
    "$O.strato-exports-other.C.one",
    "$SRV.PING",
    "$SYS.REQ.SERVER.PING",
    "_INBOX",
    "_INBOX_operator",
    "_INBOX_operator.lab",
    "_INBOX_operator.labs.ops.1",
    "_INBOX_operator.other.ops.1",
    "_INBOX_console.other.browser.1",
    "_INBOX_agent.lab.explorer.1",
    "_INBOX_agent.other.explorer.1",
    "_INBOX_projector.main.1",
    "_INBOX_navigators.main.1",
    "_INBOX_administrator.main.1",
    "anything",
    " _INBOX.1",
    "_inbox.1",
]


class Counted:
    """A guard, and what it has counted."""

    def __init__(self, *extra: str) -> None:
        self.refused: list[Asked] = []
        self.now = 0.0
        self.guard = ReplyGuard(extra, self.refused.append, lambda: self.now)

    def checks(self) -> dict[Asked, Callable[[str], bool]]:
        guard = self.guard
        return {
            "request": lambda reply: guard.accepts_request(REQUEST, reply),
            "discovery": lambda reply: guard.accepts_discovery(SERVICE, reply),
            "gate": lambda reply: guard.accepts_gate(GATE, reply),
            "replica": lambda reply: guard.accepts_replica(REPLICA, reply),
        }


@pytest.mark.parametrize("reply", [*FOREIGN, "_INBOX.a.b", "_INBOX.stranger"])
def test_with_roles_no_other_subject_is_a_reply_subject(reply: str) -> None:
    one = Counted()
    # A question of NATS services names no space, so the space of the inbox does not matter.
    accepted = {"discovery"} if reply.startswith(("_INBOX_operator.", "_INBOX_console.")) else set()
    for asked, check in one.checks().items():
        assert check(reply) == (asked in accepted), asked
    assert one.refused == [asked for asked in one.checks() if asked not in accepted]


@pytest.mark.parametrize(
    ("reply", "accepted"),
    [
        ("_INBOX_operator.lab.ops.1", {"request", "discovery"}),
        ("_INBOX_console.lab.browser.1", {"request", "discovery"}),
        ("_INBOX_admin.main.1", {"request", "discovery"}),
        ("_INBOX_navigator.main.1", {"replica"}),
        ("_R_.abc.1", {"gate"}),
    ],
)
def test_with_roles_each_inbox_is_a_reply_subject_of_its_own_questions(
    reply: str, accepted: set[Asked]
) -> None:
    one = Counted()
    assert {asked for asked, check in one.checks().items() if check(reply)} == accepted


@pytest.mark.parametrize("reply", FOREIGN)
def test_with_a_single_login_nothing_but_its_inboxes_is_added(reply: str) -> None:
    one, with_roles = Counted(*SINGLE_LOGIN), Counted()
    for check, same in zip(one.checks().values(), with_roles.checks().values(), strict=True):
        assert check("_INBOX.1")
        assert check(reply) == same(reply)


def test_a_prefix_with_a_space_is_for_that_space_only() -> None:
    one = Counted("_INBOX_web.{space}.")
    assert one.guard.accepts_request(REQUEST, "_INBOX_web.lab.1")
    assert one.guard.accepts_gate(GATE, "_INBOX_web.lab.1")
    assert one.guard.accepts_discovery(SERVICE, "_INBOX_web.other.1")
    assert not one.guard.accepts_request(REQUEST, "_INBOX_web.other.1")
    assert not one.guard.accepts_gate(GATE, "_INBOX_web.other.1")
    assert not one.guard.accepts_replica(REPLICA, "_INBOX_web.{space}.1")


@pytest.mark.parametrize("role", ROLES)
def test_a_space_that_is_named_after_a_role_has_no_inbox_of_it(role: str) -> None:
    guard = Counted("_INBOX_{space}.").guard
    request, gate = f"strato.{role}.nav.stats", f"strato.{role}.gate.a"
    is_common = role in COMMON_ASKERS
    assert guard.accepts_request(request, f"_INBOX_{role}.default.ops.1") == is_common
    assert not guard.accepts_gate(gate, f"_INBOX_{role}.default.ops.1")
    assert guard.accepts_request("strato.lab.nav.stats", "_INBOX_lab.1")


def test_a_cancel_has_no_reply_subject_or_that_of_a_request() -> None:
    one = Counted()
    for reply, accepted in (("", True), ("_INBOX_operator.lab.ops.1", True), (REQUEST, False)):
        assert one.guard.accepts_cancel(CANCEL, reply) is accepted
    assert one.refused == []
    # The queue of requests hears it too: one replica of all counts it.
    assert not one.guard.accepts_request(CANCEL, "")
    assert one.refused == []
    assert not one.guard.accepts_request(CANCEL, REQUEST)
    assert one.refused == ["cancel"]


def test_refusals_are_logged_at_a_limited_rate_and_none_is_uncounted() -> None:
    one = Counted()
    with structlog.testing.capture_logs() as lines:
        for _ in range(1000):
            one.guard.accepts_request(REQUEST, "strato.other.rec.explorer.event" + "x" * 5000)
        one.now = 60.0
        one.guard.accepts_gate(GATE, "anything")
    assert len(one.refused) == 1001
    first, second = lines
    assert first["reply"].startswith("strato.other.rec.explorer.event")
    assert len(first["reply"]) <= 200
    assert second["refused_unlogged"] == 999


def test_without_a_setting_the_login_decides() -> None:
    assert extra_prefixes(None, "_INBOX_navigator.main") == ()
    assert extra_prefixes(None, "_INBOX") == SINGLE_LOGIN
    assert extra_prefixes("", "_INBOX") == ()
    assert extra_prefixes("_INBOX., _INBOX_web.{space}.", "_INBOX_navigator.main") == (
        "_INBOX.",
        "_INBOX_web.{space}.",
    )


@pytest.mark.parametrize(
    "named", ["strato.", "$JS.API.", "_INBOX", "_INBOX.*.", "_INBOX.>.", ".", "x.", "_IN\nBOX."]
)
def test_a_prefix_that_could_reach_other_subjects_is_refused(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRATO_NAVIGATOR_REPLY_PREFIXES", named)
    with pytest.raises(ValidationError, match="no prefix of reply subjects"):
        NavigatorSettings()
