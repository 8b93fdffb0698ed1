"""What comparing comes to: jobs of bytes that give bytes, done here or in a worker alike.

A job is its name, what it is told as JSON, and the states that it is about. Nothing here knows of
broker or database, and importing it is cheap: a worker imports nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from stratoscope.domain.canonical import decoded
from stratoscope.domain.comparison import telling
from stratoscope.domain.comparison.comparing import Comparison, Subject, compare, subject
from stratoscope.domain.comparison.fingerprint import is_chance
from stratoscope.domain.comparison.options import Options, options_of
from stratoscope.domain.comparison.rendering.lines import pretty
from stratoscope.domain.comparison.rendering.page import page
from stratoscope.domain.comparison.rendering.side_by_side import side_by_side
from stratoscope.domain.comparison.rendering.unified import Title, unified
from stratoscope.domain.comparison.summing import summary
from stratoscope.domain.comparison.texts import readable
from stratoscope.navigator.comparing import runs, series

Json = dict[str, Any]
Told = Json
States = Sequence[bytes]


def perform(job: str, told: Told, states: States) -> bytes:
    """Do a job. Raises TooManyPasses, DamagedChain, and whatever else goes wrong."""
    return JOBS[job](told, states)


def compared(told: Told, states: States) -> bytes:
    """The summary of two states on one line, their changes on the next."""
    options = options_of(told["options"])
    found = _compared(states, options)
    if told.get("without_chance"):
        kept = tuple(one for one in found.differences if not is_chance(one))
        found = replace(found, differences=kept)
    spelled = _spelled(found, options)
    return b"\n".join((orjson.dumps(spelled["summary"]), telling.spelled(spelled["changes"])))


def rendered(told: Told, states: States) -> bytes:
    """The text of a comparison of two states, as JSON."""
    return orjson.dumps(_FORMATS[told["format"]](told, states))


def _unified(told: Told, states: States) -> str:
    old, new = _lines(told, states)
    return unified(old, new, _titles(told))


def _side_by_side(told: Told, states: States) -> str:
    old, new = _lines(told, states)
    return side_by_side(old, new, _titles(told), told["width"])


def _html(told: Told, states: States) -> str:
    options = options_of(told["options"])
    found = _compared(states, options)
    return page(found.differences, summary(found, options), _titles(told), options)


def _json(told: Told, states: States) -> str:
    options = options_of(told["options"])
    found = _compared(states, options)
    return _indented(told["positions"] | _spelled(found, options))


def _json_patch(_told: Told, states: States) -> str:
    old, new = map(decoded, states)
    return _indented(telling.json_patch(old, new))


def _indented(document: object) -> str:
    return "\n".join(pretty(document)) + "\n"


def _lines(told: Told, states: States) -> tuple[list[str], list[str]]:
    options = options_of(told["options"])
    old, new = _subjects(states, options)
    ours, theirs = readable(old.document, new.document, options)
    return pretty(ours), pretty(theirs)


def _titles(told: Told) -> tuple[Title, Title]:
    old, new = (Title(*title) for title in told["titles"])
    return old, new


def _compared(states: States, options: Options) -> Comparison:
    old, new = _subjects(states, options)
    return compare(old, new, options)


def _subjects(states: States, options: Options) -> tuple[Subject, Subject]:
    old = subject(decoded(states[0]), options)
    # Equal bytes are one document: the comparison then sees at once that nothing differs.
    return old, old if states[0] == states[1] else subject(decoded(states[1]), options)


def _spelled(found: Comparison, options: Options) -> Json:
    return {
        "changes": telling.changes(found.differences),
        "summary": telling.summarized(summary(found, options)),
    }


_FORMATS: Final[dict[str, Callable[[Told, States], str]]] = {
    "unified": _unified,
    "side_by_side": _side_by_side,
    "json": _json,
    "json_patch": _json_patch,
    "html": _html,
}
JOBS: Final[dict[str, Callable[[Told, States], bytes]]] = {
    "compared": compared,
    "rendered": rendered,
    "summaries": series.summaries,
    "figures": series.figures,
    "patterns": series.found_patterns,
    "fingerprints": runs.fingerprints,
    "first_different": runs.first_different,
}
