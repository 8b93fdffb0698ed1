"""Why the fold refuses a message, and what a verdict leaves of one."""

from dataclasses import replace
from typing import Final, assert_never

from stratoscope.domain.patch import PatchConflict
from stratoscope.domain.records import EventIn, Message, Rejection, SnapshotIn

PATCH_CONFLICT: Final = "patch_conflict"
STATE_OVER_LIMIT: Final = "state_over_limit"
OVER_BUDGET: Final = "over_budget"
_OF_PATCHES: Final = frozenset({PATCH_CONFLICT, STATE_OVER_LIMIT, OVER_BUDGET})


class StateRefused(ValueError):
    """A patch gave a state that is over a limit."""


class WorkRefused(ValueError):
    """The patches of a message are more work than one message may make."""


def judge_patch(
    stream_seq: int, ordinal: int, error: PatchConflict | StateRefused | WorkRefused
) -> Rejection:
    """The verdict on a message with a patch that can't be applied."""
    match error:
        case PatchConflict():
            reason = PATCH_CONFLICT
        case StateRefused():
            reason = STATE_OVER_LIMIT
        case WorkRefused():
            reason = OVER_BUDGET
        case _:
            assert_never(error)
    return Rejection(stream_seq, ordinal, reason, str(error))


def apply_verdict(message: Message, verdict: Rejection) -> Message | Rejection:
    """Put a verdict in place of a message's records.

    The result is a `Message` without records where the state is in doubt from there: the records
    set it, they could not be read, or the verdict itself says that they did when it was given.
    """
    records = message.records
    if records and verdict.reason not in _OF_PATCHES and not any(map(_bears_on_state, records)):
        return verdict
    return replace(message, records=(), refused=verdict)


def _bears_on_state(record: EventIn | SnapshotIn) -> bool:
    return isinstance(record, SnapshotIn) or bool(record.patch or record.gap)
