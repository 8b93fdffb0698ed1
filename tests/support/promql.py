"""The names in an expression of PromQL, found without a parser of the language."""

import re
from dataclasses import dataclass

_STRING = re.compile(r'"[^"]*"')
_SELECTOR = re.compile(r"\{([^}]*)\}")
_MATCHED = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_RANGE = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"(?<![\w.])[a-zA-Z_:][\w:]*(?![\w:]|\s*\()")
_WORDS = {"and", "or", "unless", "bool", "offset"}


@dataclass(frozen=True, slots=True)
class Names:
    """The series and the labels that an expression speaks of."""

    series: frozenset[str]
    labels: frozenset[str]


def names_in(expression: str) -> Names:
    """What an expression names."""
    bare = _STRING.sub('""', expression)
    labels = {label for inside in _SELECTOR.findall(bare) for label in _MATCHED.findall(inside)}
    for listed in _GROUPED.findall(bare):
        labels |= {label.strip() for label in listed.split(",") if label.strip()}
    for taken in (_SELECTOR, _GROUPED, _RANGE):
        bare = taken.sub(" ", bare)
    return Names(frozenset(_NAME.findall(bare)) - _WORDS, frozenset(labels))
