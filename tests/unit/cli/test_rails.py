"""Rails beside the lines of a graph of causes."""

from hypothesis import given
from hypothesis import strategies as st

from stratoscope.cli.rails import DOT, MAX_RAILS, rails


def drawn(**causes: str) -> list[str]:
    return rails({name: named.split() for name, named in causes.items()})


def test_a_chain_is_one_rail() -> None:
    assert drawn(a="", b="a", c="b") == [DOT, DOT, DOT]


def test_a_fork_opens_a_rail_and_a_join_ends_it() -> None:
    assert drawn(root="", one="root", two="root", end="two one") == ["●", "├─●", "● │", "●─╯"]


def test_a_rail_that_is_crossed_goes_on() -> None:
    assert drawn(a="", b="", c="", d="a", e="c b", f="d e") == [
        "●",
        "│   ●",
        "│ ● │",
        "● │ │",
        "│ ●─╯",
        "●─╯",
    ]


@given(st.data())
def test_every_event_has_its_dot_and_a_rail_ends_at_no_stranger(data: st.DataObject) -> None:
    names = [f"e{number}" for number in range(data.draw(st.integers(1, 12)))]
    causes = {
        name: data.draw(st.lists(st.sampled_from(names[:at]), unique=True, max_size=3))
        if at
        else []
        for at, name in enumerate(names)
    }

    rows = rails(causes)

    assert [row.count(DOT) for row in rows] == [1] * len(names)
    assert all(len(row) <= MAX_RAILS for row in rows)
    # Nothing runs above the first event or below the last one.
    assert not set(rows[0]) & set("╯┤├╰│┼")
    assert not set(rows[-1]) & set("├│┼")
