"""However many silent key services an encrypted file names, a build waits for them for a bounded time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from headgate.documents.tree import MemoryTree
from headgate.postbuild.sops import DataKeySource, MasterKey, ServiceSilent
from headgate.postbuild.sops.vault import VaultTransit
from headgate.reconcile.kustomization.build import outages
from headgate.reconcile.kustomization.build.builds import BuildRules, build_objects
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.decryption import Keys
from headgate.reconcile.kustomization.build.errors import DecryptionFailed

COUNT = 200
SECONDS = 15.0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services that received requests; each request takes 15 seconds of the clock and gets no answer."""
    asked: list[str] = []

    def decrypt(self: DataKeySource, key: MasterKey) -> bytes:
        asked.append(key.name)
        raise ServiceSilent("the server did not answer in time")

    monkeypatch.setattr(VaultTransit, "decrypt", decrypt)
    monkeypatch.setattr(outages, "time", SimpleNamespace(monotonic=lambda: SECONDS * len(asked)))
    return asked


def secret(first: int, last: int) -> str:
    keys = "".join(
        f"\n    - vault_address: https://vault-{n}.test\n      engine_path: sops\n      key_name: k\n"
        f"      created_at: '2026-01-01T00:00:00Z'\n      enc: vault:v1:abc"
        for n in range(first, last)
    )
    return f"""apiVersion: v1
kind: Secret
metadata: {{name: s{first}}}
stringData: {{a: "ENC[AES256_GCM,data:YQ==,iv:YWFhYWFhYWFhYWFh,tag:YWFhYWFhYWFhYWFhYWFhYQ==,type:str]"}}
sops:
  hc_vault:{keys}
  lastmodified: '2026-01-01T00:00:00Z'
  mac: x
  version: 3.9.0
"""


def test_silent_key_services_end_the_build_after_a_while(asked: list[str]) -> None:
    tree = MemoryTree({"apps/secret.yaml": secret(0, COUNT)})
    inputs = ClusterInputs("1", None, Keys("1", "team/keys", {"sops.vault-token": b"t"}))
    with pytest.raises(DecryptionFailed, match=r"took 120s.*vault-8.test") as caught:
        build_objects(tree, {"path": "apps"}, inputs, BuildRules())
    assert len(asked) == outages.MOST_TIME / SECONDS
    assert caught.value.file or caught.value.object
