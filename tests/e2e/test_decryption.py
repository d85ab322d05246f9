"""SOPS files of a repository on the cluster: decrypted, refused by name, or unchanged; and the change of keys."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import operator
from tests.support.cluster import KUSTOMIZATION, Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, kustomization
from tests.support.sops import KEYS, age_key, encrypted_files, sealed_file, sealed_secret
from tests.support.workspace import OWN, Workspace, namespace_prefix

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
DECRYPTION = {"provider": "sops", "secretRef": {"name": "keys"}}
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}


def keys(workspace: Workspace, name: str = "keys", **entries: str) -> None:
    """A decryption Secret whose changes are acted on at once."""
    meta = {"name": name, "namespace": workspace.namespace, "labels": WATCHED}
    workspace.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": entries})


def agekey(private: str) -> dict[str, str]:
    return {"a.agekey": private}


def applied(workspace: Workspace, name: str) -> dict[str, str]:
    """The data of a Secret that is there."""
    data = workspace.api.present("v1", "Secret", name, workspace.namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def reported(workspace: Workspace, name: str = "apps") -> str:
    """All that is said of a Kustomization."""
    return f"{workspace.get(name)['status']} {workspace.event_text(name)}"


def test_all_formats_and_keys(workspace: Workspace) -> None:
    keys(workspace, **KEYS_THAT_WORK)
    workspace.commit(encrypted_files())
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    workspace.ready("apps")
    for kind in ("age", "hybrid", "curve", "rsa", "groups"):
        assert applied(workspace, f"by-{kind}") == {"password": f"plain-of-by-{kind}"}
    assert applied(workspace, "from-env") == {
        "USER": "plain-of-env-user",
        "PASSWORD": "plain-of-env-password",
    }
    files = applied(workspace, "from-files")
    assert set(files) == {"config.json", "settings.ini", "config.yaml", "token"}
    assert all("plain-of-" in text for text in files.values())
    assert "plain-of-dockerconfig" in applied(workspace, "pull")[".dockerconfigjson"]
    assert applied(workspace, "from-component") == {"PART": "plain-of-component"}
    assert applied(workspace, "patched") == {"kept": "here", "added": "plain-of-patch"}
    assert applied(workspace, "with-entries") == {
        "config.yaml": "inner: plain-of-entry\n",
        "token": "plain-of-binary-entry\n",
        "plain": "hello",
    }
    settings = workspace.config_map("settings")
    assert settings is not None
    assert settings["data"] == {"token": "plain-of-settings", "plain_unencrypted": "seen"}
    assert "plain-of-" not in reported(workspace)


KEYS_THAT_WORK = {name: KEYS[name] for name in ("alpha.agekey", "hybrid.agekey", "curve.asc", "rsa.asc")}


def test_a_wrong_key_is_reported_with_file_and_recipient_until_it_is_the_right_one(
    workspace: Workspace,
) -> None:
    private, wrap = age_key()
    keys(workspace, **agekey(age_key()[0]))
    workspace.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="correct"))})
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    said = workspace.failed("apps", "BuildFailed", r"^decryption failed: apps/a\.yaml, Secret/\S+/a: ")
    assert "age recipient age1" in said["message"]
    assert "none of the given age identities belongs to its recipient" in said["message"]
    workspace.event("apps", r"apps/a\.yaml", type="Warning", reason="BuildFailed")
    assert workspace.object("v1", "Secret", "a") is None
    keys(workspace, **agekey(private))
    workspace.ready("apps")
    assert applied(workspace, "a") == {"password": "correct"}


def test_a_missing_secret_takes_effect_when_it_comes(workspace: Workspace) -> None:
    private, wrap = age_key()
    workspace.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="correct"))})
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    workspace.failed(
        "apps", "BuildFailed", f"^decryption failed: decryption Secret '{workspace.namespace}/keys' not found"
    )
    keys(workspace, **agekey(private))
    workspace.ready("apps")
    assert applied(workspace, "a") == {"password": "correct"}


def test_an_entry_that_is_not_a_key_is_named(workspace: Workspace) -> None:
    _, wrap = age_key()
    keys(workspace, **{"a.agekey": "AGE-SECRET-KEY-1VERYPRIVATE", "b.asc": KEYS["curve.asc"]})
    workspace.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="x"))})
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    workspace.failed(
        "apps",
        "BuildFailed",
        rf"decryption failed: Secret/{workspace.namespace}/keys: entry 'a\.agekey'.* line 1",
    )
    assert "VERYPRIVATE" not in reported(workspace)


def test_a_key_that_changes_is_used_and_one_that_stays_costs_nothing(workspace: Workspace) -> None:
    """The same text, encrypted again for another key, causes no write; without the key, the condition says so."""
    private, wrap = age_key()
    keys(workspace, **agekey(private))
    workspace.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="same"))})
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    workspace.ready("apps")
    before = workspace.api.present("v1", "Secret", "a", workspace.namespace)["metadata"]["resourceVersion"]
    workspace.ready("apps", workspace.commit({"README.md": "not built"}))
    private, wrap = age_key()
    keys(workspace, **agekey(private))
    workspace.failed("apps", "BuildFailed", r"apps/a\.yaml")
    revision = workspace.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="same"))})
    workspace.ready("apps", revision)
    assert (
        workspace.api.present("v1", "Secret", "a", workspace.namespace)["metadata"]["resourceVersion"]
        == before
    )


def test_a_tampered_file_is_refused(workspace: Workspace) -> None:
    keys(workspace, **KEYS_THAT_WORK)
    files = encrypted_files()
    lines = files["apps/generated/app.env"].splitlines()
    files["apps/generated/app.env"] = "\n".join(line for line in lines if not line.startswith("USER=")) + "\n"
    workspace.commit(files)
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    workspace.failed(
        "apps", "BuildFailed", r"^decryption failed: apps/generated/app\.env: the MAC does not match"
    )
    assert workspace.object("v1", "Secret", "from-env") is None
    workspace.ready("apps", workspace.commit(encrypted_files()))


def test_an_encrypted_secret_needs_decryption(workspace: Workspace) -> None:
    private, wrap = age_key()
    keys(workspace, **agekey(private))
    workspace.commit(
        {
            "apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="x")),
            "apps/b.yaml": config_map("b"),
        }
    )
    workspace.source()
    workspace.kustomization("apps")
    workspace.failed(
        "apps",
        "ReconciliationFailed",
        f"Secret/{workspace.namespace}/a is SOPS encrypted, configuring decryption is required for this secret to be "
        "reconciled",
    )
    assert workspace.config_map("b") is None
    workspace.change("apps", {"decryption": DECRYPTION})
    workspace.ready("apps")
    assert applied(workspace, "a") == {"password": "x"}


def test_what_others_decrypt_is_applied_as_it_is(workspace: Workspace) -> None:
    _, wrap = age_key()
    secret = sealed_secret("a", wrap, password="x")
    secret["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/decrypt": "disabled"}
    keys(workspace, **agekey(age_key()[0]))
    workspace.commit({"apps/a.yaml": yaml.safe_dump(secret)})
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    workspace.ready("apps")
    assert applied(workspace, "a")["password"].startswith("ENC[AES256_GCM,")


def test_a_refused_object_is_quoted_without_what_was_decrypted(workspace: Workspace) -> None:
    """The API server names the value that it does not like."""
    private, wrap = age_key()
    keys(workspace, **agekey(private))
    patch = sealed_file(
        yaml.safe_dump(
            [{"op": "add", "path": "/metadata/labels", "value": {"a": "not/a/confidential/label"}}]
        ),
        wrap,
    )
    workspace.commit(
        {
            "apps/kustomization.yaml": kustomization(
                "c.yaml", patches=[{"path": "patch", "target": {"kind": "ConfigMap"}}]
            ),
            "apps/c.yaml": config_map("c"),
            "apps/patch": patch,
        }
    )
    workspace.source()
    workspace.kustomization("apps", decryption=DECRYPTION)
    workspace.failed("apps", "ReconciliationFailed", r"metadata\.labels: Invalid value")
    workspace.event("apps", r"metadata\.labels", type="Warning")
    assert "confidential" not in reported(workspace)


def test_a_restart_decrypts_again_and_writes_nothing(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    mark = "decryption-restart"
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: mark})
    keys(workspace, **KEYS_THAT_WORK)
    workspace.commit(encrypted_files())
    # No timer helps: what is waited for has to wake whoever waits.
    options = (f"--watch-label-selector={OWN}={mark}", "--requeue-dependency=10m")
    with operator.running(account, tmp_path, options) as running:
        workspace.source(ready=False)
        workspace.kustomization("apps", decryption=DECRYPTION)
        workspace.ready("apps")
        before = versions(workspace)
        running.kill()
    with operator.running(account, tmp_path, options):
        stamp = workspace.request_reconcile(KUSTOMIZATION, "apps")
        until(
            "it is reconciled", lambda: workspace.get("apps")["status"].get("lastHandledReconcileAt") == stamp
        )
        workspace.ready("apps")
        assert versions(workspace) == before
        workspace.close()


def versions(workspace: Workspace) -> dict[str, str]:
    return {
        f"{kind}/{obj['metadata']['name']}": obj["metadata"]["resourceVersion"]
        for kind in ("Secret", "ConfigMap")
        for obj in workspace.api.list("v1", kind, workspace.namespace)
    }


def test_the_operator_s_age_keys_are_for_those_without_any(
    request: pytest.FixtureRequest,
    api: Api,
    git_server: GitHttpServer,
    account: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mark = "decryption-shared"
    home = Workspace(api, git_server, "operator", {OWN: mark})
    workspace = Workspace(api, git_server, namespace_prefix(request), {OWN: mark})
    monkeypatch.setenv("RUNTIME_NAMESPACE", home.namespace)
    (shared, for_shared), (own, for_own) = age_key(), age_key()
    workspace.commit(
        {
            "shared/a.yaml": yaml.safe_dump(sealed_secret("shared", for_shared, password="of all")),
            "own/a.yaml": yaml.safe_dump(sealed_secret("own", for_own, password="of one")),
        }
    )
    options = (f"--watch-label-selector={OWN}={mark}", "--sops-age-secret=age")
    with operator.running(account, tmp_path, options):
        workspace.source(ready=False)
        keys(workspace, **agekey(own))
        workspace.kustomization("shared", decryption={"provider": "sops"})
        workspace.kustomization("own", decryption=DECRYPTION)
        workspace.ready("own")
        workspace.failed(
            "shared", "BuildFailed", f"Secret of --sops-age-secret '{home.namespace}/age' not found"
        )
        keys(home, "age", **agekey(shared))
        workspace.ready("shared")
        assert applied(workspace, "shared") == {"password": "of all"}
        workspace.change("shared", {"decryption": DECRYPTION})
        workspace.failed("shared", "BuildFailed", "none of the given age identities")
        assert condition(workspace.get("own"))["status"] == "True"
        workspace.close()
    home.close()
