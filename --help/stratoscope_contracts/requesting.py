"""What each verb takes and answers, for type checkers. Written by `make contracts`."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Literal, overload

from stratoscope_contracts import (
    breakpoints,
    causes,
    comparing,
    control,
    looking,
    objects,
    sessions,
)
from stratoscope_contracts.envelopes import ListReply, ListRequest, Reply, Request


class Requesting(ABC):
    """Whoever asks the navigator: by the verb's name, with its request, for its reply."""

    @overload
    async def request(
        self, verb: Literal["agents.list"], body: looking.AgentsListRequest
    ) -> looking.AgentsListReply: ...

    @overload
    async def request(
        self, verb: Literal["events.get"], body: looking.EventsGetRequest
    ) -> looking.EventsGetReply: ...

    @overload
    async def request(
        self, verb: Literal["events.list"], body: looking.EventsListRequest
    ) -> looking.EventsListReply: ...

    @overload
    async def request(
        self, verb: Literal["snapshots.get"], body: looking.SnapshotsGetRequest
    ) -> looking.SnapshotsGetReply: ...

    @overload
    async def request(
        self, verb: Literal["snapshots.list"], body: looking.SnapshotsListRequest
    ) -> looking.SnapshotsListReply: ...

    @overload
    async def request(
        self, verb: Literal["state.at"], body: looking.StateAtRequest
    ) -> looking.StateAtReply: ...

    @overload
    async def request(
        self, verb: Literal["state.cut"], body: looking.StateCutRequest
    ) -> looking.StateCutReply: ...

    @overload
    async def request(
        self, verb: Literal["state.history"], body: looking.StateHistoryRequest
    ) -> looking.StateHistoryReply: ...

    @overload
    async def request(
        self, verb: Literal["state.last_write"], body: looking.StateLastWriteRequest
    ) -> looking.StateLastWriteReply: ...

    @overload
    async def request(
        self, verb: Literal["stats"], body: looking.StatsRequest
    ) -> looking.StatsReply: ...

    @overload
    async def request(
        self, verb: Literal["compare"], body: comparing.CompareRequest
    ) -> comparing.CompareReply: ...

    @overload
    async def request(
        self, verb: Literal["compare.render"], body: comparing.CompareRenderRequest
    ) -> comparing.CompareRenderReply: ...

    @overload
    async def request(
        self, verb: Literal["compare.timeline"], body: comparing.CompareTimelineRequest
    ) -> comparing.CompareTimelineReply: ...

    @overload
    async def request(
        self, verb: Literal["compare.patterns"], body: comparing.ComparePatternsRequest
    ) -> comparing.ComparePatternsReply: ...

    @overload
    async def request(
        self, verb: Literal["compare.divergence"], body: comparing.CompareDivergenceRequest
    ) -> comparing.CompareDivergenceReply: ...

    @overload
    async def request(
        self, verb: Literal["causality.chain"], body: causes.CausalityChainRequest
    ) -> causes.CausalityChainReply: ...

    @overload
    async def request(
        self, verb: Literal["causality.effects"], body: causes.CausalityEffectsRequest
    ) -> causes.CausalityEffectsReply: ...

    @overload
    async def request(
        self, verb: Literal["causality.graph"], body: causes.CausalityGraphRequest
    ) -> causes.CausalityGraphReply: ...

    @overload
    async def request(
        self, verb: Literal["causality.path"], body: causes.CausalityPathRequest
    ) -> causes.CausalityPathReply: ...

    @overload
    async def request(
        self, verb: Literal["causality.relation"], body: causes.CausalityRelationRequest
    ) -> causes.CausalityRelationReply: ...

    @overload
    async def request(
        self, verb: Literal["session.create"], body: sessions.SessionCreateRequest
    ) -> sessions.SessionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.get"], body: sessions.SessionRequest
    ) -> sessions.SessionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.list"], body: sessions.SessionListRequest
    ) -> sessions.SessionListReply: ...

    @overload
    async def request(
        self, verb: Literal["session.update"], body: sessions.SessionUpdateRequest
    ) -> sessions.SessionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.start"], body: sessions.SessionRequest
    ) -> sessions.SessionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.pause"], body: sessions.SessionRequest
    ) -> sessions.SessionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.resume"], body: sessions.SessionRequest
    ) -> sessions.SessionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.complete"], body: sessions.SessionRequest
    ) -> sessions.SessionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.remove"], body: sessions.SessionRequest
    ) -> sessions.SessionRemoveReply: ...

    @overload
    async def request(
        self, verb: Literal["session.stats"], body: sessions.SessionRequest
    ) -> sessions.SessionStatsReply: ...

    @overload
    async def request(
        self, verb: Literal["session.data.set"], body: sessions.SessionDataSetRequest
    ) -> sessions.SessionDataReply: ...

    @overload
    async def request(
        self, verb: Literal["session.data.get"], body: sessions.SessionDataGetRequest
    ) -> sessions.SessionDataReply: ...

    @overload
    async def request(
        self, verb: Literal["session.mark"], body: sessions.SessionMarkRequest
    ) -> sessions.SessionMarkReply: ...

    @overload
    async def request(
        self, verb: Literal["session.marks"], body: sessions.SessionRequest
    ) -> sessions.SessionMarksReply: ...

    @overload
    async def request(
        self, verb: Literal["session.unmark"], body: sessions.SessionUnmarkRequest
    ) -> sessions.SessionUnmarkReply: ...

    @overload
    async def request(
        self, verb: Literal["session.position"], body: sessions.SessionRequest
    ) -> sessions.SessionPositionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.export"], body: sessions.SessionExportRequest
    ) -> sessions.SessionExportReply: ...

    @overload
    async def request(
        self, verb: Literal["session.import"], body: sessions.SessionImportRequest
    ) -> sessions.SessionImportReply: ...

    @overload
    async def request(
        self, verb: Literal["session.goto"], body: sessions.SessionGotoRequest
    ) -> sessions.SessionPositionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.step"], body: sessions.SessionStepRequest
    ) -> sessions.SessionPositionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.continue"], body: sessions.SessionContinueRequest
    ) -> sessions.SessionContinueReply: ...

    @overload
    async def request(
        self, verb: Literal["session.back"], body: sessions.SessionRequest
    ) -> sessions.SessionPositionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.forward"], body: sessions.SessionRequest
    ) -> sessions.SessionPositionReply: ...

    @overload
    async def request(
        self, verb: Literal["session.history"], body: sessions.SessionRequest
    ) -> sessions.SessionHistoryReply: ...

    @overload
    async def request(
        self, verb: Literal["breakpoint.create"], body: breakpoints.BreakpointCreateRequest
    ) -> breakpoints.BreakpointCreateReply: ...

    @overload
    async def request(
        self, verb: Literal["breakpoint.get"], body: breakpoints.BreakpointRequest
    ) -> breakpoints.BreakpointReply: ...

    @overload
    async def request(
        self, verb: Literal["breakpoint.list"], body: breakpoints.BreakpointListRequest
    ) -> breakpoints.BreakpointListReply: ...

    @overload
    async def request(
        self, verb: Literal["breakpoint.enable"], body: breakpoints.BreakpointRequest
    ) -> breakpoints.BreakpointReply: ...

    @overload
    async def request(
        self, verb: Literal["breakpoint.disable"], body: breakpoints.BreakpointRequest
    ) -> breakpoints.BreakpointReply: ...

    @overload
    async def request(
        self, verb: Literal["breakpoint.remove"], body: breakpoints.BreakpointRequest
    ) -> breakpoints.BreakpointRemoveReply: ...

    @overload
    async def request(
        self, verb: Literal["breakpoint.check"], body: breakpoints.BreakpointCheckRequest
    ) -> breakpoints.BreakpointCheckReply: ...

    @overload
    async def request(
        self, verb: Literal["agent.pause"], body: control.AgentPauseRequest
    ) -> control.AgentReply: ...

    @overload
    async def request(
        self, verb: Literal["agent.resume"], body: control.AgentRequest
    ) -> control.AgentReply: ...

    @overload
    async def request(
        self, verb: Literal["agent.step"], body: control.AgentStepRequest
    ) -> control.AgentReply: ...

    @overload
    async def request(
        self, verb: Literal["object.get"], body: objects.ObjectGetRequest
    ) -> objects.ObjectGetReply: ...

    @overload
    async def request(
        self, verb: Literal["object.put"], body: objects.ObjectPutRequest
    ) -> objects.ObjectPutReply: ...

    @overload
    async def request(self, verb: str, body: Request) -> Reply: ...

    async def request(self, verb: str, body: Request) -> Reply:
        """The reply to a verb, or the StratoError that the navigator or the way to it ended in."""
        return await self._request(verb, body)

    @overload
    def pages(
        self,
        verb: Literal["agents.list"],
        body: looking.AgentsListRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[looking.AgentsListReply]: ...

    @overload
    def pages(
        self,
        verb: Literal["events.list"],
        body: looking.EventsListRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[looking.EventsListReply]: ...

    @overload
    def pages(
        self,
        verb: Literal["snapshots.list"],
        body: looking.SnapshotsListRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[looking.SnapshotsListReply]: ...

    @overload
    def pages(
        self,
        verb: Literal["state.history"],
        body: looking.StateHistoryRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[looking.StateHistoryReply]: ...

    @overload
    def pages(
        self,
        verb: Literal["compare.timeline"],
        body: comparing.CompareTimelineRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[comparing.CompareTimelineReply]: ...

    @overload
    def pages(
        self,
        verb: Literal["causality.effects"],
        body: causes.CausalityEffectsRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[causes.CausalityEffectsReply]: ...

    @overload
    def pages(
        self,
        verb: Literal["session.list"],
        body: sessions.SessionListRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[sessions.SessionListReply]: ...

    @overload
    def pages(
        self,
        verb: Literal["breakpoint.list"],
        body: breakpoints.BreakpointListRequest,
        *,
        at_most: int | None = ...,
    ) -> AsyncIterator[breakpoints.BreakpointListReply]: ...

    @overload
    def pages(
        self, verb: str, body: ListRequest, *, at_most: int | None = ...
    ) -> AsyncIterator[ListReply]: ...

    def pages(
        self, verb: str, body: ListRequest, *, at_most: int | None = None
    ) -> AsyncIterator[ListReply]:
        """The pages of a list, one request each, with no more than `at_most` entries in all."""
        return self._pages(verb, body, at_most)

    @abstractmethod
    async def _request(self, verb: str, body: Request) -> Reply: ...

    @abstractmethod
    def _pages(
        self, verb: str, body: ListRequest, at_most: int | None
    ) -> AsyncIterator[ListReply]: ...
