"""What can end a request before the navigator has had its say.

They stand in the tree of the contract's errors, so that who catches `StratoError` has met every
way a request can fail.
"""

from stratoscope_contracts.errors import Internal


class ClientError(Internal):
    """The navigator's answer could not be had or read."""


class Unreachable(ClientError):
    """There is no broker at the address, or nobody behind it who answers."""


class NoAnswerInTime(ClientError):
    """Somebody took the request and did not answer in time."""


class UnreadableReply(ClientError):
    """An answer came that is not what the contract says, or damaged."""
