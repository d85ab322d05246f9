"""The example fleet on a real cluster: infrastructure first, promotion by tag, rollback by revert."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import fleet, operator
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
    SOURCE_VERSION,
    Api,
    is_ready,
    until,
)

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]

SYSTEMS = {"production": "flux-system", "staging": "flux-staging"}
"""The namespace of each environment's custom resources; in the example, each has its own cluster."""
NAMESPACES = (*SYSTEMS, *SYSTEMS.values(), "cert-manager", "ingress-nginx")
IMAGE = "stefanprodan/podinfo:"
APPS = (
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "Ingress"),
    ("policy/v1", "PodDisruptionBudget"),
)
"""But the Issuer, which cannot be there before the infrastructure has brought its kind."""
ONLY_THE_NAMESPACE = (
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [namespace.yaml]\n"
)


class Fleet:
    """The example's repository and what the cluster made of it."""

    def __init__(self, api: Api, repository: fleet.Fleet) -> None:
        self.api, self.repository = api, repository

    def apply(self, environment: str) -> None:
        """``kubectl apply -k clusters/<environment>``."""
        system = SYSTEMS[environment]
        for obj in yaml.safe_load_all(self.repository.manifests(environment)):
            if obj["kind"] == "Namespace":
                obj["metadata"]["name"] = system
            else:
                obj["metadata"]["namespace"] = system
                # The test says when it is time to look.
                obj["spec"]["interval"] = "1h"
            self.api.apply(obj, manager="kubectl")

    def commit(self, message: str) -> str:
        """Commit what changed and push; the commit's id."""
        self.repository.git("add", "--all")
        self.repository.git("commit", "--quiet", f"--message={message}")
        self.repository.git("push", "--quiet", "origin", "main")
        return self.head()

    def head(self) -> str:
        return self.repository.git("rev-parse", "HEAD")

    def tag(self, name: str) -> None:
        self.repository.git("tag", name)
        self.repository.git("push", "--quiet", "origin", name)

    def use_image(self, version: str) -> str:
        """Commit another version of my-app."""
        path = self.repository.work / "apps/base/my-app/deployment.yaml"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(
            "".join(f"{li.split(IMAGE)[0]}{IMAGE}{version}\n" if IMAGE in li else li for li in lines)
        )
        return self.commit(f"my-app {version}")

    def look(self) -> None:
        """Have both sources ask the remote, and wait until they have."""
        stamp = f"now-{self.api.resource_version()}"
        for system in SYSTEMS.values():
            source = self.api.present(SOURCE_VERSION, SOURCE, "flux-system", system)
            patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": stamp}}}
            self.api.merge(source, patch, manager="flux")

        def seen(system: str) -> bool:
            source = self.api.present(SOURCE_VERSION, SOURCE, "flux-system", system)
            return bool(source["status"].get("lastHandledReconcileAt") == stamp)

        for system in SYSTEMS.values():
            until(f"the source of {system} has looked", lambda system=system: seen(system))  # type: ignore[misc]

    def ready(self, environment: str, revision: str, name: str = "apps") -> Obj:
        """Wait until a Kustomization is Ready at a revision."""

        def look() -> Obj | None:
            found = self.get(environment, name)
            return (
                found if is_ready(found) and found["status"].get("lastAppliedRevision") == revision else None
            )

        return until(f"{name} of {environment} is Ready at {revision}", look)

    def get(self, environment: str, name: str = "apps") -> Obj:
        return self.api.present(KUSTOMIZATION_VERSION, KUSTOMIZATION, name, SYSTEMS[environment])

    def image(self, environment: str) -> str:
        """The version of my-app that runs."""
        found = self.api.present("apps/v1", "Deployment", "my-app", environment)
        image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
        return image.removeprefix(IMAGE)

    def event_messages(self, environment: str, name: str, revision: str) -> list[str]:
        """Messages of the events that carry a revision."""
        events = self.api.list("v1", "Event", SYSTEMS[environment])
        return [
            e["message"]
            for e in events
            if e["involvedObject"]["name"] == name
            and revision in (e["metadata"].get("annotations") or {}).values()
        ]


@pytest.fixture
def example(api: Api, shared_operator: operator.Operator, tmp_path: Path) -> Iterator[Fleet]:
    taken = [name for name in NAMESPACES if api.get("v1", "Namespace", name)]
    if taken:
        pytest.skip(f"the cluster already has the namespaces {', '.join(taken)}")
    with fleet.served(tmp_path) as repository:
        yield Fleet(api, repository)
        for kind, version in ((KUSTOMIZATION, KUSTOMIZATION_VERSION), (SOURCE, SOURCE_VERSION)):
            for system in SYSTEMS.values():
                api.rest.request("DELETE", api.path(version, kind, system))
            until(f"each {kind} is gone", lambda: not _custom(api, kind, version))  # noqa: B023
        for name in NAMESPACES:
            api.delete("v1", "Namespace", name)


def _custom(api: Api, kind: str, version: str) -> list[Obj]:
    return [each for system in SYSTEMS.values() for each in api.list(version, kind, system)]


def test_infrastructure_first_then_promotion_by_tag_and_rollback_by_revert(example: Fleet) -> None:
    api = example.api
    since = api.resource_version()
    first = f"1.0.0@sha1:{example.head()}"
    example.apply("production")
    example.ready("production", first, "infrastructure")
    apps = example.ready("production", first)
    assert example.image("production") == "6.7.1"
    # wait: true means that everything is healthy by now.
    assert api.present("apps/v1", "Deployment", "my-app", "production")["status"]["availableReplicas"] == 5
    assert len(apps["status"]["inventory"]["entries"]) == 8

    # Nothing of apps was there before infrastructure was Ready.
    before = next(
        int(obj["metadata"]["resourceVersion"])
        for _, obj in api.history(KUSTOMIZATION_VERSION, KUSTOMIZATION, "flux-system", since)
        if obj["metadata"]["name"] == "infrastructure" and is_ready(obj)
    )

    def earliest(kind: tuple[str, str]) -> int:
        return min(
            int(obj["metadata"]["resourceVersion"])
            for type, obj in api.history(*kind, "production", since)
            if type == "ADDED" and _owner(obj) == "apps"
        )

    with ThreadPoolExecutor() as pool:
        assert all(version > before for version in pool.map(earliest, APPS))

    # Staging follows main. (One cluster replaces two here, and has the shared objects from production.)
    path = example.repository.work / "infrastructure/staging/kustomization.yaml"
    path.write_text(ONLY_THE_NAMESPACE)
    commit = example.commit("Staging shares the infrastructure of production")
    example.apply("staging")
    example.ready("staging", f"main@sha1:{commit}")
    assert example.image("staging") == "6.7.1"

    # A commit on main reaches staging, and not production.
    commit = example.use_image("6.8.0")
    example.look()
    example.ready("staging", f"main@sha1:{commit}")
    assert example.image("staging") == "6.8.0"
    assert example.image("production") == "6.7.1"
    assert example.get("production")["status"]["lastAppliedRevision"] == first
    # Nor does a tag outside of the range (a pre-release).
    example.tag("1.1.0-rc.1")
    example.look()
    assert example.get("production")["status"]["lastAppliedRevision"] == first
    # A tag in the range does.
    example.tag("1.1.0")
    example.look()
    second = f"1.1.0@sha1:{commit}"
    promoted = example.ready("production", second)
    assert example.image("production") == "6.8.0"
    assert promoted["status"]["history"][0]["metadata"]["revision"] == second
    message = f"Applied revision: {second}"
    assert message in [each["message"] for each in promoted["status"]["conditions"]]

    # git revert rolls back, in staging by itself, in production by the next tag.
    example.repository.git("revert", "--no-edit", "HEAD")
    example.repository.git("push", "--quiet", "origin", "main")
    reverted = example.head()
    example.look()
    example.ready("staging", f"main@sha1:{reverted}")
    assert (example.image("staging"), example.image("production")) == ("6.7.1", "6.8.0")
    example.tag("1.1.1")
    example.look()
    example.ready("production", f"1.1.1@sha1:{reverted}")
    assert example.image("production") == "6.7.1"

    # The events report each revision.
    for environment, revision in (
        ("production", first),
        ("production", second),
        ("production", f"1.1.1@sha1:{reverted}"),
        ("staging", f"main@sha1:{commit}"),
        ("staging", f"main@sha1:{reverted}"),
    ):
        until(
            f"{environment} reports {revision}",
            lambda environment=environment, revision=revision: (  # type: ignore[misc]
                any(
                    "Reconciliation finished" in m
                    for m in example.event_messages(environment, "apps", revision)
                )
                and example.event_messages(environment, "flux-system", revision)
            ),
        )


def _owner(obj: Obj) -> str | None:
    owner: str | None = (obj["metadata"].get("labels") or {}).get("kustomize.toolkit.fluxcd.io/name")
    return owner
