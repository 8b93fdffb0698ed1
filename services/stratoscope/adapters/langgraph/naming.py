"""Which agent a LangGraph thread is recorded as."""

import hashlib
import re
from typing import Final

MAX_NAME: Final = 128
_FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9_-]")
_DIGEST: Final = 10


def agent_of_thread(thread_id: object) -> str:
    """The thread's id where it can name an agent; else made fit, with a hash to tell it apart."""
    text = str(thread_id)
    fit = _FORBIDDEN.sub("-", text)[:MAX_NAME] or "thread"
    if fit == text:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{fit[: MAX_NAME - _DIGEST - 1]}-{digest}"
