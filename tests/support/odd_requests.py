"""Requests for every verb of the contract, drawn over what was taken.

`REQUESTS` has a generator for each verb; a test holds it to the contract's table, so that a new
verb can't be left out. Each draws from `Taken`, which names what there is to ask about. Every
tenth request is spoiled: a value of the wrong kind, an unknown field, or no JSON at all.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from support.odd_records import (
    AGENTS,
    BAD_TIMES,
    BAD_VALUES,
    IDS,
    KEYS,
    POINTERS,
    SCALARS,
    TIMES,
    TYPES,
    Json,
    spell,
)

PATHS: Final = (
    *("", "a", "b", "health", "items", "items[0]", "items[1]", '["a.b"]', '[""]', "a[0]"),
    *('["\\u202e"]', '["\\n"]', "a.b.c", "nothing", *POINTERS),
)
BAD_PATHS: Final = ("[", "a..b", '["', "a[01]", "/~2", '["\\ud800"]', "a[-1]", "]", "x" * 5000)
EXPRESSIONS: Final = (
    *("state.health > 3", "event.type == 'x'", "has(state.a)", "event.data.a == state.a", "true"),
    *("state.items.exists(i, i == 1)", "size(state.items) > 2", "event.depth > 1"),
    "state.a < 1e400",
)
BAD_EXPRESSIONS: Final = ("", "(", "state.", "x" * 2000, "no_such()", "1 +", "'\ud83d'")
_OPS: Final = ("eq", "ne", "lt", "le", "gt", "ge", "in", "contains", "matches", "exists")


@dataclass(slots=True)
class Taken:
    """What there is to ask about; sessions and breakpoints grow as requests make them."""

    agents: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    last_seq: int = 0
    sessions: list[str] = field(default_factory=list)
    breakpoints: list[str] = field(default_factory=list)
    exports: list[str] = field(default_factory=list)


class Draw:
    """Pieces of requests."""

    def __init__(self, drawn: random.Random, taken: Taken) -> None:
        self.drawn = drawn
        self.taken = taken

    def one(self, *values: Any) -> Any:
        """One of the values."""
        return self.drawn.choice(values)

    def likely(self, chance: float = 0.5) -> bool:
        """Whether to do something that is optional."""
        return self.drawn.random() < chance

    def agent(self) -> str:
        """An agent, mostly one that is there."""
        return self.drawn.choice(self.taken.agents or AGENTS) if self.likely(0.95) else "nobody"

    def event(self) -> str:
        """An event's id."""
        return self.drawn.choice([*self.taken.events, *IDS])

    def snapshot(self) -> str:
        """A snapshot's id."""
        return self.drawn.choice([*self.taken.snapshots, *IDS])

    def session(self) -> str:
        """A session's id."""
        return self.drawn.choice([*self.taken.sessions[-4:], IDS[1]])

    def breakpoint(self) -> str:
        """A breakpoint's id."""
        return self.drawn.choice([*self.taken.breakpoints[-4:], IDS[1]])

    def path(self) -> str:
        """A path."""
        return self.drawn.choice(BAD_PATHS if self.likely(0.1) else PATHS)

    def at(self) -> Json:
        """A moment of an agent."""
        time = {"time": self.drawn.choice(TIMES)}
        return self.one(
            {"latest": True},
            {"event_index": self.one(-1, 0, 1, 5, 2**31, 2**63 - 1, 2**63, 2**64)},
            {"stream_seq": self.one(0, 1, self.taken.last_seq, 2**63 - 1, 2**64 - 1)},
            time | {"clock": self.one("occurred", "recorded")},
            {"event_id": self.event()},
            {"snapshot_id": self.snapshot()},
        )

    def stretch(self) -> Json:
        """An agent and a stretch of its timeline."""
        found = {"agent": self.agent()}
        if self.likely(0.3):
            found["from"] = self.at()
        if self.likely(0.3):
            found["to"] = self.at()
        return found

    def page(self) -> Json:
        """How much of a list."""
        found = {"limit": self.one(1, 5, 1000)} if self.likely() else {}
        return found | ({"cursor": self.one("", "x", "AAAA")} if self.likely(0.05) else {})

    def condition(self, depth: int = 2) -> Json:
        """A condition."""
        forms: list[Callable[[], Json]] = [
            lambda: {"kind": "at_time", "time": self.drawn.choice(TIMES)},
            lambda: {"kind": "at_event_index", "index": self.one(0, 3, 2**63 - 1, 2**64)},
            lambda: {"kind": "on_event_type", "type": self.drawn.choice(TYPES)},
            self._on_state,
            lambda: {"kind": "on_change", "path": self.path()},
            lambda: {"kind": "on_causality_depth", "depth": self.one(1, 2, 2**31)},
            lambda: {"kind": "expression", "source": self.expression()},
        ]
        if depth:
            inner = [self.condition(depth - 1) for _ in range(2)]
            forms += [
                lambda: {"kind": self.one("all_of", "any_of"), "conditions": inner},
                lambda: {"kind": "not", "condition": inner[0]},
            ]
        return self.drawn.choice(forms)()

    def _on_state(self) -> Json:
        op = self.drawn.choice(_OPS)
        value = self.drawn.choice(BAD_VALUES if self.likely(0.15) else SCALARS)
        match op:
            case "in":
                value = [value, 1]
            case "matches":
                value = self.one("^a", "(", ".*\u202e", "[[:alpha:]]+")
            case "exists":
                value = self.one(True, False, None)
        return {"kind": "on_state", "path": self.path(), "op": op, "value": value}

    def expression(self) -> str:
        """An expression, at times one that can't be compiled."""
        return self.drawn.choice(BAD_EXPRESSIONS if self.likely(0.1) else EXPRESSIONS)

    def options(self) -> Json:
        """Options of a comparison."""
        drawn, found = self.drawn, {}
        choices: tuple[tuple[str, Any], ...] = (
            ("include_paths", [self.path()]),
            ("exclude_paths", ["**", "items[*]"]),
            ("max_depth", self.one(1, 2, 2**31)),
            ("ignore_threshold", self.one(0, 0.5, 1e308, 5e-324)),
            ("types", [self.one("null", "number", "string", "array")]),
            ("ignore_order", True),
            ("significant_digits", self.one(0, 1, 15, 2**31)),
            ("categories", {"c": [self.path()]}),
        )
        for key, value in drawn.sample(choices, drawn.randint(0, 3)):
            found[key] = value
        return {"options": found} if found else {}


def _session(draw: Draw) -> Json:
    return {"id": draw.session()} | ({"if_version": draw.one(1, 2)} if draw.likely(0.1) else {})


def _text(draw: Draw) -> Any:
    return draw.one(*(one for one in SCALARS if type(one) is str), "\u202e")


def _created(draw: Draw) -> Json:
    found = {"agent": draw.agent(), "name": _text(draw)}
    if draw.likely():
        found["config"] = {
            "auto_breakpoints": draw.one(True, False),
            "max_navigation_history": draw.one(1, 1000),
        }
    return found


def _armed(draw: Draw) -> Json:
    found = {"agent": draw.one(draw.agent(), "*"), "condition": draw.condition()}
    if draw.likely():
        found["past"] = draw.one(1, 20)
    if draw.likely(0.3):
        message = draw.one("{state.a} {event.type}", "{", "\x1b[31m", "")
        found |= {"action": "log", "message": message}
    if draw.likely(0.3):
        found |= {"trigger": draw.one("edge", "level"), "metadata": {"k": draw.one(*SCALARS)}}
    return found | ({"session": draw.session()} if draw.likely(0.2) else {})


def _step(draw: Draw) -> Json:
    seconds = draw.one(1e-9, 1, 1e6, 1e12, 1e300)
    size = draw.one("event", "snapshot", {"events": draw.one(1, 2**63 - 1)}, {"seconds": seconds})
    return _session(draw) | {"direction": draw.one("forward", "backward"), "size": size}


def _continue(draw: Draw) -> Json:
    found = _session(draw) | {"direction": draw.one("forward", "backward"), "seconds": 0.5}
    if draw.likely(0.7):
        found["until"] = draw.condition()
    return found | ({"fence": draw.at()} if draw.likely(0.2) else {})


def _two(draw: Draw) -> Json:
    other = {"to_agent": draw.agent()} if draw.likely(0.3) else {}
    return {"agent": draw.agent(), "from": draw.at(), "to": draw.at()} | other | draw.options()


def _cut(draw: Draw) -> Json:
    time = {"time": draw.drawn.choice(TIMES), "clock": draw.one("occurred", "recorded")}
    at = draw.one(time, {"stream_seq": draw.one(0, draw.taken.last_seq, 2**63 - 1)})
    return {"at": at} | ({"path": draw.path()} if draw.likely() else {})


def _graph(draw: Draw) -> Json:
    return {
        "event_id": draw.event(),
        "direction": draw.one("causes", "effects", "both"),
        "format": draw.one("json", "dot", "mermaid"),
        "max_nodes": draw.one(1, 50),
    }


def _object(draw: Draw) -> Json:
    bucket = draw.one("strato-exports", "strato-exports", "strato-spill", "other", "\u202e")
    space = draw.one("default", "default", "default", "other", "")
    name = draw.one(*draw.taken.exports[-4:], "put", "none", "\u202e")
    offset = {"offset": draw.one(0, 1, 2**31, 2**63 - 1)} if draw.likely() else {}
    return {"bucket": f"{bucket}-{space}", "name": name, "limit": draw.one(1, 1024)} | offset


def _upload(draw: Draw) -> Json:
    digest = {"digest": f"SHA-256={'A' * 43}="} if draw.likely(0.2) else {}
    return digest | {
        "upload": draw.one("upload-1", "upload-2", "short"),
        "name": draw.one("put", "\u202e"),
        "offset": draw.one(0, 0, 3, 2**63 - 1),
        "data": draw.one("", "e30=", "e", "\u202e", "A" * 65_536 * 4),
        "last": draw.likely(),
    }


Request = Callable[[Draw], Json]

REQUESTS: Final[Mapping[str, Request]] = MappingProxyType(
    {
        "agents.list": lambda d: d.page() | ({"prefix": _text(d)} if d.likely(0.3) else {}),
        "events.get": lambda d: {"id": d.event()} | ({"agent": d.agent()} if d.likely(0.3) else {}),
        "events.list": lambda d: (
            d.stretch()
            | d.page()
            | {"direction": d.one("forward", "backward")}
            | ({"where": d.expression()} if d.likely(0.3) else {})
            | ({"types": [d.drawn.choice(TYPES)]} if d.likely(0.2) else {})
        ),
        "snapshots.get": lambda d: {"id": d.snapshot(), "path": d.path()},
        "snapshots.list": lambda d: d.stretch() | d.page(),
        "state.at": lambda d: {"agent": d.agent(), "at": d.at(), "path": d.one("", d.path())},
        "state.cut": _cut,
        "state.history": lambda d: d.stretch() | d.page() | {"path": d.path()},
        "state.last_write": lambda d: {"agent": d.agent(), "path": d.path(), "before": d.at()},
        "replay": lambda d: d.stretch() | {"count": d.one(1, 20), "speed": d.one(1e300, 1e6)},
        "stats": lambda d: {},
        "compare": _two,
        "compare.render": lambda d: (
            _two(d) | {"format": d.one("unified", "side_by_side", "json", "html", "json_patch")}
        ),
        "compare.timeline": lambda d: d.stretch() | d.page() | d.options(),
        "compare.patterns": lambda d: d.stretch() | d.options(),
        "compare.divergence": lambda d: (
            {"agent": d.agent(), "to_agent": d.agent(), "exact": d.likely()} | d.options()
        ),
        "causality.chain": lambda d: {"event_id": d.event()},
        "causality.effects": lambda d: {"event_id": d.event(), "max_depth": d.one(1, 9)} | d.page(),
        "causality.graph": _graph,
        "causality.path": lambda d: {"from": d.event(), "to": d.event()},
        "causality.relation": lambda d: {"a": d.event(), "b": d.event()},
        "session.create": _created,
        "session.get": _session,
        "session.list": lambda d: d.page() | ({"agent": d.agent()} if d.likely() else {}),
        "session.update": lambda d: _session(d) | {"name": _text(d), "tags": [_text(d)]},
        "session.start": _session,
        "session.pause": _session,
        "session.resume": _session,
        "session.complete": _session,
        "session.remove": _session,
        "session.stats": _session,
        "session.data.set": lambda d: (
            _session(d)
            | {"key": d.one("k", "\u202e", "k" * 256, ""), "value": d.one(*SCALARS, *BAD_VALUES)}
        ),
        "session.data.get": lambda d: _session(d) | {"key": d.one("k", "\u202e", "none")},
        "session.mark": lambda d: _session(d) | {"name": d.one("m", "\x1b[31m"), "note": _text(d)},
        "session.marks": _session,
        "session.unmark": lambda d: _session(d) | {"name": d.one("m", "none")},
        "session.position": _session,
        "session.export": lambda d: _session(d) | {"format": d.one("json", "binary", "archive")},
        "session.import": lambda d: {
            "object": d.one(*d.taken.exports[-4:], "put", "none", "\u202e")
        },
        "object.get": _object,
        "object.put": _upload,
        "session.goto": lambda d: _session(d) | d.one({"at": d.at()}, {"mark": d.one("m", "none")}),
        "session.step": _step,
        "session.continue": _continue,
        "session.back": _session,
        "session.forward": _session,
        "session.history": _session,
        "breakpoint.create": _armed,
        "breakpoint.get": lambda d: {"id": d.breakpoint()},
        "breakpoint.list": lambda d: d.page() | ({"agent": d.agent()} if d.likely() else {}),
        "breakpoint.enable": lambda d: {"id": d.breakpoint()},
        "breakpoint.disable": lambda d: {"id": d.breakpoint()},
        "breakpoint.remove": lambda d: {"id": d.breakpoint()},
        "breakpoint.check": lambda d: {"agent": d.agent(), "at": d.at()},
        "agent.pause": lambda d: {"agent": d.agent()},
        "agent.resume": lambda d: {"agent": d.agent()},
        "agent.step": lambda d: {"agent": d.agent(), "events": d.one(1, 1_000_000_000)},
    }
)


def request(verb: str, draw: Draw) -> bytes:
    """The body of a request for a verb; every tenth spoiled."""
    body = REQUESTS[verb](draw)
    if draw.likely(0.9):
        return spell(body).encode()
    key = draw.one(*body, "no_such_field", *KEYS[:4])
    bad = draw.one(None, [], {}, -1, 1e308, "\u202e", 2**64, *BAD_VALUES, *BAD_TIMES)
    return draw.one(spell(body | {key: bad}).encode(), b"", b"[]", b"\xff", b"{", b"null")
