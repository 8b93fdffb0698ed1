"""Cases of CEL: true and without a match, each over one event and one state.

They follow the language definition and the topics of its conformance suite: basic, comparisons,
conversions, integer_math, fp_math, lists, logic, macros, string, timestamps, parse, fields.
"""

from typing import Any

STATE: dict[str, Any] = {
    "n": 10,
    "zero": 0,
    "half": 0.5,
    "whole": 4.0,
    "min": -(2**63),
    "max": 2**63 - 1,
    "unsigned": 2**63,
    "huge": 2**64 - 1,
    "beyond": 18446744073709551616.0,
    "exact": 9007199254740993,
    "near": 9007199254740992.0,
    "pairs": [9007199254740992.0],
    "yes": True,
    "no": False,
    "none": None,
    "name": "ann",
    "accents": "déjà vu",
    "cats": "🐱🐱",
    "pattern": "^a.n$",
    "bad_pattern": "(",
    "items": [{"name": "a"}, {"price": 5}],
    "priced": [{"price": 5}, {"name": "a"}],
    "cheap": [{"name": "a"}, {"price": 1}],
    "numbers": [1, 2, 3],
    "mixed": [1, "a", None, 2.0, [1], {"k": 1}],
    "map": {"a": 1, "b": 2},
    "pages": [{"a": "a", "b": "b", "n": 1}],
    "rows": [["a", "b"]],
    "tags": ["x", "y"],
    "a.b": {"c": 1},
    "empty": {"list": [], "map": {}, "text": ""},
    "when": "2026-03-29T00:30:15.250Z",
    "long": "1h30m15.5s",
}
EVENT: dict[str, Any] = {
    "id": "e-1",
    "type": "decision_made",
    "occurred_at": "2026-01-31T23:30:59.123456Z",
    "recorded_at": "2026-01-31T23:31:00Z",
    "agent": "ann",
    "event_index": 7,
    "stream_seq": 9,
    "ordinal": 0,
    "depth": None,
    "late": False,
    "data": {"text": "hi", "n": 2},
    "metadata": {},
    "causes": ["e-0"],
    "patch": [],
}

LITERALS = """
'a' == "a"
'''it's''' == "it's"
\"\"\"say "no" \"\"\" == 'say "no" '
'a\\tb'.size() == 3
'\\a\\b\\f\\n\\r\\t\\v\\\\\\?\\"\\'\\`'.size() == 12
'\\x41\\u0042\\U00000043\\104' == 'ABCD'
'\\377' == 'ÿ'
'\\U0001F431' == '🐱'
r'\\n'.size() == 2
R"\\\\" == '\\\\\\\\'
b'abc' == bytes('abc')
b'ÿ' == b'\\303\\277'
b'\\xff'.size() == 1
b'\\377' != bytes('ÿ')
size(b'ÿ') == 2
bR'\\x' == b'\\\\x'
0x10 == 16
0xFFu == 255u
-0x10 == -16
1e3 == 1000.0
.5 == 0.5
1.5e-1 == 0.15
-9223372036854775808 < 0
9223372036854775807 > 0
18446744073709551615u > 0u
true != false
null == null
[1, 2,] == [1, 2]
{'a': 1,} == {'a': 1}
// a comment
"""

COMPARISONS = """
1 == 1.0
1u == 1
1u == 1.0
state.n == 10.0
state.n == 10u
state.whole == 4
state.exact == 9007199254740993
state.exact != state.near
!(9007199254740993 == 9007199254740992.0)
9007199254740993 > 9007199254740992.0
!(9007199254740993 <= 9007199254740992.0)
9007199254740993u != 9007199254740992.0
9007199254740993 in [9007199254740993]
!(9007199254740993 in [9007199254740992.0])
-9007199254740993 < -9007199254740992.0
18446744073709551615u < 18446744073709551616.0
9223372036854775807 != 9223372036854775807.0
state.exact != 9.007199254740992e15
state.pairs != [9007199254740993] && state.pairs == [9007199254740992]
state.max != 9223372036854775808.0
state.max < 9223372036854775808.0
state.max < state.unsigned
state.unsigned == 9223372036854775808u
state.unsigned == 9223372036854775808.0
state.huge == 18446744073709551615u
state.huge > state.max
state.huge < 18446744073709551616.0
state.beyond == 18446744073709551616.0
state.beyond > state.huge
state.min == -9223372036854775808
state.min < 0u
-1 < 1u
1 < 1.5
2.5 > 2u
state.n >= 10 && state.n <= 10.0
double('NaN') != double('NaN')
!(double('NaN') == double('NaN'))
!(double('NaN') < 1.0) && !(double('NaN') > 1.0)
0.0 == -0.0
double('Infinity') > 1e308
'a' < 'b' && 'Z' < 'a' && '' < 'a' && 'a' < 'aa'
'é' > 'z'
'\\uFFFD' < '🐱'
b'a' < b'b' && b'\\xff' > b'z'
false < true
!(state.name == 1)
state.name != 1
state.none == null
state.name != null
state.yes == true && state.yes != 1
[1, 2] == [1.0, 2u]
[1, 2] != [2, 1]
[1] != [1, 2]
state.numbers == [1, 2.0, 3u]
state.mixed == [1.0, 'a', null, 2, [1u], {'k': 1.0}]
state.map == {'b': 2, 'a': 1}
state.map != {'a': 1}
dyn({'a': 1}) == {'a': 1.0}
{1: 'a'} == dyn({1u: 'a'})
[] == [] && {} == {}
timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.000000001Z')
timestamp('2026-01-01T01:00:00+01:00') == timestamp('2026-01-01T00:00:00Z')
duration('60s') == duration('1m') && duration('1h') > duration('59m')
type(1) == int && type(1u) == uint && type(1.0) == double && type('') == string
type(b'') == bytes && type(true) == bool && type(null) == null_type
type([]) == list && type({}) == map && type(type(1)) == type
type(state.n) == int && type(state.half) == double && type(state.huge) == uint
type(state.map) == map && type(state.items) == list && type(event.depth) == null_type
"""

ARITHMETIC = """
state.n + 1 == 11
state.n - 11 == -1
-state.n == -10
--state.n == 10
state.n * 3 == 30
state.n / 3 == 3
-7 / 2 == -3
-7 % 3 == -1
7 % -3 == 1
7u / 2u == 3u && 7u % 2u == 1u
1 + 2 * 3 == 7
(1 + 2) * 3 == 9
10 - 2 - 3 == 5
2 * 3 % 4 == 2
state.half * 2.0 == 1.0
state.near * 2.0 == 18014398509481984.0 && type(state.near) == double
double(state.n) * 0.5 == 5.0
1.0 / 0.0 == double('Infinity')
-1.0 / 0.0 == -double('Infinity')
0.0 / 0.0 != 0.0 / 0.0
0.1 + 0.2 != 0.3
state.max + 0 == 9223372036854775807
state.huge - 1u == 18446744073709551614u
'a' + 'b' == 'ab'
b'a' + b'b' == b'ab'
[1] + [2] == [1, 2]
state.tags + ['z'] == ['x', 'y', 'z']
timestamp('2026-01-01T00:00:00Z') + duration('90m') == timestamp('2026-01-01T01:30:00Z')
duration('90m') + timestamp('2026-01-01T00:00:00Z') == timestamp('2026-01-01T01:30:00Z')
timestamp('2026-01-01T01:30:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('1h30m')
timestamp('2026-01-01T00:00:00Z') - duration('1s') == timestamp('2025-12-31T23:59:59Z')
duration('1m') + duration('1s') == duration('61s')
duration('1m') - duration('1s') == duration('59s')
"""

LOGIC = """
state.nothing == 1 || state.n == 10
state.n == 10 || state.nothing == 1
!(state.nothing == 1 && state.n == 11)
!(state.n == 11 && state.nothing == 1)
state.n / 0 == 1 || true
!(state.max + 1 == 0 && false)
state.name || true
state.name < 1 || true
true || state.name.matches(state.bad_pattern)
state.n == 10 ? true : state.nothing
!(state.n == 11 ? state.nothing : false)
state.yes ? state.n == 10 : 1 / 0 == 1
false ? false : false ? false : true
!false && !!true
true || false && false
!(false || true && false)
1 < 2 == true
(state.nothing == 1 || state.n == 11) || state.n == 10
state.nothing == 1 || (state.nowhere == 1 || state.n == 10)
"""

MACRO_CASES = """
state.items.exists(i, i.price > 3)
state.priced.exists(i, i.price > 3)
!state.cheap.all(i, i.price > 3)
!state.items.all(i, i.price < 3)
state.numbers.exists(n, n == 3) && !(3 in [])
!state.numbers.exists(n, n > 3)
state.numbers.all(n, n > 0)
!state.numbers.all(n, n > 1)
state.numbers.exists(n, 6 / (n - 1) == 6)
!state.numbers.all(n, 6 / (n - 1) == 6)
state.numbers.exists_one(n, n > 2)
!state.numbers.exists_one(n, n > 1)
!state.numbers.exists_one(n, n > 9)
state.numbers.filter(n, n > 1) == [2, 3]
state.numbers.map(n, n * 2) == [2, 4, 6]
state.numbers.map(n, n > 1, n * 2) == [4, 6]
state.map.exists(k, k == 'b')
state.map.all(k, k < 'c')
state.map.exists_one(k, k == 'a')
size(state.map.filter(k, k != 'a')) == 1
state.map.map(k, k + '!').size() == 2
[].all(x, x == 1) && true
![].exists(x, x == 1)
state.empty.list.all(x, x == 1)
!state.empty.map.exists(x, x == 1)
['a', 'bb'].exists(x, size(x) == 2)
state.items.exists(i, has(i.price) && i.price == 5)
state.mixed.exists(x, type(x) == string && x == 'a')
state.tags.exists(t, t.startsWith('y') && t.endsWith('y') && t.contains('y'))
"""

FIELDS = """
state['a.b'].c == 1
state["a.b"]["c"] == 1
state['a.b'].exists(k, k == 'c') && state["numbers"][2] == 3
state.numbers[0] == 1 && state.numbers[2] == 3
state.numbers[1.0] == 2 && state.numbers[1u] == 2
{1: 'a', 2u: 'b', true: 'c', 'd': 'e'}[1] == 'a'
{1: 'a'}[1.0] == 'a' && {1u: 'a'}[1] == 'a'
{true: 'a'}[true] == 'a'
has(state.n) && has(state.none) && !has(state.nothing)
!has(state.map.c) && has(state.map.a)
has({'a': null}.a)
'a' in state.map && !('c' in state.map) && 'a.b' in state
'x' in state.tags && !('z' in state.tags)
2 in state.numbers && 2.0 in state.numbers && 2u in state.numbers
1.0 in {1: true}
null in state.mixed && [1] in state.mixed && {'k': 1} in state.mixed
event.data.n == 2 && event.type == 'decision_made' && event['type'].startsWith('decision')
event.event_index == 7 && event.causes[0] == 'e-0' && size(event.causes) == 1
event.depth == null && !event.late && size(event.patch) == 0 && event.metadata == {}
has(event.data.text) && has(event.type) && !has(event.data.nothing)
event.agent == state.name
state['name'] + state['name'] == 'annann' && state['n'] + state['n'] == 20
state[event.data.text] == 1 || state[event.agent + ''] == 1 || state['half'] + state['half'] == 1.0
-state['half'] == -0.5 && state.pages.exists(p, p['a'] + p['b'] == 'ab' && p['n'] + p['n'] == 2)
state.rows.exists(r, r[0] + r[1] == 'ab')
event.causes.exists(c, c == 'e-0') && event.causes + ['x'] == ['e-0', 'x']
event.patch.all(p, p.op == 'add') && event.data['n'] + event.event_index == 9
event.data.exists(k, k == 'n') && size(event.data) == 2 && event.data != {}
event['data'].n + 5 == event['event_index']
event.causes != state.tags && event.data != state.map && event.metadata == state.empty.map
!(event.type in state.tags) && !(event.data.n in event.causes) && event.causes != []
event.event_index + state.n == 17 && event.type + state.name == 'decision_madeann'
null == event.depth && (event.depth == null || event.depth > 1) && string(event.event_index) == '7'
state != {} && {} != state && event != {} && state.numbers != [] && [] == state.empty.list
(state.yes ? state.n : 1) == 10 && [state.n, 'a'] == [10, 'a'] && {'a': state.n} == {'a': 10}
[1, 'a', null] == [1, 'a', null] && [1, null].exists(x, x == null)
[1, state.n, 'a'].exists(x, x == 10)
state[event.data.text == 'hi' ? 'n' : 'zero'] == 10
"""

TEXTS = """
size('déjà vu') == 7
'déjà vu'.size() == 7
size(state.accents) == 7 && state.accents.size() == 7
size(state.cats) == 2
size(bytes(state.accents)) == 9
size('e\\u0301') == 2
size('') == 0 && size([]) == 0 && size({}) == 0 && size(state.map) == 2
state.name.contains('n') && state.name.contains('') && !state.name.contains('x')
state.name.startsWith('an') && state.name.startsWith('') && !state.name.startsWith('nn')
state.name.endsWith('nn') && state.name.endsWith('') && !state.name.endsWith('an')
state.accents.contains('à v') && state.accents.startsWith('dé') && state.cats.endsWith('🐱')
state.name.matches('n') && matches(state.name, '^a')
state.name.matches(state.pattern)
!state.name.matches('^n')
state.name.matches('(?i)ANN') && !state.name.matches('ANN')
state.accents.matches('^d.j. vu$') && state.accents.matches('\\\\p{L}+')
state.cats.matches('^..$')
'a\\nb'.matches('a.b') == false && 'a\\nb'.matches('(?s)a.b')
'aXb'.matches(r'^\\w[[:upper:]]\\w$') && ''.matches('')
"""

CONVERSIONS_CASES = """
int('-42') == -42 && int('042') == 42
int(42u) == 42 && int(42) == 42
int(3.99) == 3 && int(-3.99) == -3
int(timestamp('2026-01-01T00:00:00Z')) == 1767225600
int(timestamp(event.occurred_at)) == 1769902259
uint('42') == 42u && uint(42) == 42u && uint(3.99) == 3u && uint(7u) == 7u
double('1.5') == 1.5 && double(2) == 2.0 && double(2u) == 2.0 && double('-1e3') == -1000.0
double(1.5) == 1.5 && double(state.huge) == 18446744073709551616.0
string(42) == '42' && string(-1) == '-1' && string(42u) == '42' && string('x') == 'x'
string(1.5) == '1.5' && string(true) == 'true' && string(false) == 'false'
string(b'd\\xc3\\xa9j') == 'déj' && string(-0.25) == '-0.25'
string(timestamp('2026-01-01T01:00:00+01:00')) == '2026-01-01T00:00:00Z'
string(timestamp('2026-01-01T00:00:00.5Z')).startsWith('2026-01-01T00:00:00.5')
string(duration('1m1ms')) == '60.001s' && string(duration('1h')) == '3600s'
bool('true') && !bool('false') && bool('True') && bool('TRUE') && bool('1') && bool(true)
!bool('f') && bool('t') && !bool('False') && !bool('FALSE') && !bool('0')
bytes('é') == b'\\xc3\\xa9' && bytes(b'a') == b'a'
dyn(1) == 1.0
timestamp('2026-01-01T00:00:00Z') == timestamp(1767225600)
timestamp(timestamp('2026-01-01T00:00:00Z')) == timestamp('2026-01-01T00:00:00Z')
timestamp('0001-01-01T00:00:00Z') < timestamp('9999-12-31T23:59:59.999999999Z')
duration('0') == duration('0s') && duration('1h30m') == duration('5400s')
duration('-1.5h') == duration('-90m') && duration('1ms') == duration('1000us')
duration('1us') == duration('1000ns') && duration(state.long) == duration('5415.5s')
duration(duration('1s')) == duration('1s')
"""

TIMES = """
timestamp(event.occurred_at).getFullYear() == 2026
timestamp(event.occurred_at).getMonth() == 0
timestamp(event.occurred_at).getDate() == 31
timestamp(event.occurred_at).getDayOfMonth() == 30
timestamp(event.occurred_at).getDayOfWeek() == 6
timestamp(event.occurred_at).getDayOfYear() == 30
timestamp(event.occurred_at).getHours() == 23
timestamp(event.occurred_at).getMinutes() == 30
timestamp(event.occurred_at).getSeconds() == 59
timestamp(event.occurred_at).getMilliseconds() == 123
timestamp(event.occurred_at).getHours('Europe/Berlin') == 0
timestamp(event.occurred_at).getDate('Europe/Berlin') == 1
timestamp(event.occurred_at).getMonth('Europe/Berlin') == 1
timestamp(event.occurred_at).getDayOfMonth('Europe/Berlin') == 0
timestamp(event.occurred_at).getDayOfWeek('Europe/Berlin') == 0
timestamp(event.occurred_at).getDayOfYear('Europe/Berlin') == 31
timestamp(event.occurred_at).getMinutes('Asia/Kolkata') == 0
timestamp(event.occurred_at).getMinutes('+05:45') == 15
timestamp(event.occurred_at).getHours('-08:00') == 15
timestamp(event.occurred_at).getHours('America/New_York') == 18
timestamp(event.occurred_at).getHours('UTC') == 23
timestamp(event.occurred_at).getSeconds('Asia/Tokyo') == 59
timestamp(event.occurred_at).getMilliseconds('Asia/Tokyo') == 123
timestamp('2026-12-31T23:30:00Z').getFullYear('Asia/Tokyo') == 2027
timestamp(state.when).getHours('Europe/Berlin') == 1
(timestamp(state.when) + duration('1h')).getHours('Europe/Berlin') == 3
timestamp('2024-12-31T00:00:00Z').getDayOfYear() == 365
duration(state.long).getHours() == 1
duration(state.long).getMinutes() == 90
duration(state.long).getSeconds() == 5415
duration(state.long).getMilliseconds() == 500
timestamp(event.recorded_at) - timestamp(event.occurred_at) < duration('1s')
timestamp(event.occurred_at) > timestamp('2026-01-01T00:00:00Z')
"""

# Errors, and what is not true: no match, but not refused, since another document may decide.
NO_MATCH = """
state.nothing == 1
state.nothing == null
state.name.nothing == 1
state.nothing.deeper == 1
has(state.nothing.deeper)
has(state.name.size)
state.numbers[3] == 1
state.numbers[-1] == 3
state.numbers[0.5] == 1
state.numbers['a'] == 1
state.map[1] == 1
state.name < 1
state.none < 1
state.yes < 1
state.map < state.map
state.numbers <= state.numbers
state.n * 0.5 == 5.0
state.n + 1u == 11u
state.n / state.zero == 1
state.n % state.zero == 1
state.max + 1 > 0
state.min - 1 < 0
-state.min > 0
state.min / -1 > 0
state.max * 2 > 0
state.huge + 1u > 0u
uint(state.n) - 11u > 0u
!state.name
state.name && true
state.n
state.name
state.name ? true : true
state.nothing ? true : true
state.nothing == 1 || state.n == 11
state.nothing == 1 && state.n == 10
state.cheap.exists(i, i.price > 3)
state.items.all(i, i.price > 3)
state.items.exists_one(i, i.price > 3)
state.numbers.exists_one(n, 6 / (n - 1) == 6)
state.numbers.filter(n, 6 / (n - 1) == 6) == [2]
state.items.map(i, i.price) == [5]
state.numbers.all(n, n)
state.numbers.exists(n, n)
state.name.exists(c, c == 'a')
state.nothing.exists(c, c == 'a')
state.name.matches(state.bad_pattern)
state.n.matches('1')
state.n.startsWith('1')
state.name.contains(state.n)
size(state.n) == 2
int(state.name) == 1
int(state.huge) == 1
int(double(state.max)) > 0
int(state.half * 1e300) > 0
uint(state.min) == 0u
uint(-state.half) > 5u
double(state.name) == 1.0
bool(state.name)
bool(state.n)
timestamp(state.name) > timestamp('2026-01-01T00:00:00Z')
timestamp(state.n) > timestamp(state.when)
duration(state.name) > duration('1s')
timestamp('9999-12-31T23:59:59Z') + duration(state.long) > timestamp('2026-01-01T00:00:00Z')
'a' in state.name
{'a': 1}[state.name] == 1
event.depth > 1
event.type == 'x'
"""


def lines(*texts: str) -> list[str]:
    return [one for text in texts for one in text.strip().split("\n") if not one.startswith("//")]


HOLDING = lines(
    *(LITERALS, COMPARISONS, ARITHMETIC, LOGIC, MACRO_CASES, FIELDS, TEXTS),
    *(CONVERSIONS_CASES, TIMES),
)
NOT_MATCHING = lines(NO_MATCH)
