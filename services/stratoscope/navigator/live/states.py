"""The documents around records: rebuilt from what was told, or looked up, when somebody looks."""

import asyncio
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import asyncpg

from stratoscope.broker.feed import Committed
from stratoscope.domain import delta
from stratoscope.domain.canonical import count_values, decoded
from stratoscope.domain.delta import Frame
from stratoscope.navigator.reading import EMPTY_STATE
from stratoscope.navigator.threads import LARGE
from stratoscope.store.filling import Filling, Version

_FRAME_BYTES: Final = 64 << 20
_DOCUMENT_BYTES: Final = 64 << 20
# What a frame takes beside its blob.
_FRAME_COST: Final = 200
# What a value of a decoded document takes beside its text, as an empty object does.
_VALUE_BYTES: Final = 72


class States:
    """Frames and documents that were needed lately, of one projection."""

    def __init__(self, session: asyncpg.Connection) -> None:
        self._filling = Filling(session)
        self._frames: OrderedDict[Version, Frame] = OrderedDict()
        self._frame_bytes = 0
        self._raws: OrderedDict[Version, bytes] = OrderedDict()
        self._documents: dict[Version, Any] = {}
        self._document_costs: dict[Version, int] = {}
        self._document_bytes = 0

    def told(self, committed: Committed) -> None:
        """Keep the frames of a batch that was told."""
        for one in committed.agents:
            for row in one.versions:
                version, slot, size, digest, blob = row[0], *row[8:12]
                if blob is not None:
                    frame = Frame(slot, size, b64decode(digest), b64decode(blob))
                    self._keep((one.agent_id, version), frame)

    async def load(self, wanted: Mapping[Version, bool]) -> set[Version]:
        """Have these versions at hand, those that are true as documents, the others as text.

        Returns those that retention has dropped.
        """
        missing = [one for one in wanted if one[1] >= 0 and not self._is_whole(one)]
        gone: set[Version] = set()
        if missing:
            found = await self._filling.frames(missing)
            for version, frame in found.items():
                self._keep(version, frame)
            gone = {one for one in missing if not self._is_whole(one)}
        new = [one for one in wanted if one not in gone and self._lacks(one, wanted[one])]
        if sum(self._frames[one].size for one in new) > LARGE:
            # Unpacked and read beside the loop; whoever looks then finds it here.
            await asyncio.to_thread(self._read, new, wanted)
        return gone

    def look(self, version: Version) -> Callable[[], Any]:
        """How to get at a document that was loaded; it is not to be changed."""
        return lambda: self.document(version)

    def document(self, version: Version) -> Any:
        """A document that was loaded."""
        if version[1] < 0:
            return {}
        if version not in self._documents:
            raw = self.raw(version)
            self._documents[version] = decoded(raw)
            cost = len(raw) + count_values(raw) * _VALUE_BYTES
            self._document_costs[version] = cost
            self._document_bytes += cost
        return self._documents[version]

    def raw(self, version: Version) -> bytes:
        """A document's canonical JSON."""
        if version[1] < 0:
            return EMPTY_STATE
        known = self._raws.get(version)
        if known is not None:
            self._raws.move_to_end(version)
            return known
        agent_id, number = version
        start = number - self._frames[version].slot
        chain = [
            self._frames[agent_id, start + slot] for slot in delta.chain(self._frames[version].slot)
        ]
        raw = delta.unfold_last([one.blob for one in chain], [one.size for one in chain])
        self._raws[version] = delta.verified(raw, chain[-1].digest)
        self._document_bytes += len(raw)
        return raw

    def size(self, version: Version) -> int:
        """The bytes of a document, 0 where it was not loaded."""
        frame = self._frames.get(version)
        return 0 if frame is None else frame.size

    def shrink(self) -> None:
        """Forget what was not needed for longest."""
        while self._frame_bytes > _FRAME_BYTES:
            _, frame = self._frames.popitem(last=False)
            self._frame_bytes -= len(frame.blob) + _FRAME_COST
        while self._document_bytes > _DOCUMENT_BYTES and self._raws:
            version, raw = self._raws.popitem(last=False)
            self._documents.pop(version, None)
            self._document_bytes -= len(raw) + self._document_costs.pop(version, 0)

    def _lacks(self, version: Version, as_document: bool) -> bool:
        """Whether a version is still to be unpacked, or read."""
        known = self._documents if as_document else self._raws
        return version[1] >= 0 and version not in known

    def _read(self, versions: Sequence[Version], as_documents: Mapping[Version, bool]) -> None:
        for one in versions:
            self.document(one) if as_documents[one] else self.raw(one)

    def _is_whole(self, version: Version) -> bool:
        """Whether all is here that rebuilds a version."""
        frame = self._frames.get(version)
        if frame is None:
            return False
        agent_id, start = version[0], version[1] - frame.slot
        return all((agent_id, start + slot) in self._frames for slot in delta.chain(frame.slot))

    def _keep(self, version: Version, frame: Frame) -> None:
        if version not in self._frames:
            self._frame_bytes += len(frame.blob) + _FRAME_COST
        self._frames[version] = frame
        self._frames.move_to_end(version)
