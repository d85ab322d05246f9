"""Attacks with builds that take long or grow."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import yaml

from tests.hostile.attack import (
    Attack,
    attack,
    built,
    put,
    request_reconciles,
)
from tests.hostile.world import World
from tests.support.manifests import config_map, dump

ATTACKS: list[Attack] = []


def _aliases() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
    return head + "\n".join(lines) + "\n"


def _replacements() -> str:
    names = [f"m{n}" for n in range(300)]
    maps = [config_map(each, a="x" * 50) for each in names]
    targets = [
        {"select": {"kind": "ConfigMap"}, "fieldPaths": ["data.a"], "options": {"delimiter": "x", "index": n}}
        for n in range(50)
    ]
    chain = [
        {"source": {"kind": "ConfigMap", "name": each, "fieldPath": "data.a"}, "targets": targets}
        for each in names
    ]
    return "---\n".join(maps) + "\x00" + yaml.safe_dump({"resources": ["a.yaml"], "replacements": chain})


def _patches() -> str:
    operations = [{"op": "copy", "from": "/data", "path": f"/data/k{n}"} for n in range(25)]
    patch = {"patch": json.dumps(operations), "target": {"kind": "ConfigMap", "name": "(a+)+$|.*"}}
    return config_map("a") + "\x00" + yaml.safe_dump({"resources": ["a.yaml"], "patches": [patch] * 20})


@attack(
    ("aliases", _aliases),
    ("deep-brackets", lambda: "a: " + "[" * 200_000),
    ("deep-blocks", lambda: "".join(" " * n + "a:\n" for n in range(1500))),
    ("long-line", lambda: "a: " + "- " * 500_000),
    ("replacements", _replacements),
    ("patches", _patches),
    ("anchors", lambda: "\n".join(f"a{n}: &a{n} {{<<: *a{max(0, n - 1)}}}" for n in range(20_000))),
    ("documents", lambda: "---\n" * 300_000),
    brief=("aliases", "deep-brackets"),
)
def build_of(w: World, name: str, stack: ExitStack, text: Callable[[], str]) -> None:
    """Limits bound what a build reads and writes and how long it takes, and nobody else waits for its thread."""
    manifest, _, overlay = text().partition("\x00")
    files: dict[str, str | bytes] = {
        "a.yaml": manifest,
        "kustomization.yaml": overlay or "resources: [a.yaml]\n",
    }
    built(w, name, files)
    request_reconciles(w, stack, [name], pause=0.3)


@attack(brief=False)
def variables(w: World, name: str, stack: ExitStack) -> None:
    """Substitution counts the size of its output, so large variables hit a limit."""
    big = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"BIG": "x" * 900_000},
    }
    put(w, big)
    many: dict[str, Any] = {f"k{n}": "${BIG}${BIG}${BIG}" for n in range(300)}
    text = config_map("a", **many)
    reference = {"kind": "ConfigMap", "name": name}
    built(w, name, {"a.yaml": text}, postBuild={"substituteFrom": [reference]})
    request_reconciles(w, stack, [name], pause=0.3)


@attack()
def unknown_fields(w: World, name: str, stack: ExitStack) -> None:
    """The refusal of four thousand unknown fields takes a few requests, not one for each field."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"a": name}},
            "template": {
                "metadata": {"labels": {"a": name}},
                "spec": {"containers": [{"name": "a", "image": "a"}]},
            },
            **{f"unknown{n}": 1 for n in range(4000)},
        },
    }
    built(w, name, {"a.yaml": dump(deployment)})
    request_reconciles(w, stack, [name], pause=0.5)


@attack(brief=False)
def ignored_pointers(w: World, name: str, stack: ExitStack) -> None:
    """One walk finds a thousand ignored fields in an object of two thousand."""
    paths = [f"/spec/template/spec/containers/0/env/{n}/value" for n in range(1000)]
    entries = [{"name": f"E{n}", "value": str(n)} for n in range(2000)]
    pod = {"containers": [{"name": "a", "image": "a", "env": entries}]}
    template = {"metadata": {"labels": {"a": name}}, "spec": pod}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": name}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    built(w, name, {"a.yaml": dump(deployment)}, ignore=[{"paths": paths}])
    request_reconciles(w, stack, [name], pause=0.5)
