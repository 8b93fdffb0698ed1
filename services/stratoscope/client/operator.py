"""Who asks: the name that is sent along, and kept with what is done.

It is what somebody calls himself, and proves nothing: the broker's accounts say who may do what.
"""

import getpass
import os
import re
import socket
from typing import Final

OPERATOR_VARIABLE: Final = "STRATO_OPERATOR"
_LONGEST: Final = 200
# A header is a line, and a name is for people to read.
_UNFIT: Final = re.compile(r"[^\x20-\x7e]+")


def operator() -> str:
    """The name in the environment, else that of the user and the host."""
    named = operator_named(os.environ.get(OPERATOR_VARIABLE, ""))
    return named or operator_named(f"{_user()}@{socket.gethostname()}")


def operator_named(text: str) -> str:
    """A name as it can be sent in a header."""
    return _UNFIT.sub("?", text).strip()[:_LONGEST]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return str(os.getuid())
