"""A Kubernetes cluster to test on, whatever the machine offers.

    import controlplane

    with controlplane.start("try") as cluster:
        print(cluster.kubeconfig)

Three providers, tried in this order (:mod:`controlplane.choice`): a kubeconfig given on purpose, kind where a container
engine answers, and otherwise a local control plane: real etcd, kube-apiserver, kube-controller-manager and
kube-scheduler, with kwok in the kubelet's place. Its five binaries are built once from Go modules
(:mod:`controlplane.binaries`), run under one supervisor process (:mod:`controlplane.supervisor`) that leaves nothing
behind, and are described, flag by flag, in :mod:`controlplane.components`.

Needs the standard library only, so that ``hack/cluster.py`` runs with any Python.
"""

from __future__ import annotations

from controlplane.choice import down, find, start, up
from controlplane.errors import ClusterError
from controlplane.state import Cluster, all_clusters

__all__ = ["Cluster", "ClusterError", "all_clusters", "down", "find", "start", "up"]
