"""Attempts to misuse the connection to another cluster: its kubeconfig, its address, its credentials."""

from __future__ import annotations

import base64
import json

from tests.hostile.attempt import Attempt, Obj, Try, attempt, secret
from tests.hostile.objects import (
    intruder,
    own_map,
)
from tests.hostile.world import World

ATTEMPTS: list[Attempt] = []

USERS = (
    ("as", {"as": "system:admin"}),
    ("as-groups", {"as": "x", "as-groups": ["system:masters"]}),
    ("as-groups-alone", {"as-groups": ["system:masters"]}),
    ("as-uid", {"as": "x", "as-uid": "1"}),
    ("as-user-extra", {"as": "x", "as-user-extra": {"a": ["b"]}}),
    (
        "exec",
        {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "/bin/sh",
                "args": ["-c", "id"],
            }
        },
    ),
    ("auth-provider", {"auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/sh"}}}),
    ("token-file", {"tokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token"}),
    ("client-key", {"client-certificate": "/etc/passwd", "client-key": "/etc/passwd"}),
    ("password", {"username": "a\r\nImpersonate-User: system:admin", "password": "x"}),
    ("token-with-a-header", {"token": "x\r\nImpersonate-User: system:admin"}),
)


@attempt(*USERS)
def kubeconfig_user(w: World, name: str, user: Obj) -> Try:
    """A kubeconfig runs no program, reads no file of the operator, and cannot drop impersonation."""
    return remote(w, name, {"server": own_server(w)}, user)


CLUSTERS = (
    ("authority-file", {"server": "https://192.0.2.1", "certificate-authority": "/etc/passwd"}),
    ("insecure", {"server": "https://192.0.2.1", "insecure-skip-tls-verify": True}),
    ("proxy", {"server": "http://192.0.2.1", "proxy-url": "http://127.0.0.1:{port}"}),
    ("proxy-socks", {"server": "http://192.0.2.1", "proxy-url": "socks5://127.0.0.1:{port}"}),
    ("file", {"server": "file:///etc/passwd"}),
    ("unix", {"server": "unix:///var/run/docker.sock"}),
    ("user-info", {"server": "http://a:b@127.0.0.1:{port}"}),
    ("page", {"server": "http://127.0.0.1:{port}"}),
    ("page-error", {"server": "http://127.0.0.1:{port}/error"}),
    ("page-json", {"server": "http://127.0.0.1:{port}/json"}),
    ("page-status", {"server": "http://127.0.0.1:{port}/status"}),
    ("page-redirect", {"server": "http://127.0.0.1:{port}/redirect"}),
    ("page-query", {"server": "http://127.0.0.1:{port}/?x="}),
    ("localhost", {"server": "http://localhost:{port}"}),
    ("any", {"server": "http://0.0.0.0:{port}"}),
    ("mapped", {"server": "http://[::ffff:127.0.0.1]:{port}"}),
    ("six", {"server": "http://[::1]:{port}"}),
    ("decimal", {"server": "http://2130706433:{port}"}),
    ("octal", {"server": "http://0177.0.0.1:{port}"}),
    ("short", {"server": "http://127.1:{port}"}),
    ("metadata", {"server": "http://169.254.169.254/latest/meta-data"}),
    ("metadata-name", {"server": "http://metadata.google.internal/"}),
)


@attempt(*CLUSTERS)
def kubeconfig_cluster(w: World, name: str, cluster: Obj) -> Try:
    """Headgate does not quote responses from the address in a kubeconfig, and sends nothing to its own host."""
    filled = {k: v.format(port=w.servers.page.port) if isinstance(v, str) else v for k, v in cluster.items()}
    return remote(w, name, filled, {"token": "x"})


@attempt(("page", ""), ("error", "/error"), ("json", "/json"), ("redirect", "/redirect"))
def kubeconfig_cluster_by_tls(w: World, name: str, path: str) -> Try:
    """Headgate does not quote a server even if the tenant knows its certificate."""
    trusted = base64.b64encode(w.servers.authority.certificate).decode()
    cluster = {"server": w.servers.page_by_tls.url(path), "certificate-authority-data": trusted}
    return remote(w, name, cluster, {"token": "x"})


@attempt(
    ("page", {"provider": "generic", "address": "https://127.0.0.1:{port}"}),
    ("plain", {"provider": "generic", "address": "http://127.0.0.1:{port}"}),
    (
        "account",
        {
            "provider": "generic",
            "address": "https://127.0.0.1:{port}",
            "serviceAccountName": "../{other}/deployer",
        },
    ),
    (
        "operators-account",
        {
            "provider": "generic",
            "address": "https://127.0.0.1:{port}",
            "serviceAccountName": "headgate-system:headgate",
        },
    ),
    (
        "azure",
        {
            "provider": "azure",
            "cluster": "/subscriptions/a/resourceGroups/b/providers/Microsoft.ContainerService/managedClusters/c",
        },
    ),
    ("aws", {"provider": "aws", "cluster": "arn:aws:eks:eu-west-1:123456789012:cluster/c"}),
    ("gcp", {"provider": "gcp", "cluster": "projects/a/locations/b/clusters/c"}),
)
def cluster_by_parameters(w: World, name: str, data: dict[str, str]) -> Try:
    """Headgate sends tokens of the tenant's accounts to other clusters, never its own."""
    filled = {k: v.format(port=w.servers.trap.port, other=w.other.namespace) for k, v in data.items()}
    place = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": filled}
    return Try(
        {"a.yaml": own_map(w, name)}, {"kubeConfig": {"configMapRef": {"name": name}}}, objects=(place,)
    )


def remote(w: World, name: str, cluster: Obj, user: Obj) -> Try:
    """A Kustomization for the cluster of a kubeconfig."""
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "current-context": "c",
    }
    spec = {"kubeConfig": {"secretRef": {"name": name}}, "serviceAccountName": None}
    return Try({"a.yaml": intruder(w, name)}, spec, objects=(secret(name, value=json.dumps(kubeconfig)),))


def own_server(w: World) -> str:
    """The URL of a server that belongs to the tenant."""
    return w.servers.trap.url()
