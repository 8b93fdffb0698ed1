"""The async client of the navigator that the CLI and every later face share."""

from stratoscope.client.errors import ClientError, NoAnswerInTime, Unreachable, UnreadableReply
from stratoscope.client.navigator import DEFAULT_TIMEOUT, DEFAULT_URL, Navigator

__all__ = [
    "DEFAULT_TIMEOUT",
    "DEFAULT_URL",
    "ClientError",
    "Navigator",
    "NoAnswerInTime",
    "Unreachable",
    "UnreadableReply",
]
