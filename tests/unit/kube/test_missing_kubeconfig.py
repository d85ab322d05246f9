"""A kubeconfig that is missing: the message is for whoever typed a command, since pods have their own access."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headgate.kube import AccessFailed, Client


@pytest.mark.parametrize("way", ["option", "variable", "home"])
async def test_a_missing_kubeconfig_says_where_and_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = str(tmp_path / ".kube" / "config")
    if way != "home":
        path = os.pathsep.join((str(tmp_path / "one"), str(tmp_path / "two")))
    if way == "variable":
        monkeypatch.setenv("KUBECONFIG", path)
    with pytest.raises(AccessFailed) as failed:
        await Client.connect(path if way == "option" else None)
    assert str(failed.value) == f"there is no kubeconfig at {path}; name one with --kubeconfig or KUBECONFIG"
