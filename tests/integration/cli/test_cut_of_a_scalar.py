"""A cut through one field shows the field, be it a single value."""

from support.commands import Commands, Explorer


def test_a_cut_of_a_scalar_shows_the_value(commands: Commands, explorer: Explorer) -> None:
    shown = commands.text("cut", "--agent", explorer.name, "--path", "health")
    assert any(line.startswith(explorer.name) and line.endswith(" 100") for line in _lines(shown))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]
