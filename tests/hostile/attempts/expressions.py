"""Attempts to read values through CEL expressions: their errors, and expressions about dependencies."""

from __future__ import annotations

import json
import re

from tests.hostile.attempt import Attempt, Try, attempt
from tests.hostile.objects import (
    PEARL,
    READ,
    health_expressions,
    own_map,
)
from tests.hostile.world import WORD, World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
)

ATTEMPTS: list[Attempt] = []

# Errors of expressions. They appear in conditions and events, which more people may read than the objects.

ERRORS = (
    ("no-such-key", "{'a': 1}[x] == 1"),
    ("no-such-field", "{x: 1}.pearl == 1"),
    ("int", "int(x) == 1"),
    ("uint", "uint(x) == 1u"),
    ("double", "double(x) == 1.0"),
    ("bool", "bool(x)"),
    ("timestamp", "timestamp(x) == timestamp('2020-01-01T00:00:00Z')"),
    ("duration", "duration(x) == duration('1s')"),
    ("base64", "base64.decode(x + '!') == b''"),
    ("division", "1 / (size(x) - size(x)) == 1"),
    ("index", "[1, 2][size(x)] == 1"),
    ("matches", "'a'.matches(x + '(')"),
    ("type", "x + 1 == x"),
    ("compare", "[x] < ['a']"),
    ("not-a-boolean", "x"),
    ("duplicate-key", "{x: 1, x: 2} == {}"),
    ("select", "dyn(x).field == 1"),
    ("no-overload", "dyn(x) && true"),
    ("too-long", "(" + "x + " * 200 + "x) == 1"),
    ("time-zone", "timestamp('2020-01-01T00:00:00Z').getHours(x) == 1"),
    ("substring", "x.substring(1000) == ''"),
    ("format", "'%d'.format([x]) == ''"),
)


@attempt(*ERRORS)
def error_about_health(w: World, name: str, expression: str) -> Try:
    """No error of an expression quotes a value, here one of a Secret."""
    stored = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": {"a": "b"}}}
    stored["stringData"] = {"word": PEARL}
    check = {"apiVersion": "v1", "kind": "Secret", "name": name, "namespace": w.tenant.namespace}
    spec = {
        "healthChecks": [check],
        "healthCheckExprs": health_expressions("Secret", with_value(expression, READ)),
    }
    return Try({"a.yaml": own_map(w, name)}, spec, objects=(stored,))


@attempt(*ERRORS[:8], ERRORS[11], ERRORS[16])
def error_about_readiness(w: World, name: str, expression: str) -> Try:
    """No error of a ``readyExpr`` quotes a value, here a variable of another Kustomization."""
    value = "dep.spec.postBuild.substitute.word"
    other = {
        "apiVersion": KUSTOMIZATION_VERSION,
        "kind": KUSTOMIZATION,
        "metadata": {"name": f"{name}-dep"},
        "spec": {
            "interval": "1h",
            "prune": True,
            "suspend": True,
            "sourceRef": {"kind": SOURCE, "name": "source"},
            "postBuild": {"substitute": {"word": PEARL}},
        },
    }
    depends = [{"name": f"{name}-dep", "readyExpr": with_value(expression, value)}]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends}, objects=(other,))


def with_value(expression: str, value: str) -> str:
    """The expression with each lone ``x`` replaced by the value."""
    return re.sub(r"(?<![\w'.])x(?![\w'])", value, expression)


# Dependencies on another team: the tenant may learn whether they are Ready, and nothing else.

DEP_FIELDS = (
    ("spec", "dep.spec.postBuild.substitute.word", "word"),
    ("annotation", "dep.metadata.annotations['example.com/word']", "word"),
    ("applied-revision", "dep.status.lastAppliedRevision", "revision"),
    ("attempted-revision", "dep.status.lastAttemptedRevision", "revision"),
    ("message", "dep.status.conditions.filter(c, c.type == 'Ready')[0].message", "message"),
    ("inventory", "dep.status.inventory.entries[0].id", "entry"),
    ("history", "dep.status.history[0].digest", "digest"),
    ("all-as-text", "string(dep)", "word"),
)


@attempt(*DEP_FIELDS, blind=True)
def dependency_asked_for(w: World, name: str, path: str, what: str, right: bool) -> Try:
    """An expression about a Kustomization in another namespace can read its state, not its content."""
    truth = _truth(w, what)
    guess = truth if right else "z" * len(truth)
    depends = [
        {"name": "apps", "namespace": w.other.namespace, "readyExpr": f"{path} == {json.dumps(guess)}"}
    ]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends}, guess=guess)


@attempt(*[each[:2] for each in DEP_FIELDS])
def dependency_quoted(w: World, name: str, path: str) -> Try:
    """An error of such an expression does not quote the value."""
    depends = [{"name": "apps", "namespace": w.other.namespace, "readyExpr": f"{{'a': 1}}[{path}] == 1"}]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends})


def _truth(w: World, what: str) -> str:
    status = w.other.get("apps")["status"]
    return {
        "word": WORD,
        "revision": str(status["lastAppliedRevision"]),
        "message": next(str(c["message"]) for c in status["conditions"] if c["type"] == "Ready"),
        "entry": str(status["inventory"]["entries"][0]["id"]),
        "digest": str(status["history"][0]["digest"]),
    }[what]


@attempt(blind=True)
def dependency_by_a_false_expression(w: World, name: str, right: bool) -> Try:
    """The message about a false expression quotes no values."""
    guess = "dep.metadata.name == 'apps' && false"
    depends = [{"name": "apps", "namespace": w.other.namespace, "readyExpr": guess if right else "false"}]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends}, guess=depends[0]["readyExpr"])
