"""Conditions that are looked for together, and what of a page is a hit of which.

Those that are judged alike share one stream of candidates and one look at each: however many
breakpoints there are, a timeline is gone through at most once for each way of judging.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from uuid import UUID

from stratoscope.domain.canonical import decoded
from stratoscope.domain.conditions.judging import NO_TRUTHS, Truths, is_hit
from stratoscope.domain.conditions.marks import Mark
from stratoscope.domain.conditions.parts import Changed, StateIs, leaves
from stratoscope.domain.conditions.plan import EVERYTHING, Sources, sources, together
from stratoscope.domain.conditions.reasons import reason
from stratoscope.domain.conditions.seen import Before, Look, Seen
from stratoscope.domain.conditions.watch import Judged, Watch
from stratoscope.domain.expressions.rules import Expression
from stratoscope.domain.fields import in_index
from stratoscope.domain.timeline import Place
from stratoscope.domain.watching.armed import Armed, Record
from stratoscope.domain.watching.index import Index
from stratoscope.navigator.running.looking import Looked, Page, Wants
from stratoscope.navigator.running.reads import event_keys
from stratoscope_contracts.breakpoints import HitRule, Trigger

# More than these are looked up by what could hit them.
_MANY: Final = 32


@dataclass(frozen=True)
class Sought:
    """A condition that is run to."""

    watch: Watch
    trigger: Trigger = "edge"
    rule: HitRule | None = None

    @property
    def is_level(self) -> bool:
        """Whether it is hit at every record while it is true."""
        return self.trigger == "level" and self.watch.judged == "state"


@dataclass(frozen=True, slots=True)
class PageTruths:
    """The truths of expressions over a page: those on one record each, and those on a state."""

    of_records: Mapping[tuple[str, int], bool]
    of_states: Mapping[tuple[str, int], bool]
    everywhere: Truths


@dataclass(frozen=True)
class Group:
    """Conditions that are judged alike; each by its number among those that are sought."""

    judged: Judged
    is_level: bool
    members: Mapping[int, Sought]

    @property
    def is_edge(self) -> bool:
        """Whether they are hit where they become true."""
        return self.judged == "state" and not self.is_level

    @cached_property
    def sources(self) -> Sources:
        """Where any of them can be hit."""
        if self.is_level:
            return EVERYTHING
        return together(sources(one.watch) for one in self.members.values())

    @cached_property
    def expressions(self) -> tuple[Expression, ...]:
        """What is to be evaluated for them."""
        found = (one for sought in self.members.values() for one in sought.watch.expressions)
        return tuple(dict.fromkeys(found))

    @cached_property
    def wants(self) -> Wants:
        """What is to be read of each candidate."""
        watches = [one.watch for one in self.members.values()]
        needs = frozenset(need for watch in watches for need in watch.needs)
        paths = frozenset(in_index(path) for watch in watches for path in watch.paths)
        return Wants(
            event_keys=event_keys(self.expressions),
            around=self.is_edge or bool(paths),
            # A reason says what was there before, too.
            before=self.is_edge or any(map(_compares, watches)),
            clock_before=self.is_edge and "clock" in needs,
            paths=paths,
            touched=self.is_edge,
        )

    def met(self, record: Looked) -> Iterable[tuple[int, Sought]]:
        """Those that a record could hit: of many, an index finds the few."""
        if self._index is None:
            return self.members.items()
        event = record.event
        met = self._index.candidates(
            Record(
                Place(0, 0),
                record.mark.event_index,
                record.clock,
                None if record.is_first else record.clock_before or record.clock,
                record.clock,
                record.after,
                record.before,
                event is not None,
                event.type if event else None,
                event.depth if event else None,
                changed=None,
            )
        )
        return ((one.id.int, self.members[one.id.int]) for one in met)

    @cached_property
    def _index(self) -> Index | None:
        if len(self.members) <= _MANY:
            return None
        index = Index()
        for number, one in self.members.items():
            index.add(Armed(UUID(int=number), one.watch, 0, one.trigger))
        return index


def groups_of(sought: Iterable[tuple[int, Sought]]) -> list[Group]:
    """Those that are judged alike, together."""
    found: dict[tuple[Judged, bool], dict[int, Sought]] = defaultdict(dict)
    for number, one in sought:
        found[one.watch.judged, one.is_level][number] = one
    return [Group(judged, is_level, members) for (judged, is_level), members in found.items()]


@dataclass(frozen=True, slots=True)
class Found:
    """A hit: the record, and the reasons by the numbers of what it is a hit of."""

    mark: Mark
    reasons: Mapping[int, str]


def hits_in(group: Group, page: Page, truths: PageTruths) -> list[Found]:
    """The hits among the records of a page, in their order."""
    states = _Decoding(page.states)
    found = []
    for number, record in enumerate(page.records):
        seen = seen_in(record, states)
        now = _truths(group, truths, number, record.after)
        before = _truths(group, truths, number, record.before) if group.is_edge else NO_TRUTHS
        reasons = {
            key: reason(one.watch, seen, now)
            for key, one in group.met(record)
            if is_hit(one.watch, seen, now, before, one.trigger)
        }
        if reasons:
            found.append(Found(record.mark, reasons))
    return found


def seen_in(record: Looked, states: "_Decoding") -> Seen:
    """A record as conditions look at it."""
    before = None
    if not record.is_first:
        before = Before(record.clock_before or record.clock, states.of(record.before))
    event = record.event
    return Seen(
        None,
        record.mark.event_index,
        record.clock,
        is_event=event is not None,
        type=event.type if event else None,
        depth=event.depth if event else None,
        sets_state=record.after != record.before,
        state=states.of(record.after),
        before=before,
    )


class _Decoding:
    """States of a page, each decoded once, when somebody looks."""

    def __init__(self, states: Mapping[int, bytes]) -> None:
        self._states = states
        self._known: dict[int, Look] = {}

    def of(self, version: int) -> Look:
        """A look at a version."""
        look = self._known.get(version)
        if look is None:
            look = self._known[version] = self._look(version)
        return look

    def _look(self, version: int) -> Look:
        found: list[object] = []

        def look() -> object:
            if not found:
                found.append(decoded(self._states[version]))
            return found[0]

        return look


def _truths(group: Group, truths: PageTruths, number: int, version: int) -> Truths:
    if not group.expressions:
        return NO_TRUTHS
    found = {}
    for expression in group.expressions:
        source = expression.source
        if "event" in expression.variables:
            found[source] = truths.of_records.get((source, number), False)
        elif expression.variables:
            found[source] = truths.of_states.get((source, version), False)
        else:
            found[source] = truths.everywhere.get(source, False)
    return found


def _compares(watch: Watch) -> bool:
    """Whether it looks at values of the state itself, and not by an expression."""
    return any(isinstance(leaf, StateIs | Changed) for leaf in leaves(watch.root))
