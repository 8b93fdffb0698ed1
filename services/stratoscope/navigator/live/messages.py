"""What is said of a hit, where its breakpoint has a message."""

import orjson

from stratoscope.domain.watching.templates import Template, rendered
from stratoscope.navigator import spelling
from stratoscope.navigator.spelling import Json


def message_of(template: Template, event: Json | None, state: object) -> str:
    """A message with its places filled; `state` is a document, where the template looks at one."""
    document = None
    if event is not None and "event" in template.roots:
        # As it is replied: what is stored as JSON is spliced in, and to be read back.
        document = orjson.loads(spelling.spelled(event))
    return rendered(template, document, state)
