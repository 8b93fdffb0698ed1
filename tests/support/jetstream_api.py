"""The subjects of JetStream's API, and what nats-server's own program names of them.

The list was generated once from the program of nats-server 2.15.1; a test compares it with the
program that is installed, so that an upgrade's new subjects are tried too.
"""

import re
from pathlib import Path
from typing import Final

PREFIX: Final = "$JS.API."
# A verb each; `*` stands for a stream, and behind it for a consumer, a peer or a subject.
OF_A_STREAM: Final = (
    "STREAM.CREATE.*",
    "STREAM.UPDATE.*",
    "STREAM.INFO.*",
    "STREAM.DELETE.*",
    "STREAM.PURGE.*",
    "STREAM.SNAPSHOT.*",
    "STREAM.RESTORE.*",
    "STREAM.MSG.GET.*",
    "STREAM.MSG.DELETE.*",
    "STREAM.LEADER.STEPDOWN.*",
    "STREAM.PEER.REMOVE.*",
    "STREAM.PEER.EVACUATE.*",
    "DIRECT.GET.*",
    "DIRECT.GET.*.>",
    "CONSUMER.CREATE.*",
    "CONSUMER.CREATE.*.*",
    "CONSUMER.CREATE.*.*.>",
    "CONSUMER.DURABLE.CREATE.*.*",
    "CONSUMER.NAMES.*",
    "CONSUMER.LIST.*",
    "CONSUMER.INFO.*.*",
    "CONSUMER.DELETE.*.*",
    "CONSUMER.PAUSE.*.*",
    "CONSUMER.RESET.*.*",
    "CONSUMER.UNPIN.*.*",
    "CONSUMER.MSG.NEXT.*.*",
    "CONSUMER.LEADER.STEPDOWN.*.*",
    "CONSUMER.PEER.REMOVE.*.*",
    "CONSUMER.PEER.EVACUATE.*.*",
)
OF_AN_ACCOUNT: Final = (
    "INFO",
    "STREAM.NAMES",
    "STREAM.LIST",
    "STREAM.CANCEL_MOVE.*",
    "ACCOUNT.PURGE.*",
    "ACCOUNT.STREAM.MOVE.*.*",
    "ACCOUNT.STREAM.CANCEL_MOVE.*.*",
    "META.LEADER.STEPDOWN",
    "META.RESCUE",
    "SERVER.REMOVE",
    "SERVER.EVACUATE",
)
API: Final = (*OF_A_STREAM, *OF_AN_ACCOUNT)


def subject(verb: str, stream: str = "") -> str:
    """A concrete subject of a verb."""
    head, star, rest = verb.partition("*")
    # The account's verbs name an account or a stream, any will do.
    return (
        PREFIX
        + head
        + (stream or "STRATO" if star else "")
        + rest.replace("*", "one").replace(">", "strato.default.part.0.explorer.event")
    )


def named_by(program: Path) -> set[str]:
    """The verbs that a server's program names, without what follows their fixed words.

    Go keeps its texts without ends between them, so a verb's last word may have letters of the
    next text behind it: such a verb is cut at its last dot.
    """
    found = re.findall(rb"\$JS\.API\.((?:[A-Z_]+\.)+)[*%A-Z]", program.read_bytes())
    return {one.decode() for one in found}
