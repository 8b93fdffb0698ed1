"""Which agent a LangGraph thread is recorded as."""

import hashlib
import re
from typing import Final

from anyascii import anyascii

MAX_NAME: Final = 128
_FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST: Final = 10


def agent_of_thread(thread_id: object) -> str:
    """The name of the agent of a thread: the id itself where it can be one.

    Any other id is transliterated to ASCII, other characters become dashes, and a digest of the id
    keeps threads apart. No name begins with a dash, which a command line takes for an option.
    """
    text = str(thread_id)
    fit = _FORBIDDEN.sub("-", anyascii(text)).lstrip("-")[:MAX_NAME] or "thread"
    if fit == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{fit[: MAX_NAME - _DIGEST - 1]}-{digest}"
