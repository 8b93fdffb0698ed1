"""`up`, `demo`, `projector` and `navigator`: what runs until it is told to stop.

Each part is imported only by the command that needs it, since each comes with an extra of its
own.
"""

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from stratoscope.cli.faults import Fault

_TERMINATED = 128 + signal.SIGTERM


def _port(words: str) -> Any:
    return typer.Option(min=1, max=65535, show_default=False, help=words)


def up(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Where everything is kept; by default the user's data folder."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON once all is ready.")
    ] = False,
    nats_url: Annotated[
        str | None,
        typer.Option(envvar="STRATO_NATS_URL", help="A broker to use in place of an own one."),
    ] = None,
    postgres_dsn: Annotated[
        str | None,
        typer.Option(
            envvar="STRATO_POSTGRES_DSN",
            show_envvar=True,
            help="A database to use in place of an own one.",
        ),
    ] = None,
    nats_port: Annotated[
        int | None, _port("The own broker's port, which must then be free.")
    ] = None,
    postgres_port: Annotated[int | None, _port("The own database's port.")] = None,
    projector_port: Annotated[
        int | None, _port("The port of the projector's health and metrics.")
    ] = None,
    navigator_port: Annotated[
        int | None, _port("The port of the navigator's health and metrics.")
    ] = None,
) -> None:
    """Start a broker, a database, a projector and a navigator, until Ctrl-C."""
    with extras("embedded,server"):
        from stratoscope.embedded.stack import Wanted
        from stratoscope.embedded.up import default_data_folder, run_up
    ports = {
        "nats": nats_port,
        "postgres": postgres_port,
        "projector": projector_port,
        "navigator": navigator_port,
    }
    wanted = Wanted(
        data=data or default_data_folder(),
        nats_url=nats_url,
        postgres_dsn=postgres_dsn,
        ports={name: port for name, port in ports.items() if port is not None},
    )
    raise typer.Exit(asyncio.run(run_up(wanted, json_output=as_json)))


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep what was recorded, for `stratoscope up --data` of this folder."),
    ] = None,
) -> None:
    """A real agent's run that goes wrong, recorded and travelled through."""
    with extras("demo"):
        from stratoscope.cli.guide import ConsoleGuide
        from stratoscope.demo.tour import take_tour
        from stratoscope.embedded.errors import EmbeddedError
    # Taken even where a shell's & has it ignored, as `up` does: its children would ignore it too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(_until_told_to_stop(take_tour(ConsoleGuide(), keep)))
    except EmbeddedError as error:
        raise Fault(f"the demo can't start: {error}") from error
    except asyncio.CancelledError:
        raise typer.Exit(_TERMINATED) from None


def projector() -> None:
    """Run one projector; its settings are STRATO_… variables."""
    with extras("server"):
        from stratoscope.projector.app import main
    main()


def navigator() -> None:
    """Run one navigator; its settings are STRATO_… variables."""
    with extras("server"):
        from stratoscope.navigator.app import main
    main()


async def _until_told_to_stop(doing: Coroutine[None, None, None]) -> None:
    """Ctrl-C is asyncio's own; the other ways to be stopped must clean up no less."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await doing


@contextmanager
def extras(names: str) -> Iterator[None]:
    """Have an import that fails told as what is to be installed."""
    try:
        yield
    except ImportError as error:
        # Our own modules are there or the installation is broken: only others are an extra.
        if (error.name or "").startswith("stratoscope"):
            raise
        command = "stratoscope " + " ".join(sys.argv[1:2])
        raise Fault(
            f"`{command}` needs more than is installed: {error}",
            f"pip install 'stratoscope[{names}]'",
        ) from error
