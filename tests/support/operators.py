"""Several operators on one session, and whether what they were told is what a serial order gives.

Each asks for random moves and keeps what it was told. Afterwards the moves that were made are put
in the order of their versions and made again on a plain model: every position must be the one that
was told, and whoever was refused must have asked for what could be refused just then.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from stratoscope_contracts.errors import NavigationOutOfBounds

Json = dict[str, Any]
Ask = Callable[[str, Json], Awaitable[Json]]
CAPACITY = 100


@dataclass(frozen=True, slots=True)
class Move:
    """A move by its verb; `number` is an index or a signed count of events."""

    verb: Literal["goto", "step", "back", "forward"]
    number: int = 0

    def body(self) -> Json:
        """What a request for it says."""
        match self.verb:
            case "goto":
                return {"at": {"event_index": self.number}}
            case "step":
                direction = "forward" if self.number > 0 else "backward"
                return {"direction": direction, "size": {"events": abs(self.number)}}
            case "back" | "forward":
                return {}


@dataclass(frozen=True, slots=True)
class Model:
    """A session over a timeline of so many events: a list of places and where it stands in it."""

    events: int
    places: tuple[int, ...]
    current: int = 0

    @property
    def index(self) -> int:
        """The event that it stands after."""
        return self.places[self.current]

    def made(self, move: Move) -> "Model | None":
        """After a move; None where there is nothing to go to."""
        match move.verb:
            case "goto":
                return self._at(move.number)
            case "step" if move.number > 0:
                return self._at(self.index + move.number)
            case "step":
                return None if self.index < 0 else self._at(max(-1, self.index + move.number))
            case "back":
                return self._walked(-1)
            case "forward":
                return self._walked(1)

    def _at(self, index: int) -> "Model | None":
        if not -1 <= index < self.events:
            return None
        if index == self.index:
            return self
        places = (*self.places[: self.current + 1], index)[-CAPACITY:]
        return replace(self, places=places, current=len(places) - 1)

    def _walked(self, by: int) -> "Model | None":
        current = self.current + by
        return replace(self, current=current) if 0 <= current < len(self.places) else None


@dataclass(frozen=True, slots=True)
class Told:
    """What an operator was told: an index and a version, or that there is no way.

    Any version from `low` to `high` may have been the session's when it was judged.
    """

    move: Move
    low: int
    high: int
    version: int | None = None
    index: int | None = None


@dataclass(slots=True)
class Operators:
    """Those who move one session, and all that they were told."""

    ask: Ask
    session_id: str
    version: int
    told: list[Told] = field(default_factory=list)
    _asking: int = 0

    async def operate(self, seed: int, moves: int, events: int) -> None:
        """Make random moves, one after the other, as one operator."""
        drawn = random.Random(seed)
        for _ in range(moves):
            await self._move(_drawn(drawn, events))

    async def _move(self, move: Move) -> None:
        low = self.version
        self._asking += 1
        body = {"id": self.session_id, **move.body()}
        try:
            reply = await self.ask(f"session.{move.verb}", body)
            version, index = reply["version"], reply["position"]["event_index"]
            self.version = max(self.version, version)
        except NavigationOutOfBounds:
            version = index = None
        # Whoever is still waiting may have moved it already.
        high = self.version + self._asking
        self._asking -= 1
        self.told.append(Told(move, low, high, version, index))

    def check(self, model: Model, version: int) -> None:
        """Raise AssertionError where no serial order from this model and version tells the same."""
        made = sorted((one for one in self.told if one.version is not None), key=_version)
        assert [_version(one) for one in made] == list(range(version + 1, version + 1 + len(made)))
        states = {version: model}
        for one in made:
            number = _version(one)
            after = states[number - 1].made(one.move)
            assert after is not None, f"{one} could not be made"
            assert after.index == one.index, f"{one}, the model is at {after.index}"
            states[number] = after
        for one in self.told:
            if one.version is None:
                judged = range(one.low, min(one.high, version + len(made)) + 1)
                assert any(states[at].made(one.move) is None for at in judged), f"{one} was refused"


def _version(one: Told) -> int:
    assert one.version is not None
    return one.version


def _drawn(drawn: random.Random, events: int) -> Move:
    verb = drawn.choices(("step", "goto", "back", "forward"), (60, 10, 20, 10))[0]
    match verb:
        case "step":
            return Move("step", drawn.choice((-1, 1)) * drawn.randint(1, 1 + events // 4))
        case "goto":
            return Move("goto", drawn.randrange(-1, events))
        case "back":
            return Move("back")
        case _:
            return Move("forward")
