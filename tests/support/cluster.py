"""A test's access to the API server: apply, read, wait, and read the history of writes.

Each thread has one kept-alive connection (:class:`controlplane.rest.Rest`); a ``kubectl`` process per request would
take longer than the operator takes to act.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from controlplane.rest import Rest, RestError

Obj = dict[str, Any]
T = TypeVar("T")

PATIENCE = 60.0
"""The shortest timeout of a wait, in seconds: machines may be busy."""
LONG_PATIENCE = 600.0
"""The timeout for what the cluster's own controllers do for many objects at once."""
POLL = 0.05
_RELISTS = 5

SOURCE, KUSTOMIZATION = "GitRepository", "Kustomization"
SOURCE_VERSION, KUSTOMIZATION_VERSION = "source.toolkit.fluxcd.io/v1", "kustomize.toolkit.fluxcd.io/v1"


def until(what: str, look: Callable[[], T | None], timeout: float = PATIENCE) -> T:
    """The first true result of ``look``; fails with ``what`` in the message if there is none before the timeout."""
    assert timeout >= PATIENCE, "a loaded machine needs more patience"
    limit = time.monotonic() + timeout
    while not (answer := look()):
        assert time.monotonic() < limit, f"not in {timeout:.0f} s: {what}"
        time.sleep(POLL)
    return answer


class Api:
    """Objects by kind and name. Discovery of a kind happens at its first use."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def apply(self, obj: Obj, *, manager: str = "test", dry_run: bool = False) -> Obj:
        """Server-side apply. Raises ``RestError``."""
        meta = obj["metadata"]
        path = self.path(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"])
        query = {"fieldManager": manager, "force": "true", **({"dryRun": "All"} if dry_run else {})}
        content_type = "application/apply-patch+yaml"
        applied: Obj = self.rest.request("PATCH", path, obj, content_type=content_type, **query)
        return applied

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Obj | None:
        """The object; None if it does not exist."""
        found: Obj | None = self.rest.get(self.path(api_version, kind, namespace, name))
        return found

    def present(self, api_version: str, kind: str, name: str, namespace: str = "") -> Obj:
        """The object, which must exist."""
        found = self.get(api_version, kind, name, namespace)
        assert found is not None, f"{kind} {namespace}/{name} does not exist"
        return found

    def list(self, api_version: str, kind: str, namespace: str = "", selector: str = "") -> list[Obj]:
        """The objects of a kind, in one namespace or in all."""
        query = {"labelSelector": selector} if selector else {}
        items: list[Obj] = (self.rest.get(self.path(api_version, kind, namespace), **query) or {})["items"]
        return items

    def merge(self, obj: Obj, patch: Obj, *, manager: str = "test", subresource: str = "") -> Obj:
        """A JSON merge patch of an object that exists."""
        meta = obj["metadata"]
        path = self.path(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"])
        path += f"/{subresource}" if subresource else ""
        content_type = "application/merge-patch+json"
        merged: Obj = self.rest.request("PATCH", path, patch, content_type=content_type, fieldManager=manager)
        return merged

    def bind(self, binding: Obj, *, verb: str = "create", resource: str = "configmaps") -> None:
        """Apply a binding of a role that has this right, and wait until the API server uses it.

        The API server learns of bindings through a watch, a moment later. A reconcile in between fails, and its retry
        comes late.
        """
        self.apply(binding)
        namespace = binding["metadata"].get("namespace", "")
        for subject in binding["subjects"]:
            until(f"{subject} may {verb} {resource}", lambda: self._may(subject, verb, resource, namespace))  # noqa: B023

    def _may(self, subject: Obj, verb: str, resource: str, namespace: str) -> bool:
        user = subject["name"]
        if subject["kind"] == "ServiceAccount":
            user = f"system:serviceaccount:{subject['namespace']}:{user}"
        spec = {
            "user": user,
            "resourceAttributes": {"namespace": namespace, "verb": verb, "resource": resource},
        }
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        answer = self.rest.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object, which need not exist."""
        try:
            self.rest.request("DELETE", self.path(api_version, kind, namespace, name))
        except RestError as error:
            if error.status != 404:
                raise

    def remove(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object and wait until it is gone.

        An object with finalizers stays for a moment. What is applied under its name meanwhile goes with it.
        """
        self.delete(api_version, kind, name, namespace)
        until(f"{kind} {name} is gone", lambda: self.get(api_version, kind, name, namespace) is None)

    def create_namespace(self, name: str, labels: dict[str, str] | None = None) -> None:
        """A namespace, with the default service account that pods need."""
        meta = {"name": name, "labels": labels or {}}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})

    def resource_version(self) -> str:
        """The resourceVersion of the newest write to the API server; later writes have a greater one."""
        answer = self.rest.request("GET", self.path("v1", "Namespace"), limit="1")
        return str(answer["metadata"]["resourceVersion"])

    def history(self, api_version: str, kind: str, namespace: str, since: str) -> Iterator[tuple[str, Obj]]:
        """The writes to a kind since a resourceVersion, in order: ADDED, MODIFIED or DELETED, and the object.

        The API server keeps the last minutes; a watch from an old version misses nothing, polling does.
        """
        path = self.path(api_version, kind, namespace)
        answer = self.rest.request("GET", path, watch="1", resourceVersion=since, timeoutSeconds="1")
        lines = answer.splitlines() if isinstance(answer, str) else [json.dumps(answer)]
        for line in filter(None, lines):
            event = json.loads(line)
            assert event["type"] != "ERROR", event
            yield event["type"], event["object"]

    def path(self, api_version: str, kind: str, namespace: str = "", name: str = "") -> str:
        """The path of a kind on the API server, of its objects in a namespace, or of one object."""
        plural, namespaced = self._kind(api_version, kind)
        within = f"namespaces/{namespace}/" if namespaced and namespace else ""
        return f"{_root(api_version)}/{within}{plural}" + (f"/{name}" if name else "")

    def _kind(self, api_version: str, kind: str) -> tuple[str, bool]:
        for _ in range(_RELISTS):
            if (api_version, kind) in self._kinds:
                break
            for each in (self.rest.get(_root(api_version)) or {"resources": []})["resources"]:
                if "/" not in each["name"]:
                    self._kinds[api_version, each["kind"]] = each["name"], each["namespaced"]
            if (api_version, kind) not in self._kinds:
                time.sleep(POLL)  # a definition just established takes a moment to be discoverable
        return self._kinds[api_version, kind]


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def condition(obj: Obj, type: str = "Ready") -> Obj:
    """A condition of an object; empty if it has none."""
    found = ((obj.get("status") or {}).get("conditions")) or ()
    return next((each for each in found if each["type"] == type), {})


def is_ready(obj: Obj) -> bool:
    """Whether an object is Ready at its newest generation."""
    current = (obj.get("status") or {}).get("observedGeneration") == obj["metadata"]["generation"]
    return current and condition(obj).get("status") == "True"
