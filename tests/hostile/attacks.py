"""Attacks on what all teams share: the operator's time, memory, connections and threads.

Each starts something and leaves it running; a steady loop of commits of the other team's (:mod:`tests.hostile.steady`)
then says whether anybody else notices. All that an attack makes carries :data:`LABEL`, by which it is taken away again.
"""

from __future__ import annotations

import base64
import gzip
import json
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import yaml

from controlplane.ports import LOOPBACK
from controlplane.rest import RestError
from tests.hostile.acting import http
from tests.hostile.looking import own_map
from tests.hostile.strangers import Answer, Asked, Stranger
from tests.hostile.table import Obj, kustomization, secret, source
from tests.hostile.world import RECEIVER, RECEIVER_VERSION, World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
    condition,
    until,
)
from tests.support.gitserver_repository import ENVIRONMENT, Repository
from tests.support.manifests import config_map, dump
from tests.support.serving import serving
from tests.support.workspace import REQUESTED_AT

LABEL = "hostile/attack"
_AT_ONCE = 8


@dataclass(frozen=True)
class Attack:
    """``start`` gets the world, the name for what it makes, and a stack for what is to end with it."""

    name: str
    why: str
    start: Callable[[World, str, ExitStack], None]
    brief: bool
    """It is quickly set up and taken away: part of every test run."""


ATTACKS: list[Attack] = []


def attack(
    *cases: tuple[Any, ...], brief: bool | tuple[str, ...] = True
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put a function into the table, once for each case; a case begins with its name, ``brief`` may name some."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        why = " ".join((function.__doc__ or "").split())
        for case in cases or ((),):
            name = "-".join([function.__name__, *map(str, case[:1])]).replace("_", "-")

            def start(w: World, name: str, stack: ExitStack, rest: tuple[Any, ...] = case[1:]) -> None:
                function(w, name, stack, *rest)

            is_brief = brief if isinstance(brief, bool) else case[0] in brief
            ATTACKS.append(Attack(name, why, start, is_brief))
        return function

    return register


@contextmanager
def under(w: World, attack: Attack) -> Iterator[None]:
    """While the attack lasts; what it made is taken away at the end."""
    with ExitStack() as stack:
        attack.start(w, f"x-{attack.name}", stack)
        until("the operator has begun with it", lambda: _begun(w))
        yield
    clear(w)


def _begun(w: World) -> bool:
    """Whether something of an attack has been looked at, where it is a matter of objects."""
    found = [
        obj
        for version, kind in ((KUSTOMIZATION_VERSION, KUSTOMIZATION), (SOURCE_VERSION, SOURCE))
        for obj in w.admin.list(version, kind, w.tenant.namespace, selector=LABEL)
    ]
    return not found or any((obj.get("status") or {}).get("conditions") for obj in found)


def clear(w: World) -> None:
    """Take away all that attacks made, and wait until it is gone."""
    kinds = ((KUSTOMIZATION_VERSION, KUSTOMIZATION), (RECEIVER_VERSION, RECEIVER), (SOURCE_VERSION, SOURCE))
    for version, kind in kinds:
        path = w.admin.path(version, kind, w.tenant.namespace)
        w.admin.rest.request("DELETE", path, labelSelector=LABEL)
        until(
            f"each {kind} of the attack is gone",
            lambda path=path: not w.admin.rest.get(path, labelSelector=LABEL, limit="1")["items"],  # type: ignore[misc]
            timeout=300.0,
        )


def put(w: World, *objects: Obj) -> None:
    """Apply objects of an attack, as the tenant. What the API server refuses has no effect, which is as well."""

    def one(obj: Obj) -> None:
        meta = obj["metadata"]
        meta.setdefault("namespace", w.tenant.namespace)
        meta["labels"] = {**meta.get("labels", {}), LABEL: "true"}
        with suppress(RestError):
            w.tenant.api.apply(obj, manager="kubectl")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, objects))


def tree(w: World, name: str, files: dict[str, str | bytes], **spec: Any) -> Repository:
    """A repository of the tenant's with these files, and a source of it."""
    repository = Repository(w.git.root, name)
    repository.commit(dict(files))
    put(w, source(name, w.git.url(repository.name), **spec))
    return repository


def built(w: World, name: str, files: dict[str, str | bytes], **spec: Any) -> None:
    """The same, and a Kustomization of it."""
    tree(w, name, files)
    where = {"sourceRef": {"kind": SOURCE, "name": name}, "path": "./", "targetNamespace": w.tenant.namespace}
    put(w, kustomization(name, **{**where, **spec}))


def forever(stack: ExitStack, step: Callable[[int], object], pause: float = 0.0) -> None:
    """Do something again and again, in a thread, until the attack ends. Refusals change nothing."""
    end = threading.Event()

    def run() -> None:
        turn = 0
        while not end.wait(pause):
            turn += 1
            with suppress(RestError, OSError):
                step(turn)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    stack.callback(thread.join, 30.0)
    stack.callback(end.set)


def request_reconciles(
    w: World, stack: ExitStack, names: list[str], kind: str = KUSTOMIZATION, pause: float = 0.05
) -> None:
    """Ask for reconciles of the tenant's objects without end."""
    version = KUSTOMIZATION_VERSION if kind == KUSTOMIZATION else SOURCE_VERSION

    def request(turn: int) -> None:
        meta = {"name": names[turn % len(names)], "namespace": w.tenant.namespace}
        patch = {"metadata": {"annotations": {REQUESTED_AT: str(time.time_ns())}}}
        w.tenant.api.merge({"apiVersion": version, "kind": kind, "metadata": meta}, patch)

    forever(stack, request, pause)


# Expressions.

BUSY = "[0,1,2,3,4,5,6,7,8,9]"
BURNS = f"{BUSY}.all(a, {BUSY}.all(b, {BUSY}.all(c, {BUSY}.all(d, a + b + c + d < 99))))"
"""Ten thousand turns, about as many as one expression may take."""
READY = " && dep.status.conditions.exists(c, c.type == 'Never')"


@attack(("50", 50), ("400", 400), brief=("400",))
def ready_expressions(w: World, name: str, stack: ExitStack, count: int) -> None:
    """Expressions are evaluated beside the loop, within a budget of the namespace."""
    put(w, *(kustomization(f"{name}-dep-{n}", suspend=True) for n in range(4)))
    depends = [{"name": f"{name}-dep-{n % 4}", "readyExpr": f"{BURNS} || {n} == -1"} for n in range(count)]
    put(w, kustomization(name, dependsOn=depends))
    request_reconciles(w, stack, [name], pause=0.2)


@attack(brief=False)
def ready_expressions_of_many(w: World, name: str, stack: ExitStack) -> None:
    """Also where many Kustomizations ask, each within its limit."""
    put(w, kustomization(f"{name}-dep", suspend=True))
    depends = [{"name": f"{name}-dep", "readyExpr": f"{BURNS}{READY}"}] * 8
    names = [f"{name}-{n}" for n in range(40)]
    put(w, *(kustomization(each, dependsOn=depends) for each in names))
    request_reconciles(w, stack, names)


@attack(brief=False)
def health_expressions(w: World, name: str, stack: ExitStack) -> None:
    """And those of health, of a hundred objects that change all the time."""
    maps = [own_map(w, f"{name}-{n}") for n in range(100)]
    entry = {"apiVersion": "v1", "kind": "ConfigMap", "current": f"{BURNS} && data.a == 'never'"}
    built(w, name, {"a.yaml": "---\n".join(maps)}, wait=True, timeout="10m", healthCheckExprs=[entry])

    def change(turn: int) -> None:
        meta = {"name": f"{name}-{turn % 100}", "namespace": w.tenant.namespace}
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
        w.tenant.api.merge(obj, {"metadata": {"annotations": {"turn": str(turn)}}})

    forever(stack, change, 0.02)


@attack()
def receivers_called(w: World, name: str, stack: ExitStack) -> None:
    """Calls of webhooks, with filters that take their time, are bounded for each path and namespace."""
    paths = []
    for n in range(10):
        wanted = {
            "type": "generic",
            "secretRef": {"name": f"{name}-{n}"},
            "resourceFilter": f"{BURNS} && req.a == 1",
            "resources": [{"kind": SOURCE, "name": "source"}],
        }
        meta = {"name": f"{name}-{n}"}
        obj = {"apiVersion": RECEIVER_VERSION, "kind": RECEIVER, "metadata": meta, "spec": wanted}
        put(w, secret(f"{name}-{n}", token="t"), obj)
    for n in range(10):
        found = until(
            "it has a path",
            lambda n=n: (  # type: ignore[misc]
                w.tenant.api.present(RECEIVER_VERSION, RECEIVER, f"{name}-{n}", w.tenant.namespace).get(
                    "status"
                )
                or {}
            ).get("webhookPath"),
        )
        paths.append(found)
    body = json.dumps({"a": list(range(10_000))}).encode()
    for n in range(8):
        forever(stack, lambda turn, n=n: http(w.hooks, paths[(turn + n) % 10], body), 0.01)  # type: ignore[misc]


# Repositories.


@attack(("5-levels", 5, 20), ("6-levels", 6, 20), brief=("5-levels",))
def nested_trees(w: World, name: str, stack: ExitStack, levels: int, width: int) -> None:
    """Entries are counted as they are read: a kilobyte of trees has millions of them."""
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
    """A Git command that reads its standard input."""
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
    """Patterns are bounded in bytes and number, and matched in time that does not explode."""
    files: dict[str, str | bytes] = {f"{'a' * 60}/{n}/{'a' * 60}.yaml": "a" for n in range(50)}
    tree(w, name, {**files, ".sourceignore": text()})
    settled(w, name, SOURCE)
    request_reconciles(w, stack, [name], SOURCE, pause=0.5)


@attack(brief=False)
def ignore_field(w: World, name: str, stack: ExitStack) -> None:
    """Also those of ``spec.ignore`` of a source."""
    tree(
        w,
        name,
        {f"{'a' * 100}/{n}": "a" for n in range(50)},
        ignore="\n".join(["/".join(["**", "a"] * 200)] * 500),
    )
    request_reconciles(w, stack, [name], SOURCE, pause=0.5)


@attack(brief=False)
def big_file(w: World, name: str, stack: ExitStack) -> None:
    """A file that compresses to nothing has its size before it is read whole."""
    built(w, name, {"a.yaml": b"#" * (150 << 20) + b"\n"})
    request_reconciles(w, stack, [name], SOURCE, pause=0.5)


@attack(brief=False)
def many_files(w: World, name: str, stack: ExitStack) -> None:
    """So are many small ones."""
    built(w, name, {f"d{n % 100}/f{n}.yaml": "" for n in range(30_000)})
    request_reconciles(w, stack, [name], pause=0.5)


# Builds.


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
    """What a build may read, write and look at is bounded, and builds are not where others wait."""
    manifest, _, overlay = text().partition("\x00")
    files: dict[str, str | bytes] = {
        "a.yaml": manifest,
        "kustomization.yaml": overlay or "resources: [a.yaml]\n",
    }
    built(w, name, files)
    request_reconciles(w, stack, [name], pause=0.3)


@attack(brief=False)
def variables(w: World, name: str, stack: ExitStack) -> None:
    """Variables that hold much are counted where they are put in."""
    big = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"BIG": "x" * 900_000},
    }
    put(w, big)
    text = config_map("a", **{f"k{n}": "${BIG}${BIG}${BIG}" for n in range(300)})
    reference = {"kind": "ConfigMap", "name": name}
    built(w, name, {"a.yaml": text}, postBuild={"substituteFrom": [reference]})
    request_reconciles(w, stack, [name], pause=0.3)


@attack()
def unknown_fields(w: World, name: str, stack: ExitStack) -> None:
    """Four thousand unknown fields are refused with a few requests, not with one for each."""
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
    """A thousand fields to leave alone in an object of two thousand are found in one walk."""
    paths = [f"/spec/template/spec/containers/0/env/{n}/value" for n in range(1000)]
    entries = [{"name": f"E{n}", "value": str(n)} for n in range(2000)]
    pod = {"containers": [{"name": "a", "image": "a", "env": entries}]}
    template = {"metadata": {"labels": {"a": name}}, "spec": pod}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": name}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    built(w, name, {"a.yaml": dump(deployment)}, ignore=[{"paths": paths}])
    request_reconciles(w, stack, [name], pause=0.5)


# Waiting.


@attack(("8", 8), ("50", 50), brief=("50",))
def silent_git_servers(w: World, name: str, stack: ExitStack, count: int) -> None:
    """Whoever waits for a server that says nothing holds up nobody else."""
    listener = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=512))
    port = listener.getsockname()[1]
    put(
        w,
        *(
            source(f"{name}-{n}", f"http://{LOOPBACK}:{port}/{n}.git", timeout="30m", interval="1s")
            for n in range(count)
        ),
    )


@attack()
def silent_api_servers(w: World, name: str, stack: ExitStack) -> None:
    """Nor does whoever waits for such an API server."""
    listener = stack.enter_context(socket.create_server((LOOPBACK, 0), backlog=512))
    address = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    put(
        w,
        *(
            obj
            for n in range(30)
            for obj in remote(w, f"{name}-{n}", address, interval="1s", retryInterval="1s")
        ),
    )


def remote(w: World, name: str, address: str, **spec: Any) -> tuple[Obj, Obj]:
    """A Secret with a kubeconfig, and a Kustomization that uses it."""
    trusted = base64.b64encode(w.strangers.authority.certificate).decode()
    cluster = {"server": address, "certificate-authority-data": trusted}
    kubeconfig = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": {"token": "x"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "current-context": "c",
    }
    wanted = {"kubeConfig": {"secretRef": {"name": name}}, "path": "./good", **spec}
    return secret(name, value=json.dumps(kubeconfig)), kustomization(name, **wanted)


@attack(("20-layers", 20), ("100-layers", 100), brief=("20-layers",))
def diamond(w: World, name: str, stack: ExitStack, layers: int) -> None:
    """Each dependency is looked at once, however many ways lead to it."""
    names = [f"{name}-{n}-{side}" for n in range(layers) for side in "ab"]
    objects = []
    for n, each in enumerate(names):
        before = names[(n // 2 - 1) * 2 : n // 2 * 2] if n > 1 else []
        objects.append(kustomization(each, path="./good", dependsOn=[{"name": b} for b in before]))
    put(w, *objects)
    request_reconciles(w, stack, names[-2:], pause=0.1)


@attack()
def silent_connections(w: World, name: str, stack: ExitStack) -> None:
    """Eleven hundred connections to each port that say nothing leave room for those that do."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for address in (w.running.metrics, w.running.health, w.running.storage, w.hooks):
        host, _, port = address.rpartition(":")
        for n in range(1100):
            with suppress(OSError):
                made = stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
                made.sendall(b"GET /metrics HTTP/1.1\r\nHost: " if n % 2 else b"")


@attack()
def scrapes(w: World, name: str, stack: ExitStack) -> None:
    """Whoever reads the metrics all the time costs little."""
    for _ in range(8):
        forever(stack, lambda turn: http(w.running.metrics, "/metrics"))


# Numbers.


@attack(("400", 400), ("5000", 5000), brief=False)
def many_kustomizations(w: World, name: str, stack: ExitStack, count: int) -> None:
    """Those of one team do not stand before those of another."""
    put(w, *(kustomization(f"{name}-{n}", path="./good", interval="1m") for n in range(count)))


@attack()
def requests(w: World, name: str, stack: ExitStack) -> None:
    """Nor do requests to reconcile, as many as may be made."""
    names = [f"{name}-{n}" for n in range(30)]
    put(w, *(kustomization(each, path="./good") for each in names))
    for _ in range(3):
        request_reconciles(w, stack, names, pause=0.0)


@attack(("kustomizations", KUSTOMIZATION), ("sources", SOURCE), brief=("kustomizations",))
def tiny_intervals(w: World, name: str, stack: ExitStack, kind: str) -> None:
    """An interval of a millisecond is no way to have all workers."""
    if kind == SOURCE:
        put(w, *(source(f"{name}-{n}", w.tenant.url, interval="1ms") for n in range(50)))
    else:
        short = {"interval": "1ms", "retryInterval": "1ms"}
        put(w, *(kustomization(f"{name}-{n}", path="./good", **short) for n in range(50)))
        put(w, *(kustomization(f"{name}-no-{n}", path="./no-such-path", **short) for n in range(50)))


@attack(brief=False)
def failures(w: World, name: str, stack: ExitStack) -> None:
    """Events that tell of failures, each with another text, are bounded for each namespace."""
    names = [f"{name}-{n}" for n in range(50)]
    put(w, *(kustomization(each, path="./no-such-path") for each in names))

    def fail(turn: int) -> None:
        obj = kustomization(names[turn % 50], path=f"./none-{turn}-" + "x" * 300)
        obj["metadata"].update(namespace=w.tenant.namespace, labels={LABEL: "true"})
        w.tenant.api.apply(obj, manager="kubectl")

    for _ in range(2):
        forever(stack, fail)


@attack(brief=False)
def invented_kinds(w: World, name: str, stack: ExitStack) -> None:
    """Kinds that do not exist are not watched, and nothing of them stays when nobody asks any more."""
    for n in range(3):
        checks = [
            {"apiVersion": f"g{i}.x/v1", "kind": f"K{n}{i}", "name": "a", "namespace": w.tenant.namespace}
            for i in range(4000)
        ]
        put(w, kustomization(f"{name}-{n}", path="./good", healthChecks=checks, timeout="10m"))


@attack()
def forged_inventory(w: World, name: str, stack: ExitStack) -> None:
    """A status that the tenant fills with twenty thousand names is looked at like any other input."""
    put(w, kustomization(name, path="./good", targetNamespace=w.tenant.namespace))
    entries = [{"id": f"{w.tenant.namespace}_n{n}__ConfigMap", "v": "v1"} for n in range(15_000)]

    def forge(turn: int) -> None:
        obj = w.tenant.get(name)
        w.tenant.api.merge(obj, {"status": {"inventory": {"entries": entries}}}, subresource="status")
        w.tenant.request_reconcile(KUSTOMIZATION, name)

    forever(stack, forge, 3.0)


@attack()
def forged_owner_labels(w: World, name: str, stack: ExitStack) -> None:
    """Objects that carry another team's owner labels, and change all the time, are none of that team's."""
    domain = "kustomize.toolkit.fluxcd.io"
    labels = {f"{domain}/name": "steady", f"{domain}/namespace": w.other.namespace}

    def relabel(turn: int) -> None:
        meta = {"name": f"{name}-{turn % 30}", "namespace": w.tenant.namespace, "labels": labels}
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"turn": str(turn)}}
        w.tenant.api.apply(obj, manager="kustomize-controller")

    forever(stack, relabel, 0.01)


# Servers that say too much.


def _bomb(size: int) -> bytes:
    return gzip.compress(b"[" + b" " * size, 9)


@attack(("gzip", 300 << 20), ("twice", 600 << 20), brief=("gzip",))
def api_server_that_answers(w: World, name: str, stack: ExitStack, size: int) -> None:
    """What another cluster's API server says is read up to a limit, after it is unpacked."""
    body = _bomb(size)
    kind = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
    server = Stranger(lambda asked: Answer(200, body, kind), w.strangers.authority)
    stack.enter_context(serving(server._http))
    put(w, *(obj for n in range(5) for obj in remote(w, f"{name}-{n}", server.url(), retryInterval="1s")))


@attack(brief=False)
def api_server_with_long_messages(w: World, name: str, stack: ExitStack) -> None:
    """Nor is a message of eight megabytes kept, or told."""

    def answer(asked: Asked) -> Answer:
        status = {
            "kind": "Status",
            "code": 403,
            "reason": "Forbidden",
            "message": f"{time.time_ns()}" + "x" * (8 << 20),
        }
        return Answer(403, json.dumps(status).encode(), (("Content-Type", "application/json"),))

    server = Stranger(answer, w.strangers.authority)
    stack.enter_context(serving(server._http))
    put(w, *(obj for n in range(10) for obj in remote(w, f"{name}-{n}", server.url(), retryInterval="1s")))


@attack(brief=False)
def git_server_that_answers(w: World, name: str, stack: ExitStack) -> None:
    """What a Git server says is bounded too: references without end, packed into nothing."""
    line = b"003f" + b"0" * 40 + b" refs/heads/main\n"
    body = gzip.compress(b"001e# service=git-upload-pack\n0000" + line * (3 << 20), 9)
    kind = (("Content-Type", "application/x-git-upload-pack-advertisement"), ("Content-Encoding", "gzip"))
    server = Stranger(lambda asked: Answer(200, body, kind))
    stack.enter_context(serving(server._http))
    put(w, *(source(f"{name}-{n}", server.url(f"/{n}.git"), interval="1s") for n in range(5)))


def settled(w: World, name: str, kind: str) -> Obj:
    """Wait until an object of the tenant's is Ready or says why not; the condition."""

    def look() -> Obj | None:
        obj = w.tenant.find(name, kind)
        ready = condition(obj or {})
        return ready if ready.get("status") in ("True", "False") else None

    return until(f"{kind} {name} has settled", look, timeout=120.0)


def refused(w: World, name: str) -> None:
    """A source of the tenant's says that it is not Ready."""
    found = settled(w, name, SOURCE)
    assert found["status"] == "False", found
