"""A TCP proxy that goes silent: what no kernel reports, and what needs no root to happen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from urllib.parse import urlsplit

from stratoscope.broker.ending import end_tasks
from stratoscope.embedded.ports import LOOPBACK

_CHUNK = 1 << 16
Address = tuple[str, int]


class Direction(Enum):
    """Which way bytes go."""

    TO_SERVER = auto()
    TO_CLIENT = auto()


class TcpProxy:
    """Forwards connections to one server.

    A silent connection stays open and loses every byte: the peer's kernel acknowledges them, so
    that only a deadline of the application tells. A hung server looks like that, too.
    """

    def __init__(self, target: Address) -> None:
        self._target = target
        self._pumps: dict[asyncio.Task[None], tuple[object, Direction]] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._silent: set[tuple[object, Direction]] = set()
        self._all_silent = False
        self._delay = 0.0
        self.server: asyncio.Server | None = None
        self.accepted = 0

    @property
    def port(self) -> int:
        """Where it listens, on the loopback interface."""
        assert self.server is not None
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    @property
    def has_silent(self) -> bool:
        """Whether a client still holds a connection that was silenced."""
        silent = {connection for connection, _ in self._silent}
        return any(
            connection in silent and way is Direction.TO_SERVER
            for connection, way in self._pumps.values()
        )

    def silence(self) -> None:
        """Let nothing pass any more, on no connection, present or new."""
        self._all_silent = True

    def silence_present(self, *directions: Direction) -> None:
        """Let nothing pass any more on the connections that there are; new ones work."""
        self._silent |= {
            (one, way) for one, way in self._pumps.values() if way in (directions or Direction)
        }

    def resume(self) -> None:
        """Let new connections work again. Those that lost bytes are cut off."""
        self._all_silent = False
        self.cut()

    def delay(self, seconds: float) -> None:
        """Keep every chunk back for so long."""
        self._delay = seconds

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def close(self) -> None:
        """End all."""
        assert self.server is not None
        self.server.close()
        self.cut()
        await end_tasks(self._pumps)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection over; the server's end is opened for it."""
        self.accepted += 1
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(back)
        self._pump(reader, back, writer, Direction.TO_SERVER)
        self._pump(there, writer, writer, Direction.TO_CLIENT)

    def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: object,
        way: Direction,
    ) -> None:
        task = asyncio.create_task(self._forward(reader, writer, connection, way))
        self._pumps[task] = (connection, way)
        task.add_done_callback(self._pumps.pop)

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        connection: object,
        way: Direction,
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                if not self._is_silent(connection, way):
                    writer.write(chunk)
                    await writer.drain()
        except OSError:
            pass
        finally:
            if not self._is_silent(connection, way):
                writer.close()
                self._writers.discard(writer)

    def _is_silent(self, connection: object, way: Direction) -> bool:
        return self._all_silent or (connection, way) in self._silent


@asynccontextmanager
async def tcp_proxy(target: Address) -> AsyncIterator[TcpProxy]:
    """A proxy in front of a server, as long as the block lasts."""
    proxy = TcpProxy(target)
    proxy.server = await asyncio.start_server(proxy.accept, LOOPBACK, 0)
    try:
        yield proxy
    finally:
        await proxy.close()


def address_of(url: str) -> Address:
    """Host and port of a URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def through(url: str, proxy: TcpProxy) -> str:
    """The same URL by way of a proxy."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{LOOPBACK}:{proxy.port}").geturl()
