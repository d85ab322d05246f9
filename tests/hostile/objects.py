"""What several attempts use: objects of the two teams, and expressions about them."""

from __future__ import annotations

from typing import Any

import yaml

from tests.hostile.world import World
from tests.support.manifests import config_map, dump

Obj = dict[str, Any]

PEARL = "pearl-5d1c-of-a-secret"
"""The content of a Secret of the tenant. Not everybody who may read the Kustomization may read the Secret."""
NO_RIGHT = "cannot (get|patch|list|watch)|forbidden"
NOT_FOUND = "no-such-object"
DOMAIN = "kustomize.toolkit.fluxcd.io"
READ = "string(base64.decode(data.word))"
QUOTE = f"{{'a': 1}}[{READ}] == 1"
"""An expression whose error would quote the value as a missing key."""


def check_of_their_secret(w: World) -> Obj:
    """An entry of ``healthChecks`` for the other team's Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "name": "treasure", "namespace": w.other.namespace}


def health_expressions(kind: str, current: str, **more: str) -> list[Obj]:
    """An entry of ``healthCheckExprs``."""
    return [{"apiVersion": "v1", "kind": kind, "current": current, **more}]


def own_map(w: World, name: str, **data: Any) -> str:
    """A ConfigMap in the tenant's namespace."""
    obj = yaml.safe_load(config_map(name, **data))
    obj["metadata"]["namespace"] = w.tenant.namespace
    return dump(obj)


def intruder(w: World, name: str) -> str:
    """A ConfigMap for the other team's namespace."""
    obj = yaml.safe_load(config_map(name))
    obj["metadata"]["namespace"] = w.other.namespace
    return dump(obj)
