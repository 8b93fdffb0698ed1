"""What each role may publish and subscribe to: the table that the broker is held to.

Written by hand and on its own: it knows nothing of the permissions that `admin/roles.py` makes.
`make roles` writes it into docs/roles.md, a test compares it with that page and with the broker.
"""

import re
from dataclasses import dataclass
from typing import Final

from stratoscope_contracts.inboxes import ROLES, Role
from support.jetstream_api import API, OF_A_STREAM, subject
from support.pages import ROOT, page

PAGE: Final = "docs/roles.md"
_BEGIN: Final = "<!-- written by `make roles` -->\n"
_END: Final = "<!-- until here -->\n"
# How a member of each role is named in the tests, with space `default`.
NAMES: Final[dict[Role, str]] = {
    "agent": "explorer",
    "operator": "ops",
    "console": "browser",
    "projector": "main",
    "navigator": "main",
    "admin": "main",
}
# Letters of a cell, by role in the order of ROLES: P for publish, S for subscribe, - for neither.
_ORDER: Final[tuple[Role, ...]] = (
    "agent",
    "operator",
    "console",
    "projector",
    "navigator",
    "admin",
)


@dataclass(frozen=True)
class Row:
    """Subjects of one kind, and what each role may do with all of them."""

    kind: str
    subjects: tuple[str, ...]
    cells: str

    def may(self, role: Role) -> str:
        """Some of P and S."""
        return self.cells.split()[_ORDER.index(role)].replace("-", "")


def _of(template: str, *names: str) -> tuple[str, ...]:
    return tuple(template.format(name) for name in names)


_RECORDS: Final = ("event", "snapshot", "batch")
#                                                                 agent op con proj nav admin
SUBJECTS: Final = (
    Row(
        "`rec` of the own agent",
        _of("strato.default.rec.explorer.{}", *_RECORDS),
        "P - - - P PS",
    ),
    Row(
        "`rec` of another agent",
        _of("strato.default.rec.stranger.{}", *_RECORDS),
        "- - - - P PS",
    ),
    Row(
        "`rec` of another space",
        _of("strato.other.rec.explorer.{}", *_RECORDS),
        "- - - - P PS",
    ),
    Row(
        "`rec` of a kind that is none",
        ("strato.default.rec.explorer.other",),
        "- - - - P PS",
    ),
    # Where it is published, a wildcard is a token as any other.
    Row(
        "`rec.<agent>.*`, `rec.*.*`",
        ("strato.default.rec.explorer.*", "strato.*.rec.*.*"),
        "- - - - P PS",
    ),
    Row(
        "`strato.>`, `strato.<space>.>`",
        ("strato.>", "strato.default.>", "strato.default.rec.>"),
        "- - - - - PS",
    ),
    Row("`gate` of the own agent", ("strato.default.gate.explorer",), "P - - - S PS"),
    Row("`gate` of another agent", ("strato.default.gate.stranger",), "- - - - S PS"),
    Row("`gate` of another space", ("strato.other.gate.explorer",), "- - - - S PS"),
    Row("`ctl` of the own agent", ("strato.default.ctl.explorer",), "S - - - P PS"),
    Row("`ctl` of another agent", ("strato.default.ctl.stranger",), "- - - - P PS"),
    Row("`ctl` of another space", ("strato.other.ctl.explorer",), "- - - - P PS"),
    Row("`dlq` of the own agent", ("strato.default.dlq.explorer",), "S - - P - PS"),
    Row("`dlq` of another agent", ("strato.default.dlq.stranger",), "- - - P - PS"),
    Row("`dlq` of another space", ("strato.other.dlq.explorer",), "- - - P - PS"),
    Row(
        "`hit` of the own space",
        _of("strato.default.hit.{}", "explorer", "stranger"),
        "- S S - P PS",
    ),
    Row("`hit` of another space", ("strato.other.hit.explorer",), "- - - - P PS"),
    Row(
        "`part`, as the log keeps records",
        ("strato.default.part.0.explorer.event", "strato.other.part.3.stranger.batch"),
        "- - - - - PS",
    ),
    Row(
        "`nav`, verbs and cancels of the own space",
        (
            "strato.default.nav.state.at",
            "strato.default.nav.replay",
            "strato.default.nav.session.import",
            "strato.default.nav.agent.pause",
            "strato.default.nav.cancel.one",
        ),
        "- P P - S PS",
    ),
    Row(
        "`nav`, verbs and cancels of another space",
        (
            "strato.other.nav.state.at",
            "strato.other.nav.replay",
            "strato.other.nav.agent.pause",
            "strato.other.nav.cancel.one",
        ),
        "- - - - S PS",
    ),
    Row("`strato._projected`", ("strato._projected",), "- S S P S PS"),
    Row("`strato._committed`", ("strato._committed",), "- - - P S PS"),
    Row("`strato._probe`", ("strato._probe",), "- - - P P PS"),
    Row("`strato._watched`", ("strato._watched",), "- - - S P PS"),
    Row("`strato._watch.*`", ("strato._watch.3",), "- - - - PS PS"),
    Row("`strato._flow.*`", ("strato._flow.0123456789abcdef",), "- P P - S PS"),
    Row(
        "`$SRV` of navigators",
        (
            "$SRV.PING",
            "$SRV.INFO.stratoscope-navigator",
            "$SRV.STATS.stratoscope-navigator.one",
        ),
        "- P P - S P",
    ),
    Row("`$SRV` of other services", ("$SRV.PING.other", "$SRV.SCHEMA"), "- - - - S P"),
)
INBOXES: Final = (
    Row("inbox of the agent itself", ("_INBOX_agent.default.explorer.a.1",), "S - - - - -"),
    Row("inbox of the operator itself", ("_INBOX_operator.default.ops.a.1",), "- S - - P -"),
    Row("inbox of the console itself", ("_INBOX_console.default.browser.a.1",), "- - S - P -"),
    Row("inbox of the projector itself", ("_INBOX_projector.main.a.1",), "- - - S - -"),
    Row("inbox of the navigator itself", ("_INBOX_navigator.main.a.1",), "- - - - PS -"),
    Row("inbox of the admin itself", ("_INBOX_admin.main.a.1",), "- - - - P S"),
    Row(
        "inboxes of other agents and projectors",
        (
            "_INBOX_agent.default.stranger.a.1",
            "_INBOX_agent.other.explorer.a.1",
            "_INBOX_projector.other.a.1",
        ),
        "- - - - - -",
    ),
    Row(
        "inboxes of other operators, consoles, navigators and admins",
        (
            "_INBOX_operator.default.another.a.1",
            "_INBOX_operator.other.ops.a.1",
            "_INBOX_console.other.browser.a.1",
            "_INBOX_navigator.other.a.1",
            "_INBOX_admin.other.a.1",
        ),
        "- - - - P -",
    ),
    Row(
        "inboxes of no role, several inboxes at once",
        (
            "_INBOX.stranger.1",
            "_INBOX.>",
            "_INBOX_agent.>",
            "_INBOX_agent.default.*.a",
            "_INBOX_projector.>",
            "_INBOX_unknown.main.1",
        ),
        "- - - - - -",
    ),
    Row("`_R_.>`, replies of an import", ("_R_.one", "_R_.one.two"), "- - - - P -"),
)
SERVER: Final = (
    Row(
        "`$JS.ACK`, `$JS.FC`, `$JS.EVENT`, `$SYS`, `$GNR`, `_GR_`",
        (
            "$JS.ACK.STRATO_RECORD.one.1.1.1.1.1",
            "$JS.FC.STRATO_RECORD.one.a",
            "$JS.EVENT.ADVISORY.API",
            "$SYS.REQ.SERVER.PING",
            "$SYS.REQ.ACCOUNT.STRATO.CONNZ",
            "$SYS.ACCOUNT.STRATO.CONNECT",
            "$GNR.one",
            "_GR_.one.two",
        ),
        "- - - - - -",
    ),
    Row("anything else", ("anything", "strato", "stratum.default", "a.b.c"), "- - - - - -"),
    Row("everything", (">", "*", "*.>", "$JS.>", "$SYS.>"), "- - - - - -"),
)
_OWN_BUCKETS: Final = ("strato-exports-default", "strato-spill-default")
_OTHER_BUCKETS: Final = ("strato-exports-other", "strato-spill-other")
OBJECTS: Final = (
    Row(
        "`$O`, chunks and names of buckets, own space",
        tuple(f"$O.{one}.{part}.a" for one in _OWN_BUCKETS for part in "CM"),
        "- - - - P P",
    ),
    Row(
        "`$O`, chunks and names of buckets, another space",
        tuple(f"$O.{one}.{part}.a" for one in _OTHER_BUCKETS for part in "CM"),
        "- - - - P P",
    ),
)
PLAIN: Final = (*SUBJECTS, *INBOXES, *SERVER, *OBJECTS)

# JetStream's API: which verbs each role may call, by kind of stream. An admin may call all.
STREAMS: Final[dict[str, tuple[str, ...]]] = {
    "STRATO_RECORD": ("STRATO_RECORD",),
    "STRATO_DLQ": ("STRATO_DLQ",),
    "STRATO_HITS": ("STRATO_HITS",),
    "STRATO_PROBE": ("STRATO_PROBE",),
    "buckets": tuple(f"OBJ_{one}" for one in (*_OWN_BUCKETS, *_OTHER_BUCKETS)),
    "other streams": ("ANOTHER", "KV_one"),
}
_CONSUMERS: Final = {
    "CONSUMER.CREATE.*",
    "CONSUMER.CREATE.*.*",
    "CONSUMER.CREATE.*.*.>",
    "CONSUMER.INFO.*.*",
    "CONSUMER.DELETE.*.*",
    "CONSUMER.MSG.NEXT.*.*",
}
_READ: Final = {"STREAM.INFO.*", "STREAM.MSG.GET.*", "DIRECT.GET.*", "DIRECT.GET.*.>"}
_MAKE: Final = {"STREAM.INFO.*", "STREAM.CREATE.*"}
_TEND: Final = _READ | {"STREAM.CREATE.*", "STREAM.PURGE.*"}
_ALL: Final = set(API)
API_OF: Final[dict[Role, dict[str, set[str]]]] = {
    "agent": {},
    "operator": {},
    "console": {},
    "projector": {
        "STRATO_RECORD": _MAKE | _CONSUMERS | {"STREAM.MSG.GET.*"},
        "STRATO_DLQ": _MAKE,
        "STRATO_HITS": _MAKE,
        "STRATO_PROBE": _MAKE,
    },
    "navigator": {
        "STRATO_RECORD": _READ,
        "STRATO_DLQ": _READ,
        "STRATO_HITS": _READ | _CONSUMERS,
        "STRATO_PROBE": _READ,
        "buckets": _TEND,
        "other streams": _TEND,
    },
    "admin": dict.fromkeys(STREAMS, _ALL),
}


def jetstream_rows(role: Role) -> dict[str, bool]:
    """Every subject of JetStream's API, and whether a role may publish to it."""
    found = {
        subject(verb, name): verb in API_OF[role].get(kind, set())
        for kind, names in STREAMS.items()
        for name in names
        for verb in OF_A_STREAM
    }
    account = {subject(verb): role == "admin" for verb in API if verb not in OF_A_STREAM}
    return found | account


def expected(role: Role) -> dict[str, str]:
    """Every subject that is tried, and what a role may do with it: some of P and S."""
    api = {name: "P" * may for name, may in jetstream_rows(role).items()}
    plain = {name: row.may(role) for row in PLAIN for name in row.subjects}
    return api | plain


def render() -> str:
    """The tables as Markdown."""
    lines = [f"| P publish, S subscribe | {' | '.join(ROLES)} |", "|---|" + "---|" * len(ROLES)]
    for row in PLAIN:
        cells = " | ".join(row.may(role) for role in ROLES)
        lines.append(f"| {row.kind} | {cells} |")
    lines += ["", f"| JetStream's API | {' | '.join(ROLES)} |", "|---|" + "---|" * len(ROLES)]
    for kind in STREAMS:
        for verb in OF_A_STREAM:
            may = [verb in API_OF[role].get(kind, set()) for role in ROLES]
            # What an admin alone may do is told once.
            if sum(may) > 1:
                cells = " | ".join("P" * one for one in may)
                lines.append(f"| `{verb}` of {kind} | {cells} |")
    lines.append(f"| all else of its {len(API)} subjects | | | | | | P |")
    return "\n".join(re.sub(r"(?<=\|) +(?=\|)", " ", line) for line in lines)


def written() -> str:
    """The tables as the page has them."""
    return page(PAGE).partition(_BEGIN)[2].partition(_END)[0].strip()


def write() -> None:
    """Put the tables into the page."""
    before, begin, rest = page(PAGE).partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise LookupError(f"{PAGE} has no place for the tables")
    (ROOT / PAGE).write_text(f"{before}{begin}\n{render()}\n\n{end}{after}", "utf-8")


if __name__ == "__main__":
    write()
