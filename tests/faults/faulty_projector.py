"""A projector in which some messages meet an error that no rule foresees.

An event of the type `fault.<place>` does at that place: `decode` `fold` `commit` `memory` `feed`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from stratoscope.domain.records import Message
from stratoscope.projector import feeding, gathering
from stratoscope.projector.app import main
from stratoscope.store.intake import IntakeWriter


def has(messages: Sequence[Any], place: str) -> bool:
    """Whether one has an event that is to fail at a place."""
    return any(
        getattr(record, "type", None) == f"fault.{place}"
        for message in messages
        if isinstance(message, Message)
        for record in message.records
    )


def fail_with(
    function: Callable[..., Any], error: Exception, is_hit: Callable[..., bool]
) -> Callable[..., Any]:
    """The same function, which raises an error where it is hit."""

    def failing(*arguments: Any, **options: Any) -> Any:
        if is_hit(*arguments):
            raise error
        return function(*arguments, **options)

    return failing


def has_data(batch: Any, place: str) -> bool:
    """Whether a batch has an event whose data name a place."""
    return any(place in row[10] for row in batch.events)


gathering.decode = fail_with(
    gathering.decode, LookupError("decode"), lambda message: b"fault.decode" in message.data
)
for place, error in ("fold", KeyError("fold")), ("memory", MemoryError()):
    gathering.decide = fail_with(
        gathering.decide, error, lambda messages, *_, place=place: has(messages, place)
    )
IntakeWriter.commit = fail_with(  # type: ignore[method-assign]
    IntakeWriter.commit, AttributeError("commit"), lambda _, batch, *__: has_data(batch, "commit")
)
feeding.recorded = fail_with(
    feeding.recorded, RuntimeError("feed"), lambda batch, _: has_data(batch, "feed")
)
main()
