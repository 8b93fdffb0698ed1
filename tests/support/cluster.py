"""A cluster of three brokers as real processes, the ways between which can be slow or cut.

Each pair of servers has one route. It goes through a `RouteLink` of the test's own process, which
keeps bytes back for a time in each direction, or cuts them off. Needs no rights beyond those of a
user: partitions are made of links, not of network namespaces.
"""

import asyncio
import os
import random
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nats
import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from stratoscope.broker.ending import end_tasks
from stratoscope.embedded import Process
from stratoscope.embedded.broker import MAX_PAYLOAD, find_nats_server
from stratoscope.embedded.ports import LOOPBACK, free_port
from stratoscope.embedded.program import Program
from stratoscope_contracts.words import STREAM_RECORD
from support.eventually import eventually

Json = dict[str, Any]
NUMBERS: Final = (1, 2, 3)
# Streams that projectors of the cluster make have a copy on each server.
THREE_COPIES: Final = {"STRATO_STREAM_REPLICAS": "3"}
_CHUNK: Final = 1 << 16
# Advertised to the other servers, so that none finds a way around a link: nothing listens there.
_NOWHERE: Final = f"{LOOPBACK}:9"
_CONFIGURATION: Final = """\
server_name: n{number}
listen: "{host}:{port}"
http: "{host}:{monitor}"
max_payload: {max_payload}
jetstream {{ store_dir: "{folder}/store", sync_interval: "1s", max_file_store: 4GB }}
cluster {{
  name: faults, listen: "{host}:{route}", advertise: "{advertised}", pool_size: -1
  routes: [{routes}]
}}
"""


class RouteLink:
    """The route between two servers, which `dialer` opens to `listener`."""

    def __init__(self, dialer: int, listener: int, target: tuple[str, int]) -> None:
        self.ends = (dialer, listener)
        # Seconds for what each of the two sends. Bytes on their way do not wait for each other.
        self.delay = {dialer: 0.0, listener: 0.0}
        self._target = target
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where the dialer is to connect to."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def open(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)

    async def close(self) -> None:
        """End all connections, and take no more."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await end_tasks(list(self._pumps))

    def cut(self) -> None:
        """Reset the route and refuse it from now on."""
        self._is_cut = True
        for writer in [*self._writers]:
            writer.transport.abort()

    def mend(self) -> None:
        """Let the route be opened again, without delay."""
        self._is_cut = False
        self.delay = dict.fromkeys(self.ends, 0.0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        dialer, listener = self.ends
        self._writers |= {writer, back}
        for pump in (self._pump(reader, back, dialer), self._pump(there, writer, listener)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sender: int
    ) -> None:
        due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(_write_when_due(due, writer))
        now = asyncio.get_running_loop().time
        try:
            while chunk := await reader.read(_CHUNK):
                due.put_nowait((now() + self.delay[sender], chunk))
        except OSError:
            pass
        finally:
            await end_tasks([writing])
            self._writers.discard(writer)
            writer.transport.abort()


async def _write_when_due(
    due: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
) -> None:
    now = asyncio.get_running_loop().time
    with suppress(OSError):
        while True:
            at, chunk = await due.get()
            if (wait := at - now()) > 0:
                await asyncio.sleep(wait)
            writer.write(chunk)
            await writer.drain()


class BrokerServer:
    """One server of the cluster. Its data stays until the cluster is closed."""

    def __init__(
        self, number: int, folder: Path, host: str = LOOPBACK, within: tuple[str, ...] = ()
    ) -> None:
        self.number = number
        self.host = host
        # The command that runs it somewhere else, as in a network namespace.
        self._within = within
        self.port, self.monitor, self.route = free_port(), free_port(), free_port()
        self.folder = folder / f"n{number}"
        self.folder.mkdir(exist_ok=True)
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Of this server alone."""
        return f"nats://{self.host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether it was started and neither stopped nor killed; it may be suspended."""
        return self._process is not None

    def configure(self, routes: Iterable[str], advertised: str = _NOWHERE) -> None:
        """Write its configuration; `routes` are addresses that it dials."""
        configuration = _CONFIGURATION.format(
            number=self.number,
            host=self.host,
            port=self.port,
            monitor=self.monitor,
            route=self.route,
            max_payload=MAX_PAYLOAD,
            folder=self.folder,
            advertised=advertised,
            routes=", ".join(f'"nats://{address}"' for address in routes) or f'"nats://{_NOWHERE}"',
        )
        (self.folder / "nats.conf").write_text(configuration)

    def start(self) -> None:
        """Start it, and return once clients can connect; nothing where it runs."""
        if self._process is None:
            self._process = Process(
                Program(
                    name=f"n{self.number}",
                    command=(
                        *self._within,
                        *(str(find_nats_server()), "-c", str(self.folder / "nats.conf")),
                    ),
                    log=self.folder / "nats.log",
                    is_ready=lambda _: _listens(self.host, self.port),
                    stop_seconds=20.0,
                )
            )

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self.resume()
            self._process.kill()
            self._process = None

    def suspend(self) -> None:
        """Stop all of its threads: it neither answers nor closes anything."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was suspended."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


@dataclass(frozen=True, slots=True)
class StreamPlaces:
    """Which server leads the stream of records, and which has the newest consumer of it."""

    leader: int
    consumer: int | None


class BrokerCluster:
    """Three servers and the links between them."""

    def __init__(self, folder: Path) -> None:
        self.servers = {number: BrokerServer(number, folder) for number in NUMBERS}
        self.links = {
            (one, other): RouteLink(one, other, (LOOPBACK, self.servers[other].route))
            for one in NUMBERS
            for other in NUMBERS
            if one < other
        }
        self._client: Client | None = None

    @property
    def url(self) -> str:
        """Of all servers, parted by commas."""
        return ",".join(server.url for server in self.servers.values())

    @property
    def urls(self) -> list[str]:
        """Of all servers, as nats-py takes them."""
        return [server.url for server in self.servers.values()]

    async def open(self) -> None:
        """Start all, and return once the cluster takes streams."""
        for link in self.links.values():
            await link.open()
        for number, server in self.servers.items():
            self._configure(number, server)
            server.start()
        self._client = await nats.connect(self.urls, max_reconnect_attempts=-1, error_cb=_ignore)
        await eventually(self._is_whole, within=40)

    def _configure(self, number: int, server: BrokerServer) -> None:
        ports = (link.port for ends, link in self.links.items() if ends[0] == number)
        server.configure(f"{LOOPBACK}:{port}" for port in ports)

    async def close(self) -> None:
        """Kill all."""
        if self._client is not None:
            await self._client.close()
        for server in self.servers.values():
            server.kill()
        for link in self.links.values():
            await link.close()

    def link(self, one: int, other: int) -> RouteLink:
        """The link between two servers."""
        return self.links[min(one, other), max(one, other)]

    def isolate(self, number: int) -> None:
        """Cut a server off from the others; its clients stay connected to it."""
        for ends, link in self.links.items():
            if number in ends:
                link.cut()

    def mend(self) -> None:
        """Mend all links."""
        for link in self.links.values():
            link.mend()

    async def places(self) -> StreamPlaces:
        """Where the stream of records is led from, and its newest consumer is.

        All servers have to live: a dead one does not answer for its consumers.
        """
        found: list[StreamPlaces] = []

        async def is_known() -> bool:
            found[:] = [one for one in [await self._places()] if one is not None]
            return bool(found)

        await eventually(is_known, within=30)
        return found[0]

    async def leader(self) -> int:
        """The server that leads the stream of records, once there is one."""
        found: list[int] = []

        async def is_known() -> bool:
            with suppress(NatsError, KeyError):
                stream = await self._api(f"STREAM.INFO.{STREAM_RECORD}")
                found.append(_number(stream["cluster"]["leader"]))
            return bool(found)

        await eventually(is_known, within=30)
        return found[-1]

    async def meta_leader(self) -> int | None:
        """The server that assigns streams and consumers to servers, as far as one knows it."""
        for server in self.servers.values():
            page = await _monitor(server, "jsz") if server.is_running else {}
            if leader := page.get("meta_cluster", {}).get("leader"):
                return _number(leader)
        return None

    async def follower(self) -> int:
        """A server that has a copy of the stream of records and does not lead it."""
        leader = await self.leader()
        return random.choice([number for number in NUMBERS if number != leader])

    async def step_down(self) -> None:
        """Have the leader of the stream of records give it up, where there is one."""
        with suppress(NatsError):
            await self._api(f"STREAM.LEADER.STEPDOWN.{STREAM_RECORD}")

    async def delete_consumers(self) -> None:
        """Forget the consumers that dead projectors have left behind; living ones make new ones."""
        with suppress(NatsError):
            listed = await self._api(f"CONSUMER.LIST.{STREAM_RECORD}")
            for one in listed.get("consumers") or []:
                await self._api(f"CONSUMER.DELETE.{STREAM_RECORD}.{one['name']}")

    async def is_current(self) -> bool:
        """Whether the stream of records has a leader, and its copies are up with that."""
        with suppress(NatsError, KeyError):
            cluster = (await self._api(f"STREAM.INFO.{STREAM_RECORD}"))["cluster"]
            copies = cluster.get("replicas") or []
            return bool(cluster.get("leader")) and all(
                one["current"] and not one.get("offline") for one in copies
            )
        return False

    async def _is_whole(self) -> bool:
        """Whether all servers know each other and have chosen who leads them."""
        for server in self.servers.values():
            page = await _monitor(server, "jsz")
            meta = page.get("meta_cluster", {})
            if not meta.get("leader") or meta.get("cluster_size") != len(NUMBERS):
                return False
            leads = meta["leader"] == f"n{server.number}"
            if leads and not all(one["current"] for one in meta["replicas"]):
                return False
        return True

    async def _places(self) -> StreamPlaces | None:
        with suppress(NatsError, KeyError):
            stream = await self._api(f"STREAM.INFO.{STREAM_RECORD}")
            listed = await self._api(f"CONSUMER.LIST.{STREAM_RECORD}")
            there = [one for one in listed.get("consumers") or [] if one["cluster"].get("leader")]
            there.sort(key=lambda one: str(one["created"]))
            newest = _number(there[-1]["cluster"]["leader"]) if there else None
            return StreamPlaces(_number(stream["cluster"]["leader"]), newest)
        return None

    async def _api(self, verb: str) -> Json:
        assert self._client is not None
        reply: Json = orjson.loads((await self._client.request(f"$JS.API.{verb}", timeout=2)).data)
        return reply


async def _monitor(server: BrokerServer, page: str) -> Json:
    """What a server says of itself; nothing where it does not answer."""
    try:
        reader, writer = await asyncio.open_connection(server.host, server.monitor)
    except OSError:
        return {}
    writer.write(f"GET /{page} HTTP/1.0\r\n\r\n".encode())
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    found: Json = orjson.loads(body) if body.startswith(b"{") else {}
    return found


def _number(name: str) -> int:
    return int(name.removeprefix("n"))


async def _ignore(_: Exception) -> None:
    """What nats-py says of servers that a test takes away."""


@asynccontextmanager
async def broker_cluster(
    make: Callable[[Path], BrokerCluster] = BrokerCluster,
) -> AsyncIterator[BrokerCluster]:
    """Three servers that are one cluster, none of which outlives the block."""
    folder = Path(tempfile.mkdtemp(prefix="stratoscope-cluster-"))
    cluster = make(folder)
    try:
        await cluster.open()
        yield cluster
    finally:
        await cluster.close()
        shutil.rmtree(folder)
