"""No secret value leaks: not into logs, events, conditions, metrics or arguments, nor into files.

One run uses every kind of secret, each with right and wrong values, and the test searches all its output for them.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.ports import free_ports
from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, SOURCE, Api, condition, until
from tests.support.eventserver import EventServer
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_proxy import HttpProxy
from tests.support.gitserver_tls import Authority
from tests.support.keyservices import AwsKms, aws_kms, openbao
from tests.support.manifests import config_map, dump, kustomization
from tests.support.process_recorder import ProcessRecorder
from tests.support.secrets import Values
from tests.support.sops import KEYS, Wrap, age_key, sealed, sealed_file, sealed_secret
from tests.support.sshserver import SshServer, generate_key
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are watched in /proc"),
]

Obj = dict[str, Any]
MARK = "secrets"
KEYS_SECRET = "keys"
GIT = (b"git", b"git-remote-http", b"git-remote-https", b"ssh", b"ssh-keygen", b"env", b"sh")
"""Programs of a Git command: what it shows to a server is in its environment, which nobody else can read."""


class Run:
    """What an operator is given, and what is to become of it."""

    def __init__(self, workspace: Workspace, stack: ExitStack) -> None:
        self.workspace, self.stack, self.values = workspace, stack, Values()
        self.files: dict[str, str] = {}
        """What the repository is to hold."""
        self._expected: dict[tuple[str, str], bool] = {}
        """Whether each custom resource is to become Ready."""
        self._make: list[Callable[[], object]] = []

    def secret(self, name: str, data: dict[str, str]) -> None:
        """A Secret."""
        self.workspace.secret(name, data)

    def source(self, name: str, secret: dict[str, str] | None = None, *, works: bool, **spec: Any) -> None:
        """A GitRepository with its own Secret."""
        if secret is not None:
            self.secret(name, secret)
            spec["secretRef"] = {"name": name}
        self._make.append(lambda: self.workspace.source(name, ready=False, **spec))
        self._expected[SOURCE, name] = works

    def kustomization(self, name: str, *objects: Obj, works: bool, **spec: Any) -> None:
        """A Kustomization with these objects, in its own folder."""
        if objects:
            self.files[f"{name}/objects.yaml"] = dump(*objects)
        self._make.append(lambda: self.workspace.kustomization(name, **spec))
        self._expected[KUSTOMIZATION, name] = works

    def finish(self) -> None:
        """Commit and apply all, and wait until each is Ready, or has said why it is not."""
        self.workspace.commit(self.files)
        for make in self._make:
            make()
        for (kind, name), works in self._expected.items():
            if works:
                self.workspace.ready(name, kind=kind)
                continue

            def failed(kind: str = kind, name: str = name) -> bool:
                return bool(condition(self.workspace.get(name, kind)).get("status") == "False")

            until(f"{kind} {name} has failed", failed)

    def observations(self) -> dict[str, bytes]:
        """Statuses and events."""
        statuses = [self.workspace.get(name, kind)["status"] for kind, name in self._expected]
        events = self.workspace.api.list("v1", "Event", self.workspace.namespace)
        return {"statuses": json.dumps(statuses).encode(), "events": json.dumps(events).encode()}


def git_credentials(run: Run) -> None:
    """What Git servers and proxies are shown."""
    values, root, name = run.values, run.workspace.server.root, run.workspace.repository.name

    basic = run.stack.enter_context(GitHttpServer(root))
    for secret in ("basic", "basic-wrong"):
        password = values.new(secret, git=True)
        run.source(
            secret, {"username": "ada", "password": password}, works=secret == "basic", url=basic.url(name)
        )
    basic.require_basic("ada", values.all["basic"])

    authority, clients = Authority(), Authority()
    trust = {"ca.crt": authority.certificate.decode()}
    bearer = run.stack.enter_context(GitHttpServer(root, tls=authority.server_context()))
    for secret in ("bearer", "bearer-wrong"):
        token = values.new(secret, git=True)
        run.source(secret, {**trust, "bearerToken": token}, works=secret == "bearer", url=bearer.url(name))
    bearer.require_bearer(values.all["bearer"])

    mutual = run.stack.enter_context(GitHttpServer(root, tls=authority.server_context(clients=clients)))
    for secret, issuer in (("client", clients), ("client-wrong", Authority())):
        issued = issuer.issue("operator")
        values.add(secret, issued.key.decode().splitlines()[1])
        given = {**trust, "tls.crt": issued.certificate.decode(), "tls.key": issued.key.decode()}
        run.source(secret, given, works=issuer is clients, url=mutual.url(name))

    proxy = run.stack.enter_context(HttpProxy(("ada", values.new("proxy", git=True))))
    for secret in ("proxy", "proxy-wrong"):
        password = values.all.get(secret) or values.new(secret, git=True)
        run.secret(f"{secret}-access", {"address": proxy.url, "username": "ada", "password": password})
        run.source(secret, works=secret == "proxy", proxySecretRef={"name": f"{secret}-access"})

    app = {"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": values.new("app")}
    run.source("app-wrong", app, works=False, url=bearer.url(name), provider="github")


def ssh_keys(run: Run) -> None:
    """A key with a passphrase, the right one and another."""
    ssh = run.stack.enter_context(SshServer(run.workspace.server.root))
    key = generate_key(run.values.new("passphrase", git=True))
    run.values.add("ssh", key.private.decode().splitlines()[2])
    ssh.authorize(key)
    for name, passphrase in (("ssh", "passphrase"), ("ssh-wrong", "passphrase-wrong")):
        password = run.values.all.get(passphrase) or run.values.new(passphrase, git=True)
        given = {field: value.decode() for field, value in ssh.secret(key).items()}
        url = ssh.url(run.workspace.repository.name)
        run.source(name, {**given, "password": password}, works=name == "ssh", url=url)


def variables(run: Run) -> None:
    """Values of a Secret: in applied objects, in objects that the API server refuses, and in YAML that they break."""
    values = run.values
    run.secret(
        "variables",
        {
            "GOOD": values.new("variable"),
            "LABEL": f"no/label/{values.new('variable-refused')}",
            "BROKEN": f"'a: {values.new('variable-broken')}: [",
        },
    )
    substitute = {"substituteFrom": [{"kind": "Secret", "name": "variables"}]}
    for variable in ("GOOD", "LABEL", "BROKEN"):
        obj = yaml.safe_load(config_map(variable.lower(), a=f"${{{variable}}}"))
        if variable == "LABEL":
            obj["metadata"]["labels"] = {"a": "${LABEL}"}
        run.kustomization(f"variable-{variable.lower()}", obj, works=variable == "GOOD", postBuild=substitute)


def decryption(run: Run, wrap: Wrap) -> None:
    """Decrypted values, in the same, and keys that open them, that do not, and that are none."""
    values = run.values
    keys: Obj = {"provider": "sops", "secretRef": {"name": KEYS_SECRET}}

    def hidden(name: str) -> Obj:
        return sealed_secret(name, wrap, password=values.new(name))

    run.kustomization("decrypted", hidden("decrypted"), works=True, decryption=keys)
    label = yaml.safe_load(config_map("decrypted-refused"))
    label["metadata"]["labels"] = {"a": f"no/label/{values.new('decrypted-refused')}"}
    run.kustomization("decrypted-refused", sealed(label, wrap, ("labels",)), works=False, decryption=keys)
    broken = sealed_secret("decrypted-broken", wrap, a=f"${{{values.new('decrypted-broken')}")
    substitute = {"substitute": {"a": "1"}}
    run.kustomization("decrypted-broken", broken, works=False, decryption=keys, postBuild=substitute)
    run.files["generated/kustomization.yaml"] = kustomization(
        secretGenerator=[{"name": "g", "files": ["token"]}]
    )
    run.files["generated/token"] = sealed_file(values.new("generated"), wrap)
    run.kustomization("generated", works=True, decryption=keys)
    run.files["patched/kustomization.yaml"] = kustomization(
        "c.yaml", patches=[{"path": "patch", "target": {"kind": "ConfigMap"}}]
    )
    run.files["patched/c.yaml"] = config_map("c")
    run.files["patched/patch"] = sealed_file(f"- {{op: {values.new('patched')}, path: /a}}\n", wrap)
    run.kustomization("patched", works=False, decryption=keys)

    none = f"AGE-SECRET-KEY-1{values.new('age-none').upper()}"
    values.add("age-none", none)
    for name, entries in (
        ("age-wrong", {"a.agekey": values.add("age-wrong", age_key()[0])}),
        ("age-none", {"a.agekey": none}),
        ("pgp-none", {"a.asc": f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{values.new('pgp-none')}\n"}),
        ("azure-none", {"sops.azure-kv": f"clientSecret: {values.new('azure-none')}"}),
        (
            "google-none",
            {"sops.gcp-kms": json.dumps({"type": "?", "private_key": values.new("google-none")})},
        ),
        ("aws-none", {"sops.aws-kms": f"{values.new('aws-none')}: ["}),
    ):
        run.secret(name, entries)
        spec = {"provider": "sops", "secretRef": {"name": name}}
        run.kustomization(name, hidden(f"hidden-{name}"), works=False, decryption=spec)


def key_services(run: Run, kms: AwsKms) -> None:
    """Credentials of key services that are here, and of some that nobody can reach."""
    values, bao = run.values, run.stack.enter_context(openbao())
    aws = f"aws_access_key_id: AKIAEXAMPLE\naws_secret_access_key: {values.new('aws')}\n"
    tenant = {"tenantId": "t", "clientId": "c", "clientSecret": values.new("azure")}
    vault = {"vault_url": "https://fleet.vault.azure.net", "name": "sops", "version": "1"}
    for name, entry, wrap in (
        ("vault", {"sops.vault-token": values.add("vault", bao.token())}, bao.wrap),
        ("vault-wrong", {"sops.vault-token": values.new("vault-wrong")}, bao.wrap),
        ("aws", {"sops.aws-kms": aws}, kms.wrapping()),
        ("azure", {"sops.azure-kv": json.dumps(tenant)}, lambda _: {"azure_kv": [{**vault, "enc": "AAAA"}]}),
    ):
        run.secret(name, entry)
        spec = {"provider": "sops", "secretRef": {"name": name}}
        secret = sealed_secret(f"by-{name}", wrap, password=values.new(f"by-{name}"))
        run.kustomization(name, secret, works=name in ("vault", "aws"), decryption=spec)


def clusters(run: Run, account: Path) -> None:
    """Kubeconfigs: a valid one, one with a wrong token, one that is not YAML, and one with an exec plugin."""
    values, config = run.values, yaml.safe_load(account.read_text())
    cluster = config["clusters"][0]["cluster"]
    if file := cluster.pop("certificate-authority", None):
        cluster["certificate-authority-data"] = base64.b64encode(Path(file).read_bytes()).decode()
    values.add("remote", config["users"][0]["user"]["token"])

    def kubeconfig(**user: Any) -> str:
        return yaml.safe_dump({**config, "users": [{**config["users"][0], "user": user}]})

    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "cat",
        "args": [values.new("remote-exec")],
    }
    for name, content in (
        ("remote", kubeconfig(token=values.all["remote"])),
        ("remote-wrong", kubeconfig(token=values.new("remote-wrong"))),
        ("remote-none", f"users: [{values.new('remote-none')}"),
        ("remote-exec", kubeconfig(exec=command)),
    ):
        run.secret(f"{name}-access", {"value": content})
        obj = yaml.safe_load(config_map(name))
        access = {"secretRef": {"name": f"{name}-access"}}
        run.kustomization(name, obj, works=name == "remote", kubeConfig=access)


def test_no_secret_leaks(
    request: pytest.FixtureRequest,
    api: Api,
    git_server: GitHttpServer,
    account: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: MARK})
    folders = {name: tmp_path / name.lower() for name in ("TMPDIR", "HOME")}
    metrics = f"127.0.0.1:{free_ports(1)[0]}"
    with ExitStack() as stack:
        run, kms = Run(workspace, stack), stack.enter_context(aws_kms())
        notifications = stack.enter_context(EventServer())
        for folder in folders.values():
            folder.mkdir()
        folder_names = {name: str(folder) for name, folder in folders.items()}
        for name, value in {
            **folder_names,
            **kms.variables,
            "RUNTIME_NAMESPACE": workspace.namespace,
        }.items():
            monkeypatch.setenv(name, value)
        options = [f"--watch-label-selector={OWN}={MARK}", "--log-level=trace", f"--metrics-addr={metrics}"]
        options += [f"--events-addr={notifications.url}", "--sops-age-secret=shared-age"]
        running = stack.enter_context(operator.running(account, tmp_path, options))
        recorder = stack.enter_context(ProcessRecorder(running.pid, *folders.values(), tmp_path / "storage"))

        private, wrap = age_key()
        run.secret(KEYS_SECRET, {"a.agekey": run.values.add("age", private), "b.asc": KEYS["curve.asc"]})
        run.values.add("pgp", KEYS["curve.asc"].splitlines()[3])
        shared, for_shared = age_key()
        run.secret("shared-age", {"a.agekey": run.values.add("age-shared", shared)})
        secret = sealed_secret("shared", for_shared, password=run.values.new("shared"))
        run.kustomization("shared", secret, works=True, decryption={"provider": "sops"})
        run.source("source", works=True)
        git_credentials(run)
        ssh_keys(run)
        variables(run)
        decryption(run, wrap)
        key_services(run, kms)
        clusters(run, account)
        run.finish()
        with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=60) as answer:
            seen = {**run.observations(), "metrics": answer.read()}
        workspace.close()
        running.check()
    seen |= {
        "log": running.log.read_bytes(),
        "notifications": b"\n".join(notifications.bodies),
        "arguments": b"\n".join(recorder.arguments),
    }
    for path, contents in recorder.files.items():
        unpack = gzip.decompress if path.suffix == ".gz" else bytes
        seen[f"file {path}"] = b"\n".join(map(unpack, contents))
    values = run.values
    assert {where: found for where, content in seen.items() if (found := values.found_in(content))} == {}
    for program, environments in recorder.environments.items():
        assert values.found_in(b"\n".join(environments), but=values.git if program in GIT else ()) == [], (
            program
        )

    # What was searched is what it should have been, and would have been found.
    assert {b"git", b"git-remote-http", b"ssh"} <= set(recorder.environments)
    assert any(path.suffix == ".gz" for path in recorder.files)
    for where in ("log", "notifications", "events", "statuses"):
        assert b"is SOPS" in seen[where] or b"decryption failed" in seen[where], where
        assert b"***" in seen[where], where
    assert values.found_in(base64.b64encode("".join(values.all.values()).encode())) == sorted(values.all)
