"""Which ports are taken, decided without a socket."""

import json
from pathlib import Path

import pytest

from stratoscope.embedded.errors import EmbeddedError
from stratoscope.embedded.ports import NAMES, choose_ports, remember_ports, remembered_ports


class Machine:
    """A machine where some ports are taken, and which names free ones from 50,000 on."""

    def __init__(self, *taken: int) -> None:
        self._taken = set(taken)
        self._next = 50_000

    def is_free(self, port: int) -> bool:
        return port not in self._taken

    def free_port(self) -> int:
        self._next += 1
        return self._next

    def choose(
        self, asked: dict[str, int] | None = None, remembered: dict[str, int] | None = None
    ) -> dict[str, int]:
        return choose_ports(asked or {}, remembered or {}, self.is_free, self.free_port)


def test_each_name_has_a_port_of_its_own() -> None:
    chosen = Machine().choose()
    assert set(chosen) == set(NAMES)
    assert len(set(chosen.values())) == len(NAMES)


def test_the_broker_is_where_clients_look_that_were_not_told() -> None:
    assert Machine().choose()["nats"] == 4222
    assert Machine(4222).choose()["nats"] != 4222


def test_last_times_port_is_taken_again_unless_another_has_it() -> None:
    assert Machine().choose(remembered={"postgres": 6000})["postgres"] == 6000
    assert Machine(6000).choose(remembered={"postgres": 6000})["postgres"] != 6000


def test_what_was_asked_for_goes_before_what_is_remembered() -> None:
    chosen = Machine().choose(asked={"navigator": 6000}, remembered={"nats": 6000})
    assert chosen["navigator"] == 6000
    assert chosen["nats"] == 4222


def test_what_was_asked_for_and_is_taken_is_refused() -> None:
    with pytest.raises(EmbeddedError, match=r"port 6000 .* is taken .* --nats-port"):
        Machine(6000).choose(asked={"nats": 6000})


def test_one_port_asked_for_twice_is_refused() -> None:
    with pytest.raises(EmbeddedError, match="6000"):
        Machine().choose(asked={"nats": 6000, "postgres": 6000})


def test_what_is_remembered_comes_back(tmp_path: Path) -> None:
    remember_ports(tmp_path / "ports.json", {"nats": 4222, "postgres": 6000})
    assert remembered_ports(tmp_path / "ports.json") == {"nats": 4222, "postgres": 6000}


@pytest.mark.parametrize("text", ["", "{", json.dumps({"nats": "4222", "other": 1}), "[]"])
def test_a_memory_that_is_damaged_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    assert remembered_ports(tmp_path / "ports.json") == {}
