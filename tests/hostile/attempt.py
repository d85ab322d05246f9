"""The form of an attempt, and how the tests make many at once and inspect each.

An attempt is a function that returns what the tenant does; its docstring says why that must fail. *Blind* attempts
guess a value. The tests make them twice, once with the right guess and once with a wrong one. What the tenant can
observe must be the same both times; otherwise it could guess until it knows the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from controlplane.rest import RestError
from tests.hostile.world import DEPLOYER, RECEIVER, RECEIVER_VERSION, WORD, World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
    condition,
    until,
)

Obj = dict[str, Any]
Files = Mapping[str, str | bytes | None]

VERSIONS = {KUSTOMIZATION: KUSTOMIZATION_VERSION, SOURCE: SOURCE_VERSION, RECEIVER: RECEIVER_VERSION}
WRONG = "t" + "x" * (len(WORD) - 1)
"""A guess that is wrong, of the right length."""
PATIENCE = 60.0
_AT_ONCE = 8


@dataclass(frozen=True)
class Try:
    """What the tenant does once: it commits files, applies objects, and watches the last of them.

    ``spec`` belongs to a Kustomization of the files; without one it is None. ``then`` is a second step, once the first
    has settled; it returns what else the tenant observed.
    """

    files: Files = field(default_factory=dict)
    spec: Obj | None = field(default_factory=dict)
    objects: tuple[Obj, ...] = ()
    then: Callable[[World, Obj], str] | None = None
    guess: str = ""
    """The guess. Errors may quote it, because it is the tenant's own text."""


@dataclass(frozen=True)
class Attempt:
    """One row; ``make`` gets the world, the name of the tenant's objects, and whether to make the right guess."""

    name: str
    why: str
    make: Callable[[World, str, bool], Try]
    blind: bool = False
    may_pass: bool = False
    """Headgate need not refuse it, as long as the tenant learns and changes nothing."""
    says: str = ""
    """A pattern for the message, if a refusal for another reason would prove nothing."""


@dataclass
class Made:
    """An attempt after it was made: the object that the tenant applied, or the refusal."""

    world: World
    name: str
    watched: Obj | None
    then: Callable[[World, Obj], str] | None = None
    heard: str = ""
    guess: str = ""
    settled: Obj = field(default_factory=dict)

    def settle(self) -> Obj:
        """Wait until Ready is True or False, and take the second step; returns the object."""
        if self.watched is None:
            return {}
        if self.settled:
            return self.settled
        version, kind = self.watched["apiVersion"], self.watched["kind"]
        api, namespace = self.world.tenant.api, self.world.tenant.namespace

        def look() -> Obj | None:
            obj = api.present(version, kind, self.name, namespace)
            return obj if _settled(obj) else None

        try:
            obj = until(f"{self.name} has settled", look, PATIENCE)
        except AssertionError as error:
            last = api.present(version, kind, self.name, namespace).get("status")
            raise AssertionError(
                f"{error}: {last}\n{self.world.tenant.event_text(self.name, kind)}"
            ) from None
        if self.then is not None:
            self.heard += self.then(self.world, obj)
            obj = api.get(version, kind, self.name, namespace) or obj
        self.settled = obj
        return obj

    def observations(self) -> str:
        """Everything that the tenant can observe: conditions, events, and the result of its second step."""
        if self.watched is None:
            return self.heard
        obj, kind = self.settle(), self.watched["kind"]
        conditions = (obj.get("status") or {}).get("conditions") or ()
        lines = {f"{c['type']}={c['status']} {c['reason']}: {c['message']}" for c in conditions}
        lines |= {f"{e['type']} {e['reason']}: {e['message']}" for e in self._events(kind)}
        return "\n".join([*sorted(lines), self.heard])

    def _events(self, kind: str) -> list[Obj]:
        api = self.world.tenant.api
        path = api.path("v1", "Event", self.world.tenant.namespace)
        about = f"involvedObject.kind={kind},involvedObject.name={self.name}"
        found: list[Obj] = api.rest.get(path, fieldSelector=about)["items"]
        return found


def differences(right: Made, wrong: Made) -> set[str]:
    """The observations of only one of two tries; names, times and the guesses themselves do not count."""
    pattern = "|".join(re.escape(g) for each in (right, wrong) for g in _written(each.guess) if g) or r"(?!)"
    name = re.compile(rf"\b{re.escape(right.name)}(-w)?\b")

    def plain(made: Made) -> set[str]:
        text = name.sub("<name>", re.sub(pattern, "<guess>", made.observations()))
        return set(_DIGEST.sub("<digest>", _TIMES.sub("<time>", text)).splitlines())

    return plain(right) ^ plain(wrong)


def without_own_words(made: Made) -> str:
    """The observations without the tenant's own text, which errors may repeat."""
    text = made.observations()
    for each in _written(made.guess):
        text = text.replace(each, "<guess>") if each else text
    return text


def _written(guess: str) -> tuple[str, ...]:
    """The forms in which messages quote a text."""
    return guess, json.dumps(guess)[1:-1], repr(guess)[1:-1]


def make_all(world: World, attempts: Sequence[Attempt]) -> dict[str, list[Made]]:
    """Make all attempts at once; blind ones twice, first with the right guess."""
    tries = {
        (each.name, right): each.make(world, name_of(each, right), right)
        for each in attempts
        for right in ((True, False) if each.blind else (True,))
    }
    files = {
        f"{name_of_key(key)}/{path}": content
        for key, made in tries.items()
        for path, content in made.files.items()
    }
    revision = world.tenant.commit(files)
    world.tenant.ready("source", revision, kind=SOURCE)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = list(pool.map(lambda item: _make(world, name_of_key(item[0]), item[1]), tries.items()))
    found: dict[str, list[Made]] = {}
    for (name, _), each in zip(tries, made, strict=True):
        found.setdefault(name, []).append(each)
    return found


def name_of(attempt: Attempt, right: bool) -> str:
    """The name of the objects of one try."""
    return name_of_key((attempt.name, right))


def name_of_key(key: tuple[str, bool]) -> str:
    name, right = key
    return name if right else f"{name}-w"


def _make(world: World, name: str, made: Try) -> Made:
    objects = list(made.objects)
    if made.spec is not None:
        objects.append(kustomization(name, **made.spec))
    try:
        applied = None
        for obj in objects:
            obj["metadata"].setdefault("namespace", world.tenant.namespace)
            applied = world.tenant.api.apply(obj, manager="kubectl")
            if "status" in obj:
                world.tenant.api.merge(applied, {"status": obj["status"]}, subresource="status")
    except RestError as error:
        said = f"the API server refuses it: {error.status} {error.message}"
        return Made(world, name, None, heard=said, guess=made.guess)
    watched = applied if applied and applied["kind"] in VERSIONS else None
    return Made(world, name, watched, made.then, guess=made.guess)


def kustomization(name: str, **spec: Any) -> Obj:
    """A Kustomization of the tenant, with the files of the attempt."""
    wanted = {
        "interval": "1h",
        "retryInterval": "1h",
        "timeout": "3s",
        "prune": True,
        "path": f"./{name}",
        "serviceAccountName": DEPLOYER,
        "sourceRef": {"kind": SOURCE, "name": "source"},
        **spec,
    }
    wanted = {key: value for key, value in wanted.items() if value is not None}
    return {
        "apiVersion": KUSTOMIZATION_VERSION,
        "kind": KUSTOMIZATION,
        "metadata": {"name": name},
        "spec": wanted,
    }


def source(name: str, url: str, **spec: Any) -> Obj:
    """A GitRepository of the tenant."""
    wanted = {"interval": "1h", "timeout": "5s", "url": url, "ref": {"branch": "main"}, **spec}
    return {"apiVersion": SOURCE_VERSION, "kind": SOURCE, "metadata": {"name": name}, "spec": wanted}


def secret(name: str, **data: str) -> Obj:
    """A Secret of the tenant."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def attempt(
    *cases: tuple[Any, ...], blind: bool = False, may_pass: bool = False, says: str = ""
) -> Callable[[Callable[..., Try]], Callable[..., Try]]:
    """Add a function to its module's table, once for each case; a case begins with its name.

    The function gets ``(world, name, *case[1:])``, and ``right`` at the end if it is blind.
    """

    def register(function: Callable[..., Try]) -> Callable[..., Try]:
        table: list[Attempt] = function.__globals__.setdefault("ATTEMPTS", [])
        why = " ".join((function.__doc__ or "").split())
        for case in cases or ((),):
            words = [function.__name__.strip("_"), *map(str, case[:1])]
            name = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")
            table.append(Attempt(name, why, _caller(function, case[1:], blind), blind, may_pass, says))
        return function

    return register


def _caller(function: Callable[..., Try], case: tuple[Any, ...], blind: bool) -> Callable[..., Try]:
    def make(world: World, name: str, right: bool) -> Try:
        return function(world, name, *case, right) if blind else function(world, name, *case)

    return make


def _settled(obj: Obj) -> bool:
    ready = condition(obj)
    seen = (obj.get("status") or {}).get("observedGeneration")
    current = (
        seen == obj["metadata"]["generation"]
        or ready.get("observedGeneration") == obj["metadata"]["generation"]
    )
    return current and ready.get("status") in ("True", "False") and ready.get("reason") != "Progressing"


_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_TIMES = re.compile(r"\b\d+(\.\d+)?(ms|µs|m|s|h)(\d+(\.\d+)?s)?\b")
