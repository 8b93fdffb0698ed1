"""What a recorder raises: the caller's own mistakes, and uses of one that is no longer open.

A broker that is away is none of these. It is waited for, and only `flush(timeout=…)` says so.

    StratoError
      BadRequest
        InvalidRecord (ValueError)     a record that the service would not take
        InvalidName (ValueError)       a space or an agent that can't stand in a subject
      Internal
        RecorderClosed (RuntimeError)  not entered yet, or closed
          ForkedRecorder               inherited by a child process
          ClosedAtGate                 closed while an agent was at its gate
        RecordsRefused                 the broker will never take some of what was recorded
"""

from __future__ import annotations

from stratoscope_contracts.errors import BadRequest, Internal


class InvalidRecord(BadRequest, ValueError):
    """The record would become a dead letter; `details` has its reason, agent, kind and id."""


class InvalidName(BadRequest, ValueError):
    """A space or an agent that can't stand in a subject."""


class RecorderClosed(Internal, RuntimeError):
    """The recorder is not open: not entered yet, or closed."""


class ForkedRecorder(RecorderClosed):
    """The recorder belongs to the parent process, and so do its records and its connection."""


class ClosedAtGate(RecorderClosed):
    """The recorder was closed while an agent was at its gate: nobody has said that it may go on."""


class RecordsRefused(Internal):
    """The broker will never take some records; they were dropped, `details` says how many."""
