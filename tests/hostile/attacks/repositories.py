"""Attacks with repositories that are large, deep or expensive to read."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import ExitStack

from tests.hostile.attack import (
    Attack,
    attack,
    built,
    put,
    refused,
    request_reconciles,
    settled,
    tree,
)
from tests.hostile.attempt import kustomization, source
from tests.hostile.world import World
from tests.support.cluster import (
    SOURCE,
)
from tests.support.gitserver_repository import ENVIRONMENT, Repository

ATTACKS: list[Attack] = []


@attack(("5-levels", 5, 20), ("6-levels", 6, 20), brief=("5-levels",))
def nested_trees(w: World, name: str, stack: ExitStack, levels: int, width: int) -> None:
    """Headgate counts entries as it reads them: a kilobyte of Git trees can have millions."""
    repository = Repository(w.git.root, name)
    blob = plumbing(repository, "hash-object", "-w", "--stdin", stdin=b"a")
    lines = "".join(f"100644 blob {blob}\tf{n:02}\n" for n in range(width))
    for _ in range(levels):
        made = plumbing(repository, "mktree", stdin=lines.encode())
        lines = "".join(f"040000 tree {made}\td{n:02}\n" for n in range(width))
    commit = plumbing(
        repository, "commit-tree", plumbing(repository, "mktree", stdin=lines.encode()), "-m", "x"
    )
    repository.git("update-ref", "refs/heads/main", commit)
    put(w, source(name, w.git.url(repository.name)))
    put(w, kustomization(name, sourceRef={"kind": SOURCE, "name": name}, path="./"))
    refused(w, name)
    request_reconciles(w, stack, [name], SOURCE, pause=0.5)


def plumbing(repository: Repository, *arguments: str, stdin: bytes = b"") -> str:
    """Run a Git command with this standard input; returns its output."""
    done = subprocess.run(
        ["git", *arguments],
        input=stdin,
        capture_output=True,
        check=True,
        cwd=repository.work,
        env=ENVIRONMENT,
    )
    return done.stdout.decode().strip()


@attack(
    ("few-lines", lambda: "\n".join("/".join(["**", "a" * 50] * 2500) for _ in range(8))),
    ("many-lines", lambda: "\n".join(f"*{n}*a*b*c*" for n in range(60_000))),
    ("stars", lambda: "\n".join("*a" * 500 + str(n) for n in range(1000))),
    brief=("few-lines",),
)
def ignore_file(w: World, name: str, stack: ExitStack, text: Callable[[], str]) -> None:
    """Limits bound the number and the size of patterns, and the time of matching does not explode."""
    files: dict[str, str | bytes] = {f"{'a' * 60}/{n}/{'a' * 60}.yaml": "a" for n in range(50)}
    tree(w, name, {**files, ".sourceignore": text()})
    settled(w, name, SOURCE)
    request_reconciles(w, stack, [name], SOURCE, pause=0.5)


@attack(brief=False)
def ignore_field(w: World, name: str, stack: ExitStack) -> None:
    """The same limits hold for the patterns in ``spec.ignore`` of a source."""
    tree(
        w,
        name,
        {f"{'a' * 100}/{n}": "a" for n in range(50)},
        ignore="\n".join(["/".join(["**", "a"] * 200)] * 500),
    )
    request_reconciles(w, stack, [name], SOURCE, pause=0.5)


@attack(brief=False)
def big_file(w: World, name: str, stack: ExitStack) -> None:
    """Headgate checks the size of a file before it reads it, however well the file compresses."""
    built(w, name, {"a.yaml": b"#" * (150 << 20) + b"\n"})
    request_reconciles(w, stack, [name], SOURCE, pause=0.5)


@attack(brief=False)
def many_files(w: World, name: str, stack: ExitStack) -> None:
    """Headgate counts files before it reads them, however small they are."""
    built(w, name, {f"d{n % 100}/f{n}.yaml": "" for n in range(30_000)})
    request_reconciles(w, stack, [name], pause=0.5)
