"""Files of records, read line by line as strictly as they will be judged."""

from io import BytesIO

import pytest

from stratoscope.cli import ndjson
from stratoscope.cli.ndjson import BadLine, Line, lines

EVENT = b'{"agent":"a","kind":"event","type":"decision_made"}\n'
SNAPSHOT = b'{"agent":"b","kind":"snapshot","state":{"health":100}}\n'
LONG = b"m" * 20_000
DEEP = b'{"x":' * 70 + b"1" + b"}" * 70


def file(*texts: bytes) -> BytesIO:
    return BytesIO(b"".join(texts))


def test_each_line_is_a_record_of_its_agent() -> None:
    assert list(lines(file(EVENT, SNAPSHOT))) == [
        Line(1, "a", "event", {"type": "decision_made"}, len(EVENT)),
        Line(2, "b", "snapshot", {"state": {"health": 100}}, len(EVENT) + len(SNAPSHOT)),
    ]


def test_empty_lines_count_but_hold_nothing() -> None:
    assert [line.number for line in lines(file(b"\n", EVENT, b"  \n", SNAPSHOT))] == [2, 4]


def test_fields_are_kept_as_they_were_written() -> None:
    text = b'{"agent":"a","kind":"snapshot","state":{"n":1,"x":1.0,"big":18446744073709551615}}'
    (line,) = lines(file(text))
    assert repr(line.fields["state"]) == "{'n': 1, 'x': 1.0, 'big': 18446744073709551615}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "line 2: unexpected end"),
        (b"[]", "line 2: a record is a JSON object"),
        (b'{"kind":"event","type":"x"}', "line 2: agent: missing"),
        (b'{"agent":"a.b","kind":"event","type":"x"}', "line 2: agent: no name"),
        (b'{"agent":7,"kind":"event","type":"x"}', "line 2: agent: no name"),
        (b'{"agent":"a","type":"x"}', "line 2: kind"),
        (b'{"agent":"a","kind":"thing"}', "line 2: "),
        (b'{"agent":"a","kind":"event"}', "line 2: type: Field required"),
        (b'{"agent":"a","kind":"event","type":"No Type"}', "line 2: type: "),
        (b'{"agent":"a","kind":"snapshot"}', "line 2: state: Field required"),
        (b'{"agent":"a","kind":"snapshot","state":[]}', "line 2: state: "),
        (b'{"agent":"a","kind":"event","type":"x","casues":[]}', "line 2: casues: no such field"),
        (b'{"agent":"a","kind":"event","type":"x","causes":["y"]}', "line 2: causes[0]: "),
        (b'{"agent":"a","kind":"event","type":"x","occurred_at":"noon"}', "line 2: occurred_at: "),
        (b'{"agent":"a","kind":"event","type":"x","data":{"n":99999999999999999999}}', "64 bits"),
        (b'{"agent":"a","kind":"event","type":"x","data":{"t":"\\u0000"}}', "NUL"),
        (b'{"agent":"a","kind":"event","type":"x","metadata":{"t":"%s"}}' % LONG, "at most 16384"),
        (b'{"agent":"a","kind":"snapshot","state":%s}' % DEEP, "64 levels"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_record_is_told_with_its_number_and_field(text: bytes, said: str) -> None:
    with pytest.raises(BadLine) as raised:
        list(lines(file(EVENT, text)))
    assert said in raised.value.message


def test_records_before_a_bad_line_are_given_first() -> None:
    found = lines(file(EVENT, b"nonsense"))
    assert next(found).agent == "a"
    with pytest.raises(BadLine, match="line 2"):
        next(found)


def test_a_line_that_never_ends_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "_LONGEST_LINE", 100)
    monkeypatch.setattr(ndjson, "MAX_UNPACKED_BYTES", 90)
    for endless in (b" " * 1000, b"\0" * 1000):
        source = file(EVENT, endless)
        with pytest.raises(BadLine, match="line 2: more than 90 bytes"):
            list(lines(source))
        assert source.tell() == len(EVENT) + 100
