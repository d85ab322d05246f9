"""The nodes of the local control plane: kwok plays their kubelets, so they can be as large as one likes."""

from __future__ import annotations

from typing import Any

from controlplane.rest import Rest

NODES = 3
_CAPACITY = {"cpu": "1000", "memory": "4Ti", "ephemeral-storage": "10Ti", "pods": "10000"}


def create(rest: Rest) -> None:
    """Register the nodes; they are Ready when kwok has seen them."""
    for number in range(1, NODES + 1):
        name = f"node-{number}"
        rest.create("/api/v1/nodes", node(name))


def node(name: str) -> dict[str, Any]:
    """A node with room for thousands of pods, labelled as kubelets label theirs."""
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": name,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": _CAPACITY, "capacity": _CAPACITY},
    }


def usable(rest: Rest) -> bool:
    """Whether pods can be created and will be scheduled: nodes Ready and untainted, the service account there."""
    found = rest.request("GET", "/api/v1/nodes")["items"]
    ready = [item for item in found if _is_ready(item) and not item["spec"].get("taints")]
    return len(ready) >= NODES and rest.get("/api/v1/namespaces/default/serviceaccounts/default") is not None


def _is_ready(item: dict[str, Any]) -> bool:
    conditions = item["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
