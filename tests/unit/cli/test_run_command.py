"""What ``headgate run`` refuses before it does anything."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from headgate.cli import main


@pytest.mark.parametrize(
    "option",
    [
        "--watch-all-namespaces=false",
        "--enable-leader-election",
        "--sops-age-secret=age",
        "--sops-vault-configmap=vaults",
    ],
)
def test_options_that_need_the_namespace_of_the_operator(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_NAMESPACE", raising=False)
    done = CliRunner().invoke(main, ["run", option])
    assert done.exit_code == 2
    name = option if option.startswith("--watch") else option.partition("=")[0]
    assert f"{name} needs the environment variable RUNTIME_NAMESPACE" in done.output
