"""Expressions mean what they mean in Flux. The values in the tables are those of cel-go in Flux's environment."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.cel import BudgetExceeded, EvaluationFailed, ExpressionInvalid
from tests.support.expressions import budget, evaluate

OBJECT: dict[str, Any] = {
    "apiVersion": "example.org/v1",
    "kind": "Widget",
    "type": "Opaque",
    "metadata": {"name": "w", "generation": 3, "labels": {"app/version": "v1.2.3"}},
    "spec": {"replicas": 3, "ratio": 1.5, "enabled": True, "nothing": None, "big": 9007199254740993},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Synced", "status": "False"}],
        "at": "2026-01-02T03:04:05Z",
    },
}

TRUE = """
status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')
status.conditions.exists_one(e, e.type == 'Ready')
status.conditions.map(c, c.status == 'True', c.type) == ['Ready']
status.conditions.filter(c, c.type == 'Other').all(c, c.status == 'True')
metadata.labels['app/version'].startsWith('v1.')
has(status.conditions) && !has(status.other) && has(spec.nothing) && spec.nothing == null
type == 'Opaque'
type(spec.replicas) == int
spec.replicas == 3.0 && spec.replicas < 3.5 && 1u < 2.5 && 1u == 1 && spec.ratio > 1
spec.big == 9007199254740993 && -7 / 2 == -3 && -7 % 2 == -1
status.?other.orValue('x') == 'x'
status.?conditions[?0].?type.orValue('') == 'Ready'
!status[?'other'].hasValue() && optional.of(1).value() == 1 && !optional.ofNonZeroValue('').hasValue()
status.?conditions.optMap(c, c.size()).orValue(0) == 2
status.?conditions.optFlatMap(c, c[?0]).hasValue()
{?'a': optional.none()}.size() == 0 && [?optional.of(1), 2].size() == 2
['a', 'b'].join('-') == 'a-b' && 'a,b,c'.split(',', 2) == ['a', 'b,c']
'%s-%d-%.2f'.format(['a', 3, 1.255]) == 'a-3-1.25' && '%s'.format([[1, 'a', true]]) == '[1, a, true]'
'hello'.replace('l', 'L', 1) == 'heLlo' && 'AbC'.lowerAscii() == 'abc' && ' a '.trim() == 'a'
'abc'.substring(1) == 'bc' && 'abc'.indexOf('c') == 2 && 'abc'.charAt(1) == 'b' && 'abc'.reverse() == 'cba'
strings.quote('a"b') == '"a\\\\"b"'
'é'.size() == 1 && b'é'.size() == 2
sets.contains([1, 2.0, 'a'], [2u]) && !sets.contains([1], [true]) && sets.contains([{'a': [1]}], [{'a': [1.0]}])
sets.equivalent([1, 1, 2], [2, 1]) && !sets.equivalent([1], [1, 2])
sets.intersects([1, 2], [2, 3]) && !sets.intersects([], [])
sets.contains(status.conditions.map(c, c.type), ['Ready', 'Synced'])
base64.encode(b'hello') == 'aGVsbG8=' && base64.decode('aGVsbG8') == b'hello'
'abc'.matches('^(?i)A.c$') && matches('abc', 'b')
timestamp(status.at) + duration('1h') > timestamp('2026-01-02T04:04:00Z')
timestamp(status.at).getHours('America/New_York') == 22 && timestamp(status.at).getHours() == 3
duration('90m').getHours() == 1 && string(duration('90s')) == '90s'
true || missing == 1
missing == 1 || true
!(missing == 1 && false)
metadata.generation == 3 ? true : missing
[1, 'a'].size() == 2
""".strip().splitlines()


@pytest.mark.parametrize("text", TRUE)
async def test_true(text: str) -> None:
    assert await evaluate(text, OBJECT)
    assert not await evaluate(f"!({text})", OBJECT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("status.other == 1", "no such key: other"),
        ("status['other'] == 1", "no such key: other"),
        ("missing == 1", "no such attribute(s): missing"),
        ("missing.conditions.exists(c, c.type == 'Ready')", "no such attribute(s): missing.conditions"),
        ("has(missing.field)", "no such attribute(s): missing.field"),
        ("1 + 1.0 == 2.0", "no such overload: _+_(int64, double)"),
        ("invented(1)", "no such overload: invented(int64)"),
        ("1 / 0 == 1", "division by zero"),
        ("9223372036854775807 + 1 > 0", "the value is out of range"),
        ("status.conditions[5].type == 'x'", "index out of range"),
        ("'a'.matches('(')", "invalid regular expression"),
        ("status.conditions.all(c, c.type == 'Ready' || c.other)", "no such key: other"),
    ],
)
async def test_what_has_no_value_says_why(text: str, reason: str) -> None:
    with pytest.raises(EvaluationFailed) as raised:
        await evaluate(text, OBJECT)
    assert str(raised.value) == f"failed to evaluate the CEL expression '{text}': {reason}"


@pytest.mark.parametrize("text", ["spec.replicas", "'true'", "null", "[true]", "optional.of(true)"])
async def test_only_booleans_are_an_answer(text: str) -> None:
    with pytest.raises(EvaluationFailed, match="as boolean"):
        await evaluate(text, OBJECT)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("1 +", 1, 4),
        ("", 1, 1),
        ("has(status)", 1, 5),
        ("status.a == 1 &&\n  == 2", 2, 3),
        ("'open", 1, 1),
        ("in == 1", 1, 1),
    ],
)
async def test_an_invalid_expression_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(ExpressionInvalid) as raised:
        await budget().compile(text)
    assert f"ERROR: <input>:{line}:{column}: " in str(raised.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("other.x == 1", "undeclared reference to 'other.x'"),
        ("dep.x", "expected bool, got dyn"),
        ("1", "expected bool, got int"),
        ("1 == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("1 == 1.0", "found no matching overload"),
        ("'a'.invented()", "undeclared reference to 'invented'"),
    ],
)
async def test_with_variables_names_and_types_are_checked(text: str, reason: str) -> None:
    with pytest.raises(ExpressionInvalid, match=f".*{reason.replace('(', '.').replace(')', '.')}"):
        await budget().compile(text, ("dep",))


@pytest.mark.parametrize(
    "text",
    [
        "dep.x.y == 1",
        "dep.x == 1.0",
        "size(dep) > 0.5 && 1u < 2",
        "dep.?a[?'b'].orValue(1) == 1",
        "has(dep.x)",
    ],
)
async def test_with_variables_what_fits_is_accepted(text: str) -> None:
    expression = await budget().compile(text, ("dep",))
    assert await budget().evaluate_bool(expression, {"dep": {"x": {"y": 1}}}) is ("x ==" not in text)


def test_an_error_names_the_field_of_its_expression_and_stays_itself() -> None:
    error = BudgetExceeded("too much", 7.0)
    assert error.at("spec.dependsOn[0].readyExpr") is error
    assert (str(error), error.after) == ("spec.dependsOn[0].readyExpr: too much", 7.0)
    assert ExpressionInvalid("a +", "syntax").after is None
