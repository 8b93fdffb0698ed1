"""The truths of expressions over a page of records: found out by who evaluates, in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from stratoscope.domain.conditions.marks import Mark
from stratoscope.domain.expressions.rules import Expression
from stratoscope.navigator.expressions.evaluating import Document, Expressions, Verdict
from stratoscope.navigator.running.groups import Group, PageTruths
from stratoscope.navigator.running.looking import Page

_BATCH_SECONDS: Final = 0.75


class CantJudge(Exception):
    """An expression takes too long at a record, or runs a macro over too much there."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(mark)
        self.mark = mark


class TooLate(Exception):
    """There was no time left to evaluate all that is sought over one page."""


@dataclass(slots=True)
class Evaluation:
    """Evaluates for one run; `is_strict` where a condition that can't be judged ends it.

    Otherwise it is no match, as it is for a live agent.
    """

    expressions: Expressions
    deadline: float
    is_strict: bool

    async def truths(self, group: Group, page: Page) -> PageTruths:
        """What is true over a page; it is cut to what could be judged in time.

        Raises CantJudge and TooLate.
        """
        of_records: dict[tuple[str, int], bool] = {}
        of_states: dict[tuple[str, int], bool] = {}
        everywhere: dict[str, bool] = {}
        for number, expression in enumerate(group.expressions):
            if number and monotonic() > self.deadline:
                raise TooLate
            source = expression.source
            if "event" in expression.variables:
                numbers = [n for n, one in enumerate(page.records) if one.mark.is_event]
                verdicts = await self._over(expression, self._events(page, numbers))
                _cut(page, numbers, len(verdicts))
                pairs = zip(numbers, verdicts, strict=False)
                self._refuse(page, [n for n, verdict in pairs if verdict is Verdict.STOPPED])
                of_records |= _found(source, numbers, verdicts)
            elif expression.variables:
                of_states |= await self._over_states(expression, page)
            else:
                (verdict,) = await self._over(expression, [Document()])
                everywhere[source] = verdict is Verdict.HOLDS
        return PageTruths(of_records, of_states, everywhere)

    async def _over_states(self, expression: Expression, page: Page) -> dict[tuple[str, int], bool]:
        """Truths by version. In the order of the records, so that a page can be cut."""
        versions = list(
            dict.fromkeys(
                version
                for one in page.records
                for version in (one.before, one.after)
                if version in page.states
            )
        )
        documents = [Document(state=page.states[version]) for version in versions]
        verdicts = await self._over(expression, documents)
        judged = {version: n for n, version in enumerate(versions[: len(verdicts)])}
        known = [
            all(side in judged or side not in page.states for side in (one.before, one.after))
            for one in page.records
        ]
        if False in known:
            _cut(page, list(range(len(page.records))), known.index(False))
        stopped = [
            number
            for number, one in enumerate(page.records)
            if one.after in judged and verdicts[judged[one.after]] is Verdict.STOPPED
        ]
        self._refuse(page, stopped)
        return _found(expression.source, versions, verdicts)

    @staticmethod
    def _events(page: Page, numbers: Sequence[int]) -> list[Document]:
        return [
            Document(page.records[number].document, page.states.get(page.records[number].after))
            for number in numbers
        ]

    def _refuse(self, page: Page, stopped: Sequence[int]) -> None:
        """Judge what comes before a record that can't be judged, and then say so."""
        if not (self.is_strict and stopped):
            return
        if stopped[0] == 0:
            raise CantJudge(page.records[0].mark)
        page.cut(stopped[0])

    async def _over(self, expression: Expression, documents: Sequence[Document]) -> list[Verdict]:
        """A verdict on each document, or on those that there is time for, but on one at least."""
        found: list[Verdict] = []
        while len(found) < len(documents) and (not found or monotonic() < self.deadline):
            rest = documents[len(found) :]
            found += await self.expressions.evaluate(expression, rest, _BATCH_SECONDS)
            if self.is_strict and found and found[-1] is Verdict.STOPPED:
                break
        return found


def _found(
    source: str, keys: Sequence[int], verdicts: Sequence[Verdict]
) -> dict[tuple[str, int], bool]:
    return {
        (source, key): verdict is Verdict.HOLDS
        for key, verdict in zip(keys, verdicts, strict=False)
    }


def _cut(page: Page, numbers: Sequence[int], judged: int) -> None:
    """Leave only what comes before the first record that was not judged."""
    if judged < len(numbers):
        page.cut(numbers[judged])
