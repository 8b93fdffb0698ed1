"""What a navigator keeps of the states around the records that it judges."""

import asyncio
from base64 import b64encode
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stratoscope.domain import delta
from stratoscope.domain.canonical import digest
from stratoscope.navigator.live.states import States

AGENTS = 12


def committed(raw: bytes) -> Any:
    """A batch with a first version of each agent."""
    _, slot, blob = delta.append(delta.Group(), raw)
    row = (0, *[None] * 7, slot, len(raw), b64encode(digest(raw)), b64encode(blob))
    agents = [SimpleNamespace(agent_id=one, versions=[row]) for one in range(AGENTS)]
    return SimpleNamespace(agents=agents)


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        # 300 KB that are 7 MB as objects, and are counted as twice that.
        pytest.param(b"{}," * 100_000 + b"0", range(3, 10), id="empty objects"),
        pytest.param(b'"%b"' % (b"x" * 300_000), range(AGENTS, AGENTS + 1), id="one text"),
    ],
)
def test_documents_are_kept_by_the_memory_that_they_take(items: bytes, kept: range) -> None:
    states = States(cast(Any, None))
    states.told(committed(b'{"a":[%b]}' % items))
    versions = [(one, 0) for one in range(AGENTS)]
    assert asyncio.run(states.load(dict.fromkeys(versions, True))) == set()
    states.shrink()
    assert len(states._documents) in kept
    # The newest are those that stay, and what is forgotten can be read again.
    assert versions[-1] in states._documents
    assert states.document(versions[0]) == states.document(versions[-1])
