"""What one test works in: a namespace, a Git repository, and the custom resources that connect them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    LONG_PATIENCE,
    SOURCE,
    SOURCE_VERSION,
    Api,
    condition,
    is_ready,
    until,
)
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository

Obj = dict[str, Any]
Files = Mapping[str, str | bytes | None]

MARK = "headgate-test"
"""Label of the namespaces that tests make."""
OWN = "headgate-test/operator"
"""Label of the custom resources that the shared operator leaves to one of a test's own."""
REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"
_VERSIONS = {SOURCE: SOURCE_VERSION, KUSTOMIZATION: KUSTOMIZATION_VERSION}


class Workspace:
    """One test's namespace and Git repository.

    ``labels`` are set on every custom resource that the methods here apply.
    """

    def __init__(
        self, api: Api, server: GitHttpServer, name: str, labels: Mapping[str, str] | None = None
    ) -> None:
        self.api, self.server = api, server
        self.namespace = f"{name}-{uuid.uuid4().hex[:6]}"
        self.labels = dict(labels or {})
        api.create_namespace(self.namespace, {MARK: "true"})
        self.repository = Repository(server.root, self.namespace)
        self.url = server.url(self.repository.name)
        self._sources: set[str] = set()

    # Git.

    def commit(self, files: Files | None = None, message: str = "change", *, branch: str = "main") -> str:
        """Commit, request a reconcile of every source here, and return the revision."""
        commit = self.repository.commit(files, message)
        self.request_sources()
        return f"{branch}@sha1:{commit}"

    @property
    def selector(self) -> str:
        """The option by which an operator reconciles what is here; only for workspaces with the label :data:`OWN`."""
        return f"--watch-label-selector={OWN}={self.labels[OWN]}"

    def request_sources(self) -> None:
        """Request a reconcile of every source here, as ``flux reconcile source git`` does."""
        for name in self._sources:
            self.request_reconcile(SOURCE, name)

    # Custom resources.

    def source(self, name: str = "source", *, ready: bool = True, **spec: Any) -> Obj:
        """A GitRepository of the repository here; it follows ``main`` unless the spec names another ref."""
        spec = {"interval": "1h", "url": self.url, "ref": {"branch": "main"}, **spec}
        applied = self.apply_custom(SOURCE, name, spec)
        self._sources.add(name)
        return self.ready(name, kind=SOURCE) if ready else applied

    def kustomization(
        self, name: str, path: str = "", *, annotations: Mapping[str, str] | None = None, **spec: Any
    ) -> Obj:
        """A Kustomization of ``./<name>`` that prunes; applies to the namespace here unless the spec names another."""
        spec = {
            "interval": "1h",
            "retryInterval": "1h",
            "prune": True,
            "path": f"./{path or name}",
            "sourceRef": {"kind": SOURCE, "name": "source"},
            "targetNamespace": self.namespace,
            **spec,
        }
        spec = {field: value for field, value in spec.items() if value is not None}
        return self.apply_custom(KUSTOMIZATION, name, spec, annotations)

    def apply_custom(
        self, kind: str, name: str, spec: Obj, annotations: Mapping[str, str] | None = None
    ) -> Obj:
        """Apply a custom resource with this spec."""
        meta: Obj = {"name": name, "namespace": self.namespace, "labels": self.labels}
        if annotations:
            meta["annotations"] = dict(annotations)
        return self.api.apply(
            {"apiVersion": _VERSIONS[kind], "kind": kind, "metadata": meta, "spec": spec}, manager="kubectl"
        )

    def change(self, name: str, spec: Obj, kind: str = KUSTOMIZATION) -> Obj:
        """Change some fields of a spec."""
        return self.api.merge(self.get(name, kind), {"spec": spec}, manager="kubectl-patch")

    def request_reconcile(self, kind: str, name: str) -> str:
        """Request a reconcile; returns the value that ``status.lastHandledReconcileAt`` will have afterwards."""
        stamp = str(time.time_ns())
        patch = {"metadata": {"annotations": {REQUESTED_AT: stamp}}}
        self.api.merge(self.get(name, kind), patch, manager="flux")
        return stamp

    def delete(self, name: str, kind: str = KUSTOMIZATION) -> None:
        """Delete a custom resource and wait until it is gone."""
        if kind == SOURCE:
            self._sources.discard(name)
        self.api.delete(_VERSIONS[kind], kind, name, self.namespace)
        until(f"{kind} {name} is gone", lambda: self.find(name, kind) is None)

    # Their state.

    def find(self, name: str, kind: str = KUSTOMIZATION) -> Obj | None:
        """The custom resource; None if it does not exist."""
        return self.api.get(_VERSIONS[kind], kind, name, self.namespace)

    def get(self, name: str, kind: str = KUSTOMIZATION) -> Obj:
        """The custom resource."""
        return self.api.present(_VERSIONS[kind], kind, name, self.namespace)

    def ready(
        self, name: str, revision: str = "", *, kind: str = KUSTOMIZATION, timeout: float = 60.0
    ) -> Obj:
        """Wait until it is Ready, at ``revision`` unless that is empty."""
        last: Obj = {}

        def look() -> Obj | None:
            nonlocal last
            last = self.get(name, kind)
            status = last.get("status") or {}
            at = status.get("lastAppliedRevision") or (status.get("artifact") or {}).get("revision")
            return last if is_ready(last) and revision in ("", at) else None

        try:
            return until(f"{kind} {name} is Ready {revision}", look, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{last.get('status')}\n{self.event_text(name)}") from None

    def failed(
        self,
        name: str,
        reason: str,
        message: str = "",
        *,
        kind: str = KUSTOMIZATION,
        timeout: float = 60.0,
    ) -> Obj:
        """Wait until Ready is False with this reason and a message that matches; returns the condition."""
        last: Obj = {}

        def look() -> Obj | None:
            nonlocal last
            last = condition(self.get(name, kind))
            fits = last.get("status") == "False" and last["reason"] == reason
            return last if fits and re.search(message, last["message"]) else None

        try:
            return until(f"{kind} {name} is not Ready: {reason}: {message}", look, timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{last}\n{self.event_text(name)}") from None

    def events(self, name: str, kind: str = KUSTOMIZATION) -> list[Obj]:
        """The events of a custom resource, oldest first."""
        found = self.api.list("v1", "Event", self.namespace)
        about = [
            e for e in found if (e["involvedObject"]["kind"], e["involvedObject"]["name"]) == (kind, name)
        ]
        return sorted(about, key=lambda event: int(event["metadata"]["resourceVersion"]))

    def event(
        self, name: str, message: str, *, kind: str = KUSTOMIZATION, type: str = "", reason: str = ""
    ) -> Obj:
        """Wait for an event whose message matches."""

        def look() -> Obj | None:
            for each in self.events(name, kind):
                if (
                    type in ("", each["type"])
                    and reason in ("", each["reason"])
                    and re.search(message, each["message"])
                ):
                    return each
            return None

        try:
            return until(f"an event of {kind} {name}: {type} {reason} {message}", look)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.event_text(name, kind)}") from None

    def event_text(self, name: str, kind: str = KUSTOMIZATION) -> str:
        """Its events as text, one on each line."""
        return "\n".join(f"{e['type']} {e['reason']}: {e['message']}" for e in self.events(name, kind))

    # Applied objects.

    def object(self, api_version: str, kind: str, name: str) -> Obj | None:
        """An object of the namespace here."""
        return self.api.get(api_version, kind, name, self.namespace)

    def config_map(self, name: str) -> Obj | None:
        """A ConfigMap of the namespace here: most tests apply ConfigMaps."""
        return self.object("v1", "ConfigMap", name)

    def secret(self, name: str, data: Mapping[str, str]) -> None:
        """Apply a Secret in the namespace here."""
        meta = {"name": name, "namespace": self.namespace}
        self.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": dict(data)})

    def close(self) -> None:
        """Delete everything here, custom resources first, as an admin would; does not wait for the namespace."""
        for kind in (KUSTOMIZATION, SOURCE):
            path = self.api.path(_VERSIONS[kind], kind, self.namespace)
            self.api.rest.request("DELETE", path)
            until(f"each {kind} of {self.namespace} is gone", lambda: not self.api.rest.get(path)["items"])  # noqa: B023
        self.api.delete("v1", "Namespace", self.namespace)


def namespace_prefix(request: pytest.FixtureRequest) -> str:
    """A prefix for the name of a test's namespace, derived from the name of the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))
    return str(name.strip("-")[:40].rstrip("-"))


def wait_gone(api: Api, timeout: float = LONG_PATIENCE) -> None:
    """Wait until no test's namespace is being deleted. Ignores namespaces that failed tests did not delete."""

    def look() -> bool:
        left = api.list("v1", "Namespace", selector=f"{MARK}=true")
        return not any(each["metadata"].get("deletionTimestamp") for each in left)

    until("the namespaces of the tests are gone", look, timeout)


def served_folder(folder: Path) -> Path:
    """The folder for the repositories of a test run."""
    path = folder / "git"
    path.mkdir(parents=True, exist_ok=True)
    return path
