"""A recorder into a list, of both kinds, for what is about records and not about the wire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4


@dataclass(frozen=True)
class Listed:
    """What was recorded: an event where it has a type, else a snapshot."""

    agent: str
    id: str
    type: str | None
    data: dict[str, Any]
    causes: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    label: str | None = None


class Listing:
    """A synchronous recorder into a list."""

    def __init__(self) -> None:
        self.records: list[Listed] = []
        self.gates: list[tuple[int, bool]] = []
        """How much was recorded when a gate was entered, and whether it was an exact one."""

    def agent(self, name: str) -> "ListingAgent":
        return ListingAgent(self, name)

    def events(self, *types: str) -> list[Listed]:
        return [r for r in self.records if r.type is not None and (not types or r.type in types)]

    def snapshots(self) -> list[Listed]:
        return [record for record in self.records if record.type is None]

    def named(self, *, type: str, name: str) -> Listed:
        (found,) = [event for event in self.events(type) if event.data.get("name") == name]
        return found


class ListingAgent:
    def __init__(self, listing: Listing, name: str) -> None:
        self.records = listing.records
        self.gates = listing.gates
        self.name = name

    def event(
        self,
        type: str,
        data: Mapping[str, Any] | None = None,
        *,
        causes: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        occurred_at: datetime | None = None,
        id: str | None = None,
    ) -> str:
        given = id or str(uuid4())
        about = (dict(data or {}), tuple(causes or ()), dict(metadata or {}))
        self.records.append(Listed(self.name, given, type, *about, occurred_at))
        return given

    def snapshot(
        self,
        state: Mapping[str, Any],
        *,
        label: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        given = str(uuid4())
        kept = Listed(self.name, given, None, dict(state), (), dict(metadata or {}), None, label)
        self.records.append(kept)
        return given

    def gate(self, exact: bool = False) -> None:
        self.gates.append((len(self.records), exact))


class AsyncListing(Listing):
    """The same, asynchronous."""

    def agent(self, name: str) -> Any:
        return AsyncListingAgent(super().agent(name))


class AsyncListingAgent:
    def __init__(self, inner: ListingAgent) -> None:
        self.inner = inner

    async def event(self, *args: Any, **kwargs: Any) -> str:
        return self.inner.event(*args, **kwargs)

    async def snapshot(self, *args: Any, **kwargs: Any) -> str:
        return self.inner.snapshot(*args, **kwargs)

    async def gate(self, exact: bool = False) -> None:
        self.inner.gate(exact)
