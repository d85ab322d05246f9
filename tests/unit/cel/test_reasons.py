"""The message about an expression that fails holds none of the data that it read."""

from __future__ import annotations

import base64

import pytest

from headgate.cel import EvaluationFailed
from headgate.cel.reasons import reason_for
from tests.support.expressions import evaluate

WORD = "s3cret-w0rd"
NUMBER = 90210777
OBJECT = {
    "data": {
        "word": base64.b64encode(WORD.encode()).decode(),
        "plain": WORD,
        "number": NUMBER,
        "list": [1, 2],
    },
    WORD: {"a": 1},
    "a": {"b": 1},
}

QUOTING = """
{'a': 1}[string(base64.decode(data.word))] == 1
{'a': 1}[data.plain] == 1
{1: 1}[data.number] == 1
data[data.plain] == 1
data[?data.plain].value() == 1
data.list[data.number] == 1
[data.plain].map(x, data[x]).size() == 1
data.exists(k, data[data[k] + 'x'] == 1)
data.list.all(i, data.list[i + data.number] == 1)
''.matches(data.plain + '(')
''.matches('(' + data.plain)
int(data.plain) == 1
uint(data.plain) == 1u
double(data.plain) == 1.0
bool(data.plain)
timestamp(data.plain) == timestamp(0)
duration(data.plain) == duration('1s')
timestamp(0).getHours(data.plain) == 1
base64.decode(data.plain) == b''
string(b'\\xff') + data.plain == ''
data.plain.substring(data.number) == ''
data.plain.charAt(data.number) == ''
data.plain.indexOf('a', data.number) == 1
data.plain.lastIndexOf('a', data.number) == 1
data.plain.format([data.number]) == 1 / 0
('%' + data.plain).format([1]) == ''
'%d'.format([data.plain]) == ''
data.plain + data.number == ''
data.plain < data.number
data.plain.invented(data.number)
{data.plain: 1, data.plain: 2} == {}
data.number * 9223372036854775807 == 1
-9223372036854775807 - data.number == 1
data.plain in data.number
data.plain.split(data.number) == []
data.plain && true
data.plain ? true : false
has(data.plain.x)
data.plain.x == 1
data.list['a' + data.plain] == 1
sets.contains(data.plain, [1])
google.protobuf.Duration{seconds: data.plain} == 1
data.plain
""".strip().splitlines()


@pytest.mark.parametrize("text", QUOTING)
async def test_no_value_is_quoted(text: str) -> None:
    try:
        await evaluate(text, OBJECT)
    except EvaluationFailed as error:
        said = str(error).replace(text, "")
        for value in (WORD, OBJECT["data"]["word"], str(NUMBER), WORD[:4], WORD[-4:]):
            assert str(value) not in said
        assert len(said) < 200


@pytest.mark.parametrize(
    ("text", "message", "reason"),
    [
        # The message quotes a name only if it must come from the text.
        ("a.b == 1", 'NOT_FOUND: Key not found in map : "b"', "no such key: b"),
        ("a.?b.c == 1", 'NOT_FOUND: Key not found in map : "b"', "no such key: b"),
        ("a['b'].c[0] == 1", 'NOT_FOUND: Key not found in map : "b"', "no such key: b"),
        ("a.b == 'b.z'", 'NOT_FOUND: Key not found in map : "z"', "no such key"),
        ("'x.z' == a.b", 'NOT_FOUND: Key not found in map : "z"', "no such key"),
        ("a.b == 1 // a.z", 'NOT_FOUND: Key not found in map : "z"', "no such key"),
        # Where a key is computed it may be a value, even if the text has the same word.
        ("a[c] == 1 || a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key"),
        ("a[?c] == 1 || a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key"),
        ("a['x' + c] == 1 || a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key"),
        ("{'a': 1}[c] == a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key"),
        ("a.f()[c] == a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key"),
        ("'x'[c] == a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key"),
        ("[a, b].size() == a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key: b"),
        ("a in [c, d] && a.b", 'NOT_FOUND: Key not found in map : "b"', "no such key: b"),
        # Variables.
        ("a.b.c(1) == 2", 'UNKNOWN: No value with name "a" found in Activation', "no such attribute(s): a.b"),
        ("x.a + a", 'UNKNOWN: No value with name "a" found in Activation', "no such attribute(s): a"),
        ("x", 'UNKNOWN: No value with name "a" found in Activation', "no such attribute(s)"),
        # Functions.
        (
            "a + 1",
            "UNKNOWN: No matching overloads found : _+_(string, int64)",
            "no such overload: _+_(string, int64)",
        ),
        (
            "a.f(1)",
            "UNKNOWN: No matching overloads found : (string).f(int64)",
            "no such overload: (string).f(int64)",
        ),
        ("a.f(1)", "UNKNOWN: No matching overloads found : (string).g(int64)", "no such overload"),
        ("a.f(1)", "UNKNOWN: No matching overloads found : f(s3cret)", "no such overload: f"),
        # What nobody has thought of.
        ("a", "something new: s3cret", "it cannot be evaluated"),
        ("a", "", "it cannot be evaluated"),
    ],
)
def test_reasons(text: str, message: str, reason: str) -> None:
    assert reason_for(text, message) == reason
