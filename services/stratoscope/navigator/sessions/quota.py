"""The limits on what the operators of a space keep with sessions."""

from typing import Final

from stratoscope.navigator.reading import Reading
from stratoscope.store.quotas import session_bytes_in, sessions_in
from stratoscope_contracts.errors import OverBudget

_ADVICE: Final = "complete and remove sessions that are not needed"


async def check_session_count(reading: Reading) -> None:
    """Raise OverBudget where the space has as many sessions as it may."""
    most = reading.quota.sessions
    if most is not None and (have := await sessions_in(reading.session, reading.space)) >= most:
        raise OverBudget(
            f"the space has at most {most} sessions: {_ADVICE}",
            {"limit": "sessions", "most": most, "have": have},
        )


async def check_session_bytes(reading: Reading, more: int) -> None:
    """Raise OverBudget where the space's sessions keep too much, so many bytes of it new.

    What keeps no more than before is allowed, or nothing could be made smaller.
    """
    most = reading.quota.session_bytes
    if most is None or more <= 0:
        return
    have = await session_bytes_in(reading.session, reading.space)
    if have > most:
        raise OverBudget(
            f"values and notes of the space's sessions take at most {most} bytes: {_ADVICE}",
            {"limit": "session_bytes", "most": most, "have": have - more},
        )
