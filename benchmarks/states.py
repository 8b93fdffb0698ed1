"""States as agents have them, the same at every run: inventories and chats.

An inventory is a list of things, of which one changes from state to state; a chat is a list of
messages, to which one is added. Texts are drawn from a vocabulary, so that they compress about as
well as prose does.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

State = dict[str, Any]
LARGE_THINGS = 290
SMALL_THINGS = 9
CHAT_MESSAGES = 1_000

_SYLLABLES = ("ka", "ro", "min", "ta", "el", "su", "ver", "non", "dis", "ter", "al", "pre", "go")


def inventories(count: int, things: int, seed: int = 7) -> Iterator[State]:
    """States of about 155 bytes a thing; each differs from the one before in one thing."""
    random = Random(seed)
    words = _vocabulary(random)
    items = [_thing(random, words, number) for number in range(things)]
    for _ in range(count):
        yield {"agent": {"name": "explorer", "phase": "search"}, "items": items}
        items = list(items)
        chosen = random.randrange(things)
        items[chosen] = _moved(random, words, items[chosen])


def chats(count: int = CHAT_MESSAGES, seed: int = 7) -> Iterator[State]:
    """A history that grows by some 600 bytes a state."""
    random = Random(seed)
    words = _vocabulary(random)
    messages: list[State] = []
    for number in range(count):
        text = " ".join(random.choices(words, k=80))
        messages = [*messages, {"role": ("user", "assistant")[number % 2], "content": text}]
        yield {"messages": messages}


def _vocabulary(random: Random) -> list[str]:
    return ["".join(random.choices(_SYLLABLES, k=random.randint(1, 4))) for _ in range(2_000)]


def _thing(random: Random, words: list[str], number: int) -> State:
    return {
        "id": f"item-{number}",
        "name": " ".join(random.choices(words, k=2)),
        "position": _position(random),
        "quantity": random.randint(1, 99),
        "note": " ".join(random.choices(words, k=8)),
    }


def _moved(random: Random, words: list[str], thing: State) -> State:
    kept = thing["note"].split(" ")[2:]
    note = " ".join(random.choices(words, k=2) + kept)
    return thing | {"position": _position(random), "quantity": random.randint(1, 99), "note": note}


def _position(random: Random) -> State:
    return {"x": round(random.uniform(-100, 100), 2), "y": round(random.uniform(-100, 100), 2)}
