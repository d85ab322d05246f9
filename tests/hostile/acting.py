"""Attempts to act: in the other team's namespace, in the operator's name, where only the operator can reach."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.hostile.looking import NOT_FOUND, own_map
from tests.hostile.strangers import CLOUD_KEY, CLOUD_TOKEN
from tests.hostile.table import Attempt, Obj, Try, attempt, secret, source
from tests.hostile.world import RBAC, RECEIVER, RECEIVER_VERSION, World
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, condition, until
from tests.support.manifests import config_map, dump
from tests.support.workspace import REQUESTED_AT

ATTEMPTS: list[Attempt] = []

# In somebody else's name.


@attempt(
    ("masters", "system:masters"),
    ("full", "system:serviceaccount:{other}:deployer"),
    ("colon", "{other}:deployer"),
    ("slash", "{other}/deployer"),
    ("path", "../{other}/deployer"),
    ("group-header", "deployer\nImpersonate-Group: system:masters"),
    ("crlf", "deployer\r\nImpersonate-Group: system:masters"),
    ("operator", "headgate-system:headgate"),
    ("case", "Deployer"),
    ("empty", " "),
)
def account_named(w: World, name: str, account: str) -> Try:
    """The account is one of the Kustomization's own namespace, whatever its name looks like."""
    spec = {"serviceAccountName": account.format(other=w.other.namespace)}
    return Try({"a.yaml": intruder(w, name)}, spec)


@attempt(("none", None), ("missing", "nobody"))
def account_left_out(w: World, name: str, account: str | None) -> Try:
    """Without one it is the namespace's default account, never the operator."""
    return Try({"a.yaml": intruder(w, name)}, {"serviceAccountName": account})


@attempt(
    ("namespace", "metadata"), ("target-namespace", "target"), ("overlay", "overlay"), ("patch", "patch")
)
def object_of_another_namespace(w: World, name: str, where: str) -> Try:
    """The account may write nothing there, however the namespace came onto the object."""
    namespace = w.other.namespace
    plain = {"a.yaml": config_map(name)}
    if where == "metadata":
        return Try({"a.yaml": intruder(w, name)})
    if where == "target":
        return Try(plain, {"targetNamespace": namespace})
    if where == "overlay":
        text = yaml.safe_dump({"resources": ["a.yaml"], "namespace": namespace})
        return Try({**plain, "kustomization.yaml": text})
    change = [{"op": "add", "path": "/metadata/namespace", "value": namespace}]
    return Try(plain, {"patches": [{"patch": json.dumps(change), "target": {"kind": "ConfigMap"}}]})


@attempt(
    ("cluster-role-binding", f"{RBAC}/v1", "ClusterRoleBinding"),
    ("cluster-role", f"{RBAC}/v1", "ClusterRole"),
    ("namespace", "v1", "Namespace"),
    ("definition", "apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("webhook", "admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
)
def object_of_the_whole_cluster(w: World, name: str, version: str, kind: str) -> Try:
    """Nor anything outside of namespaces."""
    more: Obj = {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}}
    if kind != "ClusterRoleBinding":
        more = {}
    if kind == "ClusterRole":
        more = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    if kind == "CustomResourceDefinition":
        names = {"kind": "X", "plural": "xs"}
        more = {"spec": {"group": "x.test", "scope": "Cluster", "names": names, "versions": []}}
    obj = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **more}
    return Try({"a.yaml": dump(obj)})


@attempt(
    ("kustomization", KUSTOMIZATION), ("source", SOURCE), ("event", "Event"), ("role-binding", "RoleBinding")
)
def custom_resource_of_the_other_team(w: World, name: str, kind: str) -> Try:
    """The operator may change every Kustomization and every source; for that nobody else may."""
    versions = {"Event": "v1", "RoleBinding": f"{RBAC}/v1"}
    there = {KUSTOMIZATION: "apps", SOURCE: "source"}.get(kind, name)
    meta = {"name": there, "namespace": w.other.namespace, "annotations": {REQUESTED_AT: name}}
    obj: Obj = {"apiVersion": versions.get(kind, KUSTOMIZATION_VERSION), "kind": kind, "metadata": meta}
    if kind == SOURCE:
        obj["apiVersion"] = "source.toolkit.fluxcd.io/v1"
    if kind == KUSTOMIZATION:
        obj["spec"] = {"suspend": True}
    return Try({"a.yaml": dump(obj)}, {"serviceAccountName": None})


# Whose an object is.


@attempt(
    ("labels", {}),
    ("both", {"annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}}),
    may_pass=True,
)
def owner_labels_in_git(w: World, name: str, more: Obj) -> Try:
    """Owner labels that a manifest brings along are replaced by the true ones."""
    obj = yaml.safe_load(own_map(w, name))
    obj["metadata"].update(labels=owned_by(w), **more)
    return Try({"a.yaml": dump(obj)}, then=lambda w, _: _owner(w, name))


def _owner(w: World, name: str) -> str:
    found = w.tenant.config_map(name) or {"metadata": {}}
    marks = found["metadata"].get("labels") or {}
    assert marks == {
        k: {"apps": name, w.other.namespace: w.tenant.namespace}[v] for k, v in owned_by(w).items()
    }
    return ""


@attempt(("new", False), ("applied", True), may_pass=True)
def owner_labels_on_the_cluster(w: World, name: str, applied: bool) -> Try:
    """What the operator applied decides whose an object is: a label the tenant forges tells the other team nothing."""

    def relabel(w: World, _: Obj) -> str:
        labels = owned_by(w)
        meta = {"name": name if applied else f"{name}-new", "namespace": w.tenant.namespace}
        for turn in range(5):
            obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {**meta, "labels": labels}}
            w.tenant.api.apply({**obj, "data": {"turn": str(turn)}}, manager="kustomize-controller")
        return ""

    return Try({"a.yaml": own_map(w, name)}, {"targetNamespace": w.tenant.namespace}, then=relabel)


def owned_by(w: World) -> dict[str, str]:
    """The other team's owner labels."""
    domain = "kustomize.toolkit.fluxcd.io"
    return {f"{domain}/name": "apps", f"{domain}/namespace": w.other.namespace}


ENTRIES = (
    ("config-map", "{other}_owned__ConfigMap", "v1"),
    ("secret", "{other}_treasure__Secret", "v1"),
    ("kustomization", "{other}_apps_kustomize.toolkit.fluxcd.io_Kustomization", "v1"),
    ("role-binding", "{other}_deployer_rbac.authorization.k8s.io_RoleBinding", "v1"),
    ("namespace", "_{other}__Namespace", "v1"),
    ("cluster-role-binding", "_headgate_rbac.authorization.k8s.io_ClusterRoleBinding", "v1"),
    ("path", "..%2f{other}_owned__ConfigMap", "v1"),
    ("group-with-a-path", "{other}_owned_../../api/v1_ConfigMap", "v1"),
    ("version-with-a-path", "{other}_owned__ConfigMap", "v1/namespaces/{other}/configmaps/owned?x="),
)


@attempt(*ENTRIES, may_pass=True)
def inventory_that_names_theirs(w: World, name: str, entry: str, version: str) -> Try:
    """Whoever can write a status still has nothing deleted that the account may not delete."""
    other = w.other.namespace

    def poison(w: World, obj: Obj) -> str:
        forged = [{"id": entry.format(other=other), "v": version.format(other=other)}]
        _forge(w, obj, forged)
        return _reconciled(w, name)

    return Try({"a.yaml": own_map(w, name)}, then=poison)


@attempt(("config-map", "ConfigMap"), ("kustomization", "Kustomization"), blind=True, may_pass=True)
def inventory_that_asks(w: World, name: str, kind: str, right: bool) -> Try:
    """Nor does the refusal tell whether there was such an object."""
    there = {"ConfigMap": "owned", "Kustomization": "apps"}[kind]
    group = "kustomize.toolkit.fluxcd.io" if kind == "Kustomization" else ""
    guess = there if right else NOT_FOUND

    def poison(w: World, obj: Obj) -> str:
        _forge(w, obj, [{"id": f"{w.other.namespace}_{guess}_{group}_{kind}", "v": "v1"}])
        return _reconciled(w, name)

    return Try({"a.yaml": own_map(w, name)}, then=poison, guess=guess)


@attempt(("delete", "Delete"), ("wait", "WaitForTermination"), may_pass=True)
def deletion_that_takes_theirs(w: World, name: str, policy: str) -> Try:
    """A Kustomization that is deleted takes away what its account may delete."""

    def poison(w: World, obj: Obj) -> str:
        _forge(w, obj, [{"id": f"{w.other.namespace}_owned__ConfigMap", "v": "v1"}])
        w.tenant.api.delete(KUSTOMIZATION_VERSION, KUSTOMIZATION, name, w.tenant.namespace)
        said = ("PruneFailed", "GarbageCollectionSucceeded", "ReconciliationFailed")
        until(
            f"{name} is gone, or says why not",
            lambda: w.tenant.find(name) is None or any(s in w.tenant.event_text(name) for s in said),
        )
        return w.tenant.event_text(name)

    return Try({"a.yaml": own_map(w, name)}, {"deletionPolicy": policy}, then=poison)


def _forge(w: World, obj: Obj, entries: list[Obj]) -> None:
    w.tenant.api.merge(obj, {"status": {"inventory": {"entries": entries}}}, subresource="status")


def _reconciled(w: World, name: str) -> str:
    """Ask for a reconcile, wait until it is done, and say how it ended."""
    stamp = w.tenant.request_reconcile(KUSTOMIZATION, name)

    def look() -> str:
        obj = w.tenant.get(name)
        ready = condition(obj)
        handled = (obj.get("status") or {}).get("lastHandledReconcileAt") == stamp
        done = handled and ready.get("status") in ("True", "False")
        return f"{ready['status']} {ready['reason']}: {ready['message']}" if done else ""

    return until(f"{name} is reconciled once more", look)


# Another cluster, which is the tenant's to name.

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
    """A kubeconfig runs no program, reads no file of the operator's, and drops nothing of whom it acts as."""
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
    """What an address answers is not shown to whoever named it, and this host is not asked."""
    filled = {
        k: v.format(port=w.strangers.page.port) if isinstance(v, str) else v for k, v in cluster.items()
    }
    return remote(w, name, filled, {"token": "x"})


@attempt(("page", ""), ("error", "/error"), ("json", "/json"), ("redirect", "/redirect"))
def kubeconfig_cluster_by_tls(w: World, name: str, path: str) -> Try:
    """Nor is anything quoted of a server whose certificate the tenant knows."""
    trusted = base64.b64encode(w.strangers.authority.certificate).decode()
    cluster = {"server": w.strangers.page_by_tls.url(path), "certificate-authority-data": trusted}
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
    """Tokens for other clusters are those of the tenant's accounts, not the operator's."""
    filled = {k: v.format(port=w.strangers.trap.port, other=w.other.namespace) for k, v in data.items()}
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
    """A server of the tenant's own."""
    return w.strangers.trap.url()


# Addresses of sources.


@attempt(
    ("page", "http://127.0.0.1:{page}/x.git"),
    ("page-error", "http://127.0.0.1:{page}/error"),
    ("page-status", "http://127.0.0.1:{page}/status"),
    ("redirect", "http://127.0.0.1:{page}/redirect"),
    ("metadata", "http://169.254.169.254/latest/meta-data/iam"),
    ("file", "file:///etc"),
    ("ext", "ext::sh -c id"),
    ("options", "ssh://-oProxyCommand=id/x.git"),
    ("caches", "file://{storage}"),
    ("scheme-in-the-host", "http://ext::id/x.git"),
)
def url_of_a_source(w: World, name: str, url: str) -> Try:
    """Git runs no program for a URL, reads no folder, and what a page says is not quoted."""
    filled = url.format(page=w.strangers.page.port, storage=w.folder / "storage")
    return Try(spec=None, objects=(source(name, filled),))


@attempt(
    ("page", "http://127.0.0.1:{page}/x.git"),
    ("file", "file://{folder}"),
    ("path", "{folder}"),
    ("up", "../{name}"),
    ("ext", "ext::sh -c id"),
)
def submodule_at(w: World, name: str, url: str) -> Try:
    """Nor for that of a submodule."""
    theirs, work = w.other.repository, w.tenant.repository
    address = url.format(
        page=w.strangers.page.port, folder=w.git.root / theirs.name, name="nothing-of-the-kind.git"
    )
    work.switch(name, "HEAD")
    work.write({".gitmodules": f'[submodule "s"]\n\tpath = s\n\turl = {address}\n'})
    work.git("update-index", "--add", "--cacheinfo", f"160000,{theirs.head()},s")
    work.git("add", "-f", ".gitmodules")
    work.git("commit", "-q", "--no-gpg-sign", "-m", "submodule")
    work.switch("main")
    return Try(
        spec=None,
        objects=(source(name, w.tenant.url, recurseSubmodules=True, ref={"branch": name}, timeout="10s"),),
    )


@attempt(
    ("page", "http://127.0.0.1:{page}/x.yaml"),
    ("metadata", "http://169.254.169.254/latest/meta-data/"),
    ("their-repository", "{theirs}//base?ref=main"),
    ("git", "git::{theirs}//base"),
    ("file", "file://{folder}"),
    ("ssh", "git@127.0.0.1:x.git"),
)
def base_at(w: World, name: str, url: str) -> Try:
    """Bases are not fetched here at all (``--no-remote-bases``)."""
    folder = w.git.root / w.other.repository.name
    address = url.format(page=w.strangers.page.port, theirs=w.other.url, folder=folder)
    text = yaml.safe_dump({"resources": ["a.yaml", address]})
    return Try({"a.yaml": own_map(w, name), "kustomization.yaml": text})


# The operator's own identity.


@attempt(("foreign-host", "/x.git"), ("devops-in-the-path", "/dev.azure.com/x.git"))
def azure_token_for(w: World, name: str, path: str) -> Try:
    """The operator's token for Azure DevOps is for Azure DevOps, not for whichever host a tenant names."""
    authority = w.strangers.authority.certificate.decode()
    url = w.strangers.trap.url(path).replace("127.0.0.1", "localhost")
    certificates = secret(name, **{"ca.crt": authority})

    def nothing_sent(w: World, _: Obj) -> str:
        assert not w.strangers.trap.was_asked_for(CLOUD_TOKEN)
        return ""

    made = source(name, url, provider="azure", secretRef={"name": name})
    return Try(spec=None, objects=(certificates, made), then=nothing_sent)


@attempt(
    (
        "kms",
        "/kms",
        {
            "kms": [
                {
                    "arn": "arn:aws:kms:eu-west-1:123456789012:key/x",
                    "enc": "AAAA",
                    "created_at": "2024-01-01T00:00:00Z",
                }
            ]
        },
    ),
    (
        "vault",
        "{name}",
        {
            "hc_vault": [
                {
                    "vault_address": "{vault}",
                    "engine_path": "sops",
                    "key_name": "{name}",
                    "enc": "vault:v1:AAAA",
                }
            ]
        },
    ),
    (
        "vault-of-mine",
        "{name}",
        {
            "hc_vault": [
                {
                    "vault_address": "{trap}",
                    "engine_path": "sops",
                    "key_name": "{name}",
                    "enc": "vault:v1:AAAA",
                }
            ]
        },
    ),
    (
        "azure",
        "{name}",
        {"azure_kv": [{"vault_url": "{trap}", "name": "{name}", "version": "1", "enc": "AAAA"}]},
    ),
)
def key_service(w: World, name: str, part: str, keys: Obj) -> Try:
    """Key services are asked as an account of the tenant's: the operator's own identity opens nothing for it."""
    vault, trap = w.strangers.cloud.url("/vault"), w.strangers.trap.url()
    text = _encrypted(w, name, keys).replace("{vault}", vault).replace("{trap}", trap).replace("{name}", name)

    def nothing_sent(w: World, _: Obj) -> str:
        asked = [*w.strangers.cloud.was_asked_for(part.format(name=name)), *w.strangers.trap.asked]
        shown = [e for e in asked if "the-operators-own" in str(e.headers) or CLOUD_KEY in str(e.headers)]
        assert not [e for e in shown if part.format(name=name) in e.path]
        return ""

    return Try({"a.yaml": text}, {"decryption": {"provider": "sops"}}, then=nothing_sent)


PAGES = (
    ("page", ""),
    ("error", "/error"),
    ("json", "/json"),
    ("status", "/status"),
    ("redirect", "/redirect"),
)


@attempt(*PAGES)
def github_app_at(w: World, name: str, path: str) -> Try:
    """A GitHub server of the tenant's own that is none answers nothing that is told."""
    app = {
        "githubAppID": "1",
        "githubAppInstallationID": "2",
        "githubAppPrivateKey": _PRIVATE_KEY,
        "githubAppBaseURL": w.strangers.page.url(path),
    }
    made = source(name, w.strangers.page.url("/x/y.git"), provider="github", secretRef={"name": name})
    return Try(spec=None, objects=(secret(name, **app), made))


@attempt(*PAGES)
def proxy_at(w: World, name: str, path: str) -> Try:
    """Nor does a proxy that is none."""
    made = source(name, f"http://git.example.com{path}/x.git", proxySecretRef={"name": name})
    return Try(spec=None, objects=(secret(name, address=w.strangers.page.url()), made))


@attempt(*PAGES)
def vault_at(w: World, name: str, path: str) -> Try:
    """Nor a key service that is none, with credentials of the tenant's own."""
    keys = {
        "hc_vault": [{"vault_address": w.strangers.page.url(path), "engine_path": "sops", "key_name": "k"}]
    }
    keys["hc_vault"][0]["enc"] = "vault:v1:AAAA"
    return _sealed(w, name, keys, **{"sops.vault-token": "x"})


@attempt(*PAGES)
def cloud_login_at(w: World, name: str, path: str) -> Try:
    """Nor a server that a cloud's key file says to log in at."""
    account = {
        "type": "service_account",
        "client_email": "a@b",
        "private_key": _PRIVATE_KEY,
        "token_uri": w.strangers.page.url(path),
    }
    ring = "projects/a/locations/b/keyRings/c/cryptoKeys/d"
    keys = {"gcp_kms": [{"resource_id": ring, "enc": "AAAA", "created_at": "2024-01-01T00:00:00Z"}]}
    return _sealed(w, name, keys, **{"sops.gcp-kms": json.dumps(account)})


def _sealed(w: World, name: str, keys: Obj, **credentials: str) -> Try:
    """A Kustomization with an encrypted Secret and the credentials to open it."""
    decryption = {"provider": "sops", "secretRef": {"name": f"{name}-keys"}}
    return Try(
        {"a.yaml": _encrypted(w, name, keys)},
        {"decryption": decryption},
        objects=(secret(f"{name}-keys", **credentials),),
    )


def _encrypted(w: World, name: str, keys: Obj) -> str:
    """A Secret as SOPS would leave it, encrypted for these keys, but for that nothing in it can be opened."""
    sealed = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": w.tenant.namespace},
        "stringData": {"a": "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"},
        "sops": {**keys, "lastmodified": "2024-01-01T00:00:00Z", "mac": "ENC[x]", "version": "3.9.0"},
    }
    return dump(sealed)


def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


_PRIVATE_KEY = _private_key()


@attempt(
    *(
        each for each in PAGES if each[0] != "status"
    ),  # an error of a server is one to try again, which takes long
    ("metadata", None),
    ("file", "file:///etc/hostname"),
    ("theirs", "/gitrepository"),
)
def artifact_at(w: World, name: str, path: str | None) -> Try:
    """An artifact that is none is not told either, its checksum included."""
    url = w.strangers.page.url(path) if path is not None else "http://169.254.169.254/latest"
    url = path if path is not None and path.startswith("file:") else url
    if path == "/gitrepository":
        artifact = w.other.get("source", SOURCE)["status"]["artifact"]
        url = f"http://{w.running.storage}/gitrepository/{w.other.namespace}/source/{artifact['digest'][7:]}.tar.gz"
    made = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "ExternalArtifact",
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "artifact": {
                "url": url,
                "path": "x.tar.gz",
                "revision": "main@sha1:" + "0" * 40,
                "digest": "sha256:" + "0" * 64,
                "lastUpdateTime": "2024-01-01T00:00:00Z",
                "size": 100,
            }
        },
    }
    return Try({}, {"sourceRef": {"kind": "ExternalArtifact", "name": name}, "path": "./"}, objects=(made,))


# Receivers.


@attempt(
    ("namespace", {"kind": SOURCE, "name": "source", "namespace": "{other}"}),
    (
        "kustomization",
        {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "name": "apps", "namespace": "{other}"},
    ),
    ("path-in-the-name", {"kind": SOURCE, "name": "../../{other}/gitrepositories/source"}),
    ("all-of-them", {"kind": SOURCE, "name": "*", "namespace": "{other}", "matchLabels": {"a": "b"}}),
    ("all-by-a-selector", {"kind": SOURCE, "name": "*", "matchLabels": {"a": "b,!c"}}),
    ("all-of-no-namespace", {"kind": SOURCE, "name": "*", "namespace": "", "matchLabels": {"a": "b"}}),
    ("version-with-a-path", {"apiVersion": "v1/namespaces/{other}", "kind": SOURCE, "name": "source"}),
    may_pass=True,
)
def receiver_of(w: World, name: str, resource: dict[str, Any]) -> Try:
    """A call has reconciled what is in the Receiver's own namespace."""
    text = json.dumps(resource).replace("{other}", w.other.namespace)
    return receiver(w, name, resources=[json.loads(text)])


@attempt(blind=True, may_pass=True)
def receiver_whose_answer_tells(w: World, name: str, right: bool) -> Try:
    """The answer to a call is the same whether another namespace has such an object or not."""
    guess = "source" if right else NOT_FOUND
    resource = {"kind": SOURCE, "name": guess, "namespace": w.other.namespace}
    return receiver(w, name, resources=[resource])


@attempt(
    ("key", "{'a': 1}[res.metadata.annotations.pearl] == 1"),
    ("int", "int(res.metadata.annotations.pearl) == 1"),
    ("request", "{'a': 1}[req.pearl] == 1"),
    ("matches", "'a'.matches(req.pearl + '(')"),
    may_pass=True,
)
def receiver_filter_error(w: World, name: str, expression: str) -> Try:
    """A filter that fails quotes neither the object nor the call, in no log either."""
    resource = {"kind": SOURCE, "name": "source"}
    return receiver(w, name, resources=[resource], resourceFilter=expression)


@attempt(("a-slash", "{other}/treasure"), ("a-path", "../../{other}/secrets/treasure"))
def receiver_token_from(w: World, name: str, written: str) -> Try:
    """The token of a Receiver is of its own namespace; its path would tell the other's."""
    return receiver(w, name, secretRef={"name": written.format(other=w.other.namespace)})


def receiver(w: World, name: str, **spec: Any) -> Try:
    """A Receiver of type generic, which is called when it is Ready."""
    wanted = {
        "type": "generic",
        "secretRef": {"name": name},
        "resources": [{"kind": SOURCE, "name": "source"}],
        **spec,
    }
    made = {"apiVersion": RECEIVER_VERSION, "kind": RECEIVER, "metadata": {"name": name}, "spec": wanted}
    return Try(spec=None, objects=(secret(name, token=f"token-{name}"), made), then=_call)


def _call(w: World, obj: Obj) -> str:
    path = (obj.get("status") or {}).get("webhookPath")
    if not path:
        return ""
    body = json.dumps({"pearl": "pearl-5d1c-of-a-secret"}).encode()
    return http(w.hooks, path, body)


def http(address: str, path: str, body: bytes | None = None) -> str:
    """Status and body of an answer, as text."""
    request = urllib.request.Request(f"http://{address}{path}", body)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return f"{answer.status} {answer.read().decode(errors='replace')}"
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode(errors='replace')}"


def intruder(w: World, name: str) -> str:
    """A ConfigMap for the other team's namespace."""
    obj = yaml.safe_load(config_map(name))
    obj["metadata"]["namespace"] = w.other.namespace
    return dump(obj)
