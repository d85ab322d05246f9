"""What SOPS encrypted in a repository, on the cluster: plain, refused by name, or left alone; and when keys change."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import operator
from tests.support.area import OWN, Area, area_name
from tests.support.cluster import KUSTOMIZATION, Api, condition, until
from tests.support.gitserver import GitHttpServer
from tests.support.manifests import config_map, kustomization
from tests.support.sops import KEYS, age_key, encrypted_files, sealed_file, sealed_secret

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
DECRYPTION = {"provider": "sops", "secretRef": {"name": "keys"}}
WATCHED = {"reconcile.fluxcd.io/watch": "Enabled"}


def keys(area: Area, name: str = "keys", **entries: str) -> None:
    """A decryption Secret whose changes are acted on at once."""
    meta = {"name": name, "namespace": area.namespace, "labels": WATCHED}
    area.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": entries})


def agekey(private: str) -> dict[str, str]:
    return {"a.agekey": private}


def applied(area: Area, name: str) -> dict[str, str]:
    """The data of a Secret that is there."""
    data = area.api.present("v1", "Secret", name, area.namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def told(area: Area, name: str = "apps") -> str:
    """All that is said of a Kustomization."""
    return f"{area.get(name)['status']} {area.told(name)}"


def test_all_formats_and_keys(area: Area) -> None:
    keys(area, **KEYS_THAT_WORK)
    area.commit(encrypted_files())
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    area.ready("apps")
    for kind in ("age", "hybrid", "curve", "rsa", "groups"):
        assert applied(area, f"by-{kind}") == {"password": f"plain-of-by-{kind}"}
    assert applied(area, "from-env") == {"USER": "plain-of-env-user", "PASSWORD": "plain-of-env-password"}
    files = applied(area, "from-files")
    assert set(files) == {"config.json", "settings.ini", "config.yaml", "token"}
    assert all("plain-of-" in text for text in files.values())
    assert "plain-of-dockerconfig" in applied(area, "pull")[".dockerconfigjson"]
    assert applied(area, "from-component") == {"PART": "plain-of-component"}
    assert applied(area, "patched") == {"kept": "here", "added": "plain-of-patch"}
    assert applied(area, "with-entries") == {
        "config.yaml": "inner: plain-of-entry\n",
        "token": "plain-of-binary-entry\n",
        "plain": "hello",
    }
    settings = area.config_map("settings")
    assert settings is not None
    assert settings["data"] == {"token": "plain-of-settings", "plain_unencrypted": "seen"}
    assert "plain-of-" not in told(area)


KEYS_THAT_WORK = {name: KEYS[name] for name in ("alpha.agekey", "hybrid.agekey", "curve.asc", "rsa.asc")}


def test_a_wrong_key_is_told_with_file_and_recipient_until_it_is_the_right_one(area: Area) -> None:
    private, wrap = age_key()
    keys(area, **agekey(age_key()[0]))
    area.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="correct"))})
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    said = area.failed("apps", "BuildFailed", r"^decryption failed: apps/a\.yaml, Secret/\S+/a: ")
    assert "age recipient age1" in said["message"]
    assert "none of the given age identities is its recipient's" in said["message"]
    area.event("apps", r"apps/a\.yaml", type="Warning", reason="BuildFailed")
    assert area.object("v1", "Secret", "a") is None
    keys(area, **agekey(private))
    area.ready("apps")
    assert applied(area, "a") == {"password": "correct"}


def test_a_missing_secret_takes_effect_when_it_comes(area: Area) -> None:
    private, wrap = age_key()
    area.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="correct"))})
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    area.failed(
        "apps", "BuildFailed", f"^decryption failed: decryption Secret '{area.namespace}/keys' not found"
    )
    keys(area, **agekey(private))
    area.ready("apps")
    assert applied(area, "a") == {"password": "correct"}


def test_an_entry_that_is_no_key_is_named(area: Area) -> None:
    _, wrap = age_key()
    keys(area, **{"a.agekey": "AGE-SECRET-KEY-1VERYPRIVATE", "b.asc": KEYS["curve.asc"]})
    area.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="x"))})
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    area.failed(
        "apps", "BuildFailed", rf"decryption failed: Secret/{area.namespace}/keys: entry 'a\.agekey'.* line 1"
    )
    assert "VERYPRIVATE" not in told(area)


def test_a_key_that_changes_is_used_and_one_that_stays_costs_nothing(area: Area) -> None:
    """The same text encrypted anew for another key: nothing is written; without the key, it is told."""
    private, wrap = age_key()
    keys(area, **agekey(private))
    area.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="same"))})
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    area.ready("apps")
    before = area.api.present("v1", "Secret", "a", area.namespace)["metadata"]["resourceVersion"]
    area.ready("apps", area.commit({"README.md": "not built"}))
    private, wrap = age_key()
    keys(area, **agekey(private))
    area.failed("apps", "BuildFailed", r"apps/a\.yaml")
    revision = area.commit({"apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="same"))})
    area.ready("apps", revision)
    assert area.api.present("v1", "Secret", "a", area.namespace)["metadata"]["resourceVersion"] == before


def test_a_tampered_file_is_refused(area: Area) -> None:
    keys(area, **KEYS_THAT_WORK)
    files = encrypted_files()
    lines = files["apps/generated/app.env"].splitlines()
    files["apps/generated/app.env"] = "\n".join(line for line in lines if not line.startswith("USER=")) + "\n"
    area.commit(files)
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    area.failed("apps", "BuildFailed", r"^decryption failed: apps/generated/app\.env: the MAC does not match")
    assert area.object("v1", "Secret", "from-env") is None
    area.ready("apps", area.commit(encrypted_files()))


def test_an_encrypted_secret_needs_decryption(area: Area) -> None:
    private, wrap = age_key()
    keys(area, **agekey(private))
    area.commit(
        {
            "apps/a.yaml": yaml.safe_dump(sealed_secret("a", wrap, password="x")),
            "apps/b.yaml": config_map("b"),
        }
    )
    area.source()
    area.kustomization("apps")
    area.failed(
        "apps",
        "ReconciliationFailed",
        f"Secret/{area.namespace}/a is SOPS encrypted, configuring decryption is required for this secret to be "
        "reconciled",
    )
    assert area.config_map("b") is None
    area.change("apps", {"decryption": DECRYPTION})
    area.ready("apps")
    assert applied(area, "a") == {"password": "x"}


def test_what_others_decrypt_is_applied_as_it_is(area: Area) -> None:
    _, wrap = age_key()
    secret = sealed_secret("a", wrap, password="x")
    secret["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/decrypt": "disabled"}
    keys(area, **agekey(age_key()[0]))
    area.commit({"apps/a.yaml": yaml.safe_dump(secret)})
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    area.ready("apps")
    assert applied(area, "a")["password"].startswith("ENC[AES256_GCM,")


def test_a_refused_object_is_quoted_without_what_was_decrypted(area: Area) -> None:
    """The API server names the value that it does not like."""
    private, wrap = age_key()
    keys(area, **agekey(private))
    patch = sealed_file(
        yaml.safe_dump(
            [{"op": "add", "path": "/metadata/labels", "value": {"a": "not/a/confidential/label"}}]
        ),
        wrap,
    )
    area.commit(
        {
            "apps/kustomization.yaml": kustomization(
                "c.yaml", patches=[{"path": "patch", "target": {"kind": "ConfigMap"}}]
            ),
            "apps/c.yaml": config_map("c"),
            "apps/patch": patch,
        }
    )
    area.source()
    area.kustomization("apps", decryption=DECRYPTION)
    area.failed("apps", "ReconciliationFailed", r"metadata\.labels: Invalid value")
    area.event("apps", r"metadata\.labels", type="Warning")
    assert "confidential" not in told(area)


def test_a_restart_decrypts_again_and_writes_nothing(
    request: pytest.FixtureRequest, api: Api, git_server: GitHttpServer, account: Path, tmp_path: Path
) -> None:
    mark = "decryption-restart"
    area = Area(api, git_server, area_name(request), {OWN: mark})
    keys(area, **KEYS_THAT_WORK)
    area.commit(encrypted_files())
    # No timer helps: what is waited for has to wake whoever waits.
    options = (f"--watch-label-selector={OWN}={mark}", "--requeue-dependency=10m")
    with operator.running(account, tmp_path, options) as running:
        area.source(ready=False)
        area.kustomization("apps", decryption=DECRYPTION)
        area.ready("apps")
        before = versions(area)
        running.kill()
    with operator.running(account, tmp_path, options):
        stamp = area.poke(KUSTOMIZATION, "apps")
        until("it was looked at", lambda: area.get("apps")["status"].get("lastHandledReconcileAt") == stamp)
        area.ready("apps")
        assert versions(area) == before
        area.close()


def versions(area: Area) -> dict[str, str]:
    return {
        f"{kind}/{obj['metadata']['name']}": obj["metadata"]["resourceVersion"]
        for kind in ("Secret", "ConfigMap")
        for obj in area.api.list("v1", kind, area.namespace)
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
    home = Area(api, git_server, "operator", {OWN: mark})
    area = Area(api, git_server, area_name(request), {OWN: mark})
    monkeypatch.setenv("RUNTIME_NAMESPACE", home.namespace)
    (shared, for_shared), (own, for_own) = age_key(), age_key()
    area.commit(
        {
            "shared/a.yaml": yaml.safe_dump(sealed_secret("shared", for_shared, password="of all")),
            "own/a.yaml": yaml.safe_dump(sealed_secret("own", for_own, password="of one")),
        }
    )
    options = (f"--watch-label-selector={OWN}={mark}", "--sops-age-secret=age")
    with operator.running(account, tmp_path, options):
        area.source(ready=False)
        keys(area, **agekey(own))
        area.kustomization("shared", decryption={"provider": "sops"})
        area.kustomization("own", decryption=DECRYPTION)
        area.ready("own")
        area.failed("shared", "BuildFailed", f"Secret of --sops-age-secret '{home.namespace}/age' not found")
        keys(home, "age", **agekey(shared))
        area.ready("shared")
        assert applied(area, "shared") == {"password": "of all"}
        area.change("shared", {"decryption": DECRYPTION})
        area.failed("shared", "BuildFailed", "none of the given age identities")
        assert condition(area.get("own"))["status"] == "True"
        area.close()
    home.close()
