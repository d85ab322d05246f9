"""What the benchmarks on a cluster share: the cluster, a Git server, the operator, and the measurement of its cost.

    with cluster_bench() as bench:
        bench.repository.commit(files)
        bench.apply(objects)
        bench.wait("all Ready", lambda seen: all(ready(each) for each in seen.values()))
        print(bench.cost())

All figures come from outside the operator: CPU time and memory from ``/proc``, requests from the API server's
``apiserver_request_total``, states from a watch. So another operator can replace Headgate: ``--operator`` names the
command to run, with ``{kubeconfig}`` and ``{folder}`` filled in. For Flux's two controllers, use one script that
creates the missing CRDs (``kubectl create``: a CRD that changes ends our watch), starts both, and stops both on
SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "hack")]

from controlplane import start  # noqa: E402
from sandbox import operator  # noqa: E402
from tests.support.gitserver import GitHttpServer  # noqa: E402
from tests.support.gitserver_repository import Repository  # noqa: E402
from tests.support.processes import descendants  # noqa: E402

Obj = dict[str, Any]

NAMESPACE = "bench"
KUSTOMIZATIONS = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations"
SOURCES = "/apis/source.toolkit.fluxcd.io/v1/gitrepositories"


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent since the last mark."""

    seconds: float
    cpu: float
    """CPU seconds of the operator and its children."""
    rss: float
    """Resident memory now, MiB."""
    requests: Counter[str]
    """Requests of all clients to the API server, by verb, without watches."""

    @property
    def total_requests(self) -> int:
        return sum(self.requests.values())


@dataclass
class ClusterBench:
    """A running bench."""

    kubeconfig: Path
    repository: Repository
    url: str
    pid: int
    start_again: Callable[[], int]
    """Stop the operator and start it again with the same storage; returns its process ID."""
    changes: Changes = field(init=False)
    _mark: tuple[float, float, Counter[str]] = field(init=False)

    def mark(self) -> None:
        """Count from now on."""
        self._mark = (time.monotonic(), cpu_seconds(self.pid), self._requests())

    def cost(self) -> Cost:
        """What was spent since the mark."""
        began, cpu, requests = self._mark
        return Cost(
            time.monotonic() - began,
            cpu_seconds(self.pid) - cpu,
            rss_mib(self.pid),
            self._requests() - requests,
        )

    def restart(self) -> None:
        """Stop the operator and start it again; the cost counts from its start."""
        before = self._requests()
        began = time.monotonic()
        self.pid = self.start_again()
        self._mark = (began, 0.0, before)

    def head(self) -> str:
        return self.repository.git("rev-parse", "HEAD").strip()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl; raises RuntimeError with what it says."""
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments[:4])}: {done.stderr.strip()[:2000]}")
        return done.stdout

    def apply(self, objects: Sequence[Obj]) -> None:
        """Server-side apply of objects, in one call."""
        self.kubectl(
            "apply", "--server-side", "-f", "-", stdin=yaml.dump_all(objects, Dumper=yaml.CSafeDumper)
        )

    def get(self, path: str) -> Obj:
        """GET of the API server."""
        found: Obj = json.loads(self.kubectl("get", "--raw", path))
        return found

    def reconcile_source(self, value: str) -> None:
        """Request a reconcile of the source, as ``flux reconcile source`` and webhooks do."""
        self.kubectl(
            "-n",
            NAMESPACE,
            "annotate",
            "--overwrite",
            "gitrepository",
            "repo",
            f"reconcile.fluxcd.io/requestedAt={value}",
        )

    def wait(self, what: str, done: Callable[[dict[str, Obj]], bool], timeout: float = 600) -> float:
        """Wait until ``done`` accepts the watched Kustomizations; returns the monotonic time."""
        return self.changes.wait(what, done, timeout)

    def _requests(self) -> Counter[str]:
        text = self.kubectl("get", "--raw", "/metrics")
        counts: Counter[str] = Counter()
        for groups in re.finditer(r"^apiserver_request_total\{([^}]*)\} ([0-9.e+]+)$", text, re.M):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', groups[1]))
            if labels.get("resource") in ("leases", "nodes", "") or labels.get("verb") == "WATCH":
                continue
            counts[labels.get("verb", "?")] += int(float(groups[2]))
        return counts


class Changes:
    """The Kustomizations, from a watch in a thread."""

    def __init__(self, kubeconfig: Path) -> None:
        self.objects: dict[str, Obj] = {}
        self.ready_at: dict[tuple[str, str], float] = {}
        """When a Kustomization was first seen Ready at a revision, by name and commit."""
        self._condition = threading.Condition()
        self._process = subprocess.Popen(
            [
                "kubectl",
                f"--kubeconfig={kubeconfig}",
                "get",
                "kustomizations",
                "-A",
                "--watch",
                "-o",
                "json",
                "--output-watch-events",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._follow, daemon=True).start()

    def wait(self, what: str, done: Callable[[dict[str, Obj]], bool], timeout: float) -> float:
        limit = time.monotonic() + timeout
        with self._condition:
            while not done(self.objects):
                if self._process.poll() is not None:
                    raise RuntimeError("the watch of Kustomizations has ended: was their CRD changed?")
                if not self._condition.wait(min(1.0, limit - time.monotonic())) and time.monotonic() > limit:
                    late = [n for n, o in self.objects.items() if not ready(o)]
                    raise TimeoutError(
                        f"{what}: not after {timeout:.0f} s; not Ready: {late[:5]} and {len(late)} in all"
                    )
            return time.monotonic()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _follow(self) -> None:
        assert self._process.stdout is not None
        decoder, text = json.JSONDecoder(), ""
        while chunk := os.read(self._process.stdout.fileno(), 1 << 20):
            text += chunk.decode()
            while text := text.lstrip():
                try:
                    event, end = decoder.raw_decode(text)
                except json.JSONDecodeError:
                    break
                text = text[end:]
                self._see(event)

    def _see(self, event: Obj) -> None:
        if event["type"] == "ERROR":
            return  # kubectl prints it on standard error, and continues or ends
        obj, now = event["object"], time.monotonic()
        name = obj["metadata"]["name"]
        with self._condition:
            if event["type"] == "DELETED":
                self.objects.pop(name, None)
            else:
                self.objects[name] = obj
                if ready(obj):
                    self.ready_at.setdefault((name, commit_of(obj)), now)
            self._condition.notify_all()


def ready(obj: Obj, commit: str = "") -> bool:
    """Whether a Kustomization is Ready, for its newest spec and at this commit."""
    status = obj.get("status") or {}
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    current = status.get("observedGeneration") == obj["metadata"]["generation"]
    return is_ready and current and commit in commit_of(obj)


def commit_of(obj: Obj) -> str:
    """The commit a Kustomization has applied last."""
    return str((obj.get("status") or {}).get("lastAppliedRevision", "")).rpartition(":")[2]


def source(url: str, **spec: Any) -> Obj:
    """A GitRepository ``repo``, reconciled mostly on request: its interval is long."""
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "repo", "namespace": NAMESPACE},
        "spec": {"interval": "10m", "url": url, "ref": {"branch": "main"}, **spec},
    }


def kustomization(name: str, path: str, **spec: Any) -> Obj:
    """A Kustomization of the source ``repo``."""
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "interval": "10m",
            "prune": True,
            "path": path,
            "sourceRef": {"kind": "GitRepository", "name": "repo"},
            **spec,
        },
    }


def namespace(name: str = NAMESPACE) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@contextmanager
def cluster_bench(arguments: Sequence[str] = (), command: str = "") -> Iterator[ClusterBench]:
    """A cluster with CRDs, a Git server with an empty repository, the operator running on it."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-bench-")))
        served = folder / "git"
        served.mkdir()
        server = stack.enter_context(GitHttpServer(served))
        repository = Repository(served, "repo")
        cluster = stack.enter_context(start("bench"))
        kubectl = ["kubectl", f"--kubeconfig={cluster.kubeconfig}"]
        for words in (
            ["apply", "--server-side", "-k", str(ROOT / "crds")],
            ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"],
            ["create", "namespace", NAMESPACE],
        ):
            subprocess.run([*kubectl, *words], check=True, capture_output=True)
        life = stack.enter_context(ExitStack())

        def begin() -> int:
            life.close()
            if command:
                words = shlex.split(command.format(kubeconfig=cluster.kubeconfig, folder=folder))
                process = subprocess.Popen(words, start_new_session=True)
                life.callback(process.wait)
                life.callback(process.terminate)
                return process.pid
            return life.enter_context(operator.running(cluster.kubeconfig, folder, arguments)).pid

        found = ClusterBench(cluster.kubeconfig, repository, server.url("repo.git"), begin(), begin)
        found.changes = Changes(cluster.kubeconfig)
        stack.callback(found.changes.close)
        found.mark()
        yield found


def options(description: str | None) -> argparse.ArgumentParser:
    """The options all cluster benchmarks have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--operator",
        default="",
        metavar="COMMAND",
        help="run this instead of Headgate; {kubeconfig} and {folder} are filled in",
    )
    return parser


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns."""
    texts = [[str(c) for c in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)), flush=True)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of its descendants, in seconds."""
    ticks = 0
    for each in (pid, *descendants(pid)):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # Ended just now, and so its parent has its time.
        ticks += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """Resident memory of an operator; of all its processes, if it is a script that runs several."""
    if Path(f"/proc/{pid}/exe").readlink().name in ("sh", "bash", "dash", "busybox"):
        return sum(map(rss_mib, descendants(pid)))
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
