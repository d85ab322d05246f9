"""Which cluster is used, when several could be."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane import ClusterError, choice, kind


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (choice.KUBECONFIG_VARIABLE, choice.PROVIDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("engine", "wanted"), [("docker", "kind"), ("podman", "kind"), ("", "local")])
def test_kind_where_an_engine_answers_else_local(
    engine: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "engine", lambda: engine)
    assert choice.choose("", None) == (wanted, Path())


def test_a_kubeconfig_argument_wins_over_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.PROVIDER_VARIABLE, "kind")
    monkeypatch.setenv(choice.KUBECONFIG_VARIABLE, "/other")
    assert choice.choose("local", Path("mine")) == ("given", Path("mine"))


def test_the_environment_names_a_kubeconfig_or_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.PROVIDER_VARIABLE, "local")
    assert choice.choose("", None)[0] == "local"
    monkeypatch.setenv(choice.KUBECONFIG_VARIABLE, "/k")
    assert choice.choose("", None) == ("given", Path("/k"))
    assert choice.choose("local", None)[0] == "local", "a provider asked for in the call wins"


def test_the_users_own_kubeconfig_is_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/ada/.kube/production")
    monkeypatch.setattr(kind, "engine", lambda: "")
    assert choice.choose("", None) == ("local", Path())


def test_an_unknown_provider_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(choice.PROVIDER_VARIABLE, "minikube")
    with pytest.raises(ClusterError, match=r"'minikube'.*auto, local, kind"):
        choice.choose("", None)


def test_a_given_cluster_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "kubeconfig"
    with pytest.raises(ClusterError, match="no answer from its cluster"), choice.start(kubeconfig=missing):
        pass
