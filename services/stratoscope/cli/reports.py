"""What became of a rebuild, a verification or a migration, as a person reads it."""

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from stratoscope.cli.gist import harmless
from stratoscope.cli.rendering import DIM, columns
from stratoscope.cli.telling import duration

if TYPE_CHECKING:
    from stratoscope.admin.log_comparison import LogCompared
    from stratoscope.admin.rebuild import Rebuilt
    from stratoscope.admin.verify import Damage, Verified
    from stratoscope.store.digests import Difference
    from stratoscope.store.migration import Migrated

_SHOWN = 40
Report = RenderableType


def rebuilt(done: "Rebuilt") -> Report:
    """A rebuild: what was filled, and whether it serves now."""
    rate = done.messages / done.seconds if done.seconds else 0.0
    filled = Text(
        f"{done.schema} has {done.events:,} events and {done.versions:,} states:"
        f" {done.messages:,} messages in {duration(done.seconds)}, {rate:,.0f}/s"
    )
    if done.swapped:
        return Group(filled, *_swapped(done))
    return Group(filled, *_refused(done))


def _swapped(done: "Rebuilt") -> list[Text]:
    lines = [Text(f"{done.schema} answers in place of {done.replaced}", style="green")]
    if done.comparison.differing:
        lines.append(Text(f"{done.comparison.differing:,} agents differ from what answered before"))
    if not done.taken_over:
        lines.append(Text("no projector has taken it over yet", style="yellow"))
    if done.dropped:
        lines.append(Text(f"dropped: {', '.join(done.dropped)}", style=DIM))
    return lines


def _refused(done: "Rebuilt") -> list[RenderableType]:
    found = done.comparison
    rows = [_difference(one) for one in found.differences[:_SHOWN]]
    return [
        Text(
            f"not swapped: {found.differing:,} of {found.agents:,} agents differ from"
            f" {done.replaced}, which still answers",
            style="bold red",
        ),
        columns(("space", "agent", f"{done.replaced} → {done.schema}"), rows),
        *_and_more(found.differing - len(rows)),
        Text(_why(done)),
        Text(
            f"{done.schema} is kept: --force-swap takes it as it is, --anew fills another one,"
            " --discard drops it"
        ),
    ]


def _why(done: "Rebuilt") -> str:
    """What may make two projections differ."""
    old, new = done.rules
    if old != new:
        return (
            f"the rules of intake have changed from version {old} to {new}, so some may have to"
            " differ"
        )
    if done.log_begins > 1:
        return (
            f"the log begins at message {done.log_begins:,}: it was purged, or has an age. What was"
            f" recorded before is in {done.replaced} only, and --force-swap gives it up"
        )
    return "by the same rules they should be equal: `stratoscope verify` finds damage"


def _difference(one: "Difference") -> tuple[Text, ...]:
    parts = (_part(name, old, new) for name, (old, new) in one.parts.items())
    return Text(one.space), Text(one.agent, style="bold"), Text(", ".join(parts))


def _part(name: str, old: int, new: int) -> str:
    if name == "begins":
        return f"begins at event {new:,} instead of {old:,}, since the log has been cut"
    return f"{old:,} → {new:,} {name}" if old != new else f"{name} differ"


def verified(found: "Verified") -> Report:
    """A verification: all is well, or what is damaged and what to do."""
    looked = f"{found.agents:,} agents, {found.events:,} events, {found.versions:,} states"
    if found.is_sound:
        sound = Text(f"{found.schema} holds together: {looked}", style="green")
        return Group(sound, *_of_the_log(found.log))
    rows = [_damage(one) for one in found.damage[:_SHOWN]]
    return Group(
        Text(
            f"{found.schema} is damaged: {found.damaged:,} of {looked}",
            style="bold red",
        ),
        columns(("space", "agent", "where", "what"), rows),
        *_and_more(len(found.damage) - len(rows)),
        *_of_the_log(found.log),
        Text(
            "the log has it all: `stratoscope rebuild` builds another projection from it, with"
            " --force-swap where records are missing here"
        ),
    )


def _of_the_log(log: "LogCompared | None") -> list[Text]:
    """What of the log was compared, and what was not."""
    if log is None:
        return [Text("not compared with the log")]
    if log.difference is not None:
        return [Text(f"not compared with the log: {harmless(log.difference)}", style="bold red")]
    compared = (
        f"compared with the log up to message {log.through:,}: {log.messages:,} messages,"
        f" {log.events:,} events, {log.states:,} states, {log.refused:,} refused"
    )
    return [Text(compared), *(Text(f"not compared: {harmless(one)}") for one in log.uncompared)]


def _damage(one: "Damage") -> tuple[Text, ...]:
    where = ""
    if one.version is not None:
        where = f"state {one.version:,}"
    elif one.event_index is not None:
        where = f"event {one.event_index:,}"
    elif one.stream_seq is not None:
        where = f"message {one.stream_seq:,}"
    agent = Text(one.agent, style="bold")
    return Text(one.space), agent, Text(where), Text(harmless(one.what))


def migrated(done: "Migrated") -> Report:
    """What was applied."""
    if not done.applied:
        return Text(f"nothing to do; {done.serving} answers")
    return Group(*(Text(f"applied {step}") for step in done.applied))


def discarded(names: list[str]) -> Report:
    """What was dropped."""
    return Text(f"dropped {', '.join(names)}" if names else "nothing was left half filled")


def _and_more(number: int) -> list[Text]:
    return [Text(f"… and {number:,} more", style=DIM)] if number > 0 else []
