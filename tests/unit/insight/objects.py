"""Raw objects for the tests of headgate.insight."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]
COMMIT = "a" * 40
REVISION = f"main@sha1:{COMMIT}"


def condition(type: str, status: str, reason: str, message: str = "", generation: int = 1) -> Obj:
    return {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": "2026-06-01T12:00:00Z",
    }


READY = condition("Ready", "True", "ReconciliationSucceeded", f"Applied revision: {REVISION}")
BUILD_FAILED = condition("Ready", "False", "BuildFailed", "apps/web.yaml:3: bad indentation")


def waits_for(name: str, namespace: str = "shop") -> Obj:
    return condition("Ready", "False", "DependencyNotReady", f"dependency '{namespace}/{name}' is not ready")


def ks(
    name: str,
    *conditions: Obj,
    needs: tuple[str, ...] = (),
    source: str = "repo",
    namespace: str = "shop",
    generation: int = 1,
    status: Obj | None = None,
    **spec: Any,
) -> Obj:
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": namespace, "generation": generation},
        "spec": {
            "sourceRef": {"kind": "GitRepository", "name": source},
            "dependsOn": [{"name": each} for each in needs],
            **spec,
        },
        "status": {"conditions": list(conditions), **(status or {})},
    }


def repo(
    name: str = "repo", *conditions: Obj, artifact: bool = True, namespace: str = "shop", **spec: Any
) -> Obj:
    held = any(each["type"] == "RevisionHeld" for each in conditions)
    annotations = {"promotion.headgate.dev/hold": "freeze"} if held else {}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": namespace, "generation": 1, "annotations": annotations},
        "spec": {"url": "https://git.example/repo", **spec},
        "status": {
            "conditions": list(conditions or [condition("Ready", "True", "Succeeded", "stored artifact")]),
            **({"artifact": {"revision": REVISION}} if artifact else {}),
        },
    }
