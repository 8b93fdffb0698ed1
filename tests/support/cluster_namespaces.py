"""A cluster of three brokers, each in a network namespace of its own, whose packets can be lost.

Where a `RouteLink` resets connections, here packets are dropped: no server is told that another one
is out of reach. The namespaces hang on a bridge; clients are outside, and reach each server. Needs
root, iproute2 and nftables.
"""

import asyncio
import secrets
import shutil
import subprocess
from pathlib import Path

from support.cluster import NUMBERS, BrokerCluster, BrokerServer


class CannotSeparate(Exception):
    """Network namespaces can't be made here."""


def run(*command: str) -> None:
    """Run a command of iproute2 or nftables."""
    subprocess.run(command, check=True, capture_output=True, text=True)


class NamespaceCluster(BrokerCluster):
    """Three servers in three namespaces."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mark = f"sf{secrets.token_hex(3)}"
        # A network of its own for each run: several may run at once.
        self._net = f"10.{secrets.randbelow(100) + 100}.{secrets.randbelow(255)}"
        self.links = {}
        self.servers = {
            number: BrokerServer(
                number,
                folder,
                host=self._address(number),
                within=(shutil.which("ip") or "ip", "netns", "exec", self._name(number)),
            )
            for number in NUMBERS
        }

    async def open(self) -> None:
        """Make the namespaces and start all. Raises CannotSeparate."""
        try:
            await asyncio.to_thread(self._make)
        except FileNotFoundError as error:
            raise CannotSeparate(f"{error.filename} is not installed") from error
        except subprocess.CalledProcessError as error:
            raise CannotSeparate(error.stderr.strip()) from error
        await super().open()

    async def close(self) -> None:
        """Kill all, and remove the namespaces."""
        await super().close()
        self._remove()

    def lose(self, sender: int, receiver: int, percent: int) -> None:
        """Lose some of the packets that one server sends to another; the other way is whole."""
        rule = f"add rule ip faults out ip daddr {self._address(receiver)}"
        some = f"numgen random mod 100 < {percent}" if percent < 100 else ""
        self._nft(sender, f"{rule} {some} drop")

    def isolate(self, number: int) -> None:
        """Lose all packets between a server and the others; clients still reach it."""
        for other in NUMBERS:
            if other != number:
                self.lose(number, other, 100)
                self.lose(other, number, 100)

    def mend(self) -> None:
        """Lose nothing any more."""
        for number in NUMBERS:
            self._nft(number, "flush chain ip faults out")

    def _make(self) -> None:
        run("ip", "link", "add", self._mark, "type", "bridge")
        run("ip", "addr", "add", f"{self._net}.1/24", "dev", self._mark)
        run("ip", "link", "set", self._mark, "up")
        for number in NUMBERS:
            self._separate(number)

    def _separate(self, number: int) -> None:
        name, outer = self._name(number), f"{self._mark}{number}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", outer, "master", self._mark, "up")
        run("ip", "-n", name, "addr", "add", f"{self._address(number)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            run("ip", "-n", name, "link", "set", device, "up")
        self._nft(number, "add table ip faults")
        self._nft(number, "add chain ip faults out { type filter hook output priority 0; }")

    def _remove(self) -> None:
        for number in NUMBERS:
            command = ("ip", "netns", "del", self._name(number))
            subprocess.run(command, capture_output=True, check=False)
        subprocess.run(("ip", "link", "del", self._mark), capture_output=True, check=False)

    def _nft(self, number: int, command: str) -> None:
        run("ip", "netns", "exec", self._name(number), "nft", command)

    def _configure(self, number: int, server: BrokerServer) -> None:
        others = [one for one in self.servers.values() if one.number != number]
        server.configure(
            (f"{one.host}:{one.route}" for one in others),
            advertised=f"{server.host}:{server.route}",
        )

    def _name(self, number: int) -> str:
        return f"{self._mark}-{number}"

    def _address(self, number: int) -> str:
        return f"{self._net}.{10 + number}"
