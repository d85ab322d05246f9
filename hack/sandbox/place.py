"""One cluster of the demo with its operator: what is applied there, and how it stands."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import yaml

from controlplane import Cluster
from controlplane.ports import LOOPBACK, free_ports
from controlplane.rest import Rest
from sandbox import observe, operator
from sandbox.fleet import Fleet
from sandbox.screen import Screen

CRDS = Path(__file__).resolve().parents[2] / "crds"
_POLL = 0.1
_LISTS = {
    observe.SOURCE: "/apis/source.toolkit.fluxcd.io/v1/gitrepositories",
    observe.KUSTOMIZATION: "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations",
}
_NAMES = (
    "customresourcedefinition/gitrepositories.source.toolkit.fluxcd.io",
    "customresourcedefinition/kustomizations.kustomize.toolkit.fluxcd.io",
)


class DemoFailed(Exception):
    """It did not become Ready, or a step failed; the message is for the user."""


class Place:
    """The cluster of one environment; ``label`` follows its rows in the table."""

    def __init__(self, environment: str, cluster: Cluster, screen: Screen, label: str = "") -> None:
        self.environment, self.cluster, self._screen, self._label = environment, cluster, screen, label
        self._rest = Rest.connect(cluster.kubeconfig)
        self._expected = 0
        self.operator: operator.Operator | None = None
        self.page = ""
        """The address of the status page, once the operator runs."""

    def install(self, folder: Path, stack: ExitStack) -> None:
        """The definitions and the operator, whose storage and log are in ``folder``."""
        self.kubectl("apply", "--server-side", f"--kustomize={CRDS}")
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", *_NAMES)
        (port,) = free_ports(1)
        address = f"{LOOPBACK}:{port}"
        self.page = f"http://{address}"
        self.operator = stack.enter_context(
            operator.running(self.cluster.kubeconfig, folder, [f"--ui-addr={address}"])
        )
        self._screen.say(f"Operator: headgate run, log in {self.operator.log}")
        self._screen.say(f"Status page: {self.page}")

    def follow(self, fleet: Fleet, stack: ExitStack) -> None:
        """Apply ``clusters/<environment>``."""
        manifests = fleet.manifests(self.environment)
        self._expected = sum(obj["kind"] in _LISTS for obj in yaml.safe_load_all(manifests))
        if self.cluster.provider == "given":  # a cluster that stays must not keep our objects
            stack.callback(self._withdraw, manifests)
        self._screen.say()
        self._screen.say(f"$ kubectl apply --server-side -k clusters/{self.environment}", "bold")
        self.kubectl("apply", "--server-side", "--filename=-", text=manifests)

    def rows(self) -> list[observe.Row]:
        """How its custom resources stand."""
        found = {}
        for kind, path in _LISTS.items():
            items = (self._rest.get(path) or {}).get("items", [])
            found[kind] = [{"kind": kind, **item} for item in items]
        rows = observe.rows(found[observe.SOURCE], found[observe.KUSTOMIZATION])
        return [replace(row, name=row.name + self._label) for row in rows]

    def until(
        self, what: str, true: Callable[[list[observe.Row]], bool], timeout: float, began: float
    ) -> list[observe.Row]:
        """Show the rows until something is true of them; raises :class:`DemoFailed` after ``timeout`` seconds."""
        limit = time.monotonic() + timeout
        while True:
            rows, seconds = self.rows(), time.monotonic() - began
            self._screen.table(rows, seconds, f"{seconds:.1f} s")
            if true(rows):
                return rows
            self.check()
            if time.monotonic() > limit:
                tail = self.operator.tail() if self.operator else ""
                raise DemoFailed(f"not {what} after {timeout:.0f} s\n{self._events()}\n{tail}")
            time.sleep(_POLL)

    def is_ready(self, rows: list[observe.Row]) -> bool:
        """Whether everything that was applied is Ready."""
        return observe.all_ready(rows, self._expected)

    def check(self) -> None:
        """Raises ``OperatorFailed`` when the operator has ended."""
        if self.operator is not None:
            self.operator.check()

    def kubectl(self, *arguments: str, text: str | None = None) -> None:
        """Run kubectl; raises :class:`DemoFailed`."""
        command = ["kubectl", f"--kubeconfig={self.cluster.kubeconfig}", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"kubectl {arguments[0]}: {done.stderr.strip()}")

    def _events(self) -> str:
        events = (self._rest.get("/api/v1/namespaces/flux-system/events") or {}).get("items", [])
        warnings = [event for event in events if event.get("type") == "Warning"]
        return "\n".join(
            "    {involvedObject[kind]}/{involvedObject[name]}: {reason}: {message}".format_map(each)
            for each in warnings[-10:]
        )

    def _withdraw(self, manifests: str) -> None:
        self._screen.say("Deleting what the demo applied; the CRDs stay")
        self.kubectl("delete", "--ignore-not-found", "--timeout=120s", "--filename=-", text=manifests)
