"""What data says in half a line, and that nothing in it moves a terminal."""

from stratoscope.cli.gist import Leaf, cut, fields, gist, harmless, pretty, shortened, spelled


def test_what_tells_most_comes_first_and_speaks_for_itself() -> None:
    data = {"health": 7, "error": {"message": "too late"}, "name": "walk"}
    assert gist(data) == [Leaf("", "walk"), Leaf("", "too late"), Leaf("health", "7")]


def test_ids_and_what_is_empty_say_nothing() -> None:
    assert gist({"id": "x", "task_id": "y", "$type": "z", "note": "", "more": None, "on": []}) == []


def test_what_is_said_twice_is_told_once() -> None:
    assert gist({"name": "walk", "input": {"name": "walk"}}) == [Leaf("", "walk")]


def test_a_list_of_plain_values_is_one_value() -> None:
    assert gist({"at": [0, 3], "steps": [{"go": "north"}]}) == [
        Leaf("at", "[0,3]"),
        Leaf("go", "north"),
    ]


def test_no_more_than_a_glance_is_taken_at_large_data() -> None:
    assert len(gist({f"key{number}": number for number in range(100_000)})) == 4


def test_all_fields_have_their_path_but_for_what_is_for_programs() -> None:
    data = {"error": {"type": "KeyError", "traceback": "…"}, "task_id": "t"}
    assert fields(data) == [Leaf("task_id", "t"), Leaf("error.type", "KeyError")]


def test_control_sequences_are_spelled_out() -> None:
    assert harmless("a\x1b[2Jb\x9bc\u202ed") == "a\\x1b[2Jb\\x9bc\\u202ed"
    assert gist({"text": "a\x1b[2J\nb"}) == [Leaf("", "a\\x1b[2J b")]
    assert "\x7f" not in pretty({"a": "\x7f"}) + spelled({"a": "\x7f"})


def test_numbers_are_spelled_as_they_were_recorded() -> None:
    assert spelled({"b": 1.0, "a": 1, "c": 2**64 - 1}) == '{"a":1,"b":1.0,"c":18446744073709551615}'


def test_long_texts_are_cut_wherever_they_stand() -> None:
    assert shortened({"a": ["x" * 9], "b": 1}, 3) == {"a": ["xxx… (9 characters)"], "b": 1}
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"
