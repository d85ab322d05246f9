"""``headgate run``: options that cannot work are refused before anything starts."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from headgate.cli import main

NEED_NAMESPACE = (
    "--watch-all-namespaces=false",
    "--enable-leader-election",
    "--sops-age-secret=keys",
    "--sops-vault-configmap=vaults",
)


@pytest.mark.parametrize("option", NEED_NAMESPACE)
def test_what_is_in_the_operator_s_namespace_needs_to_know_it(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_NAMESPACE", raising=False)
    result = CliRunner().invoke(main, ["run", option])
    assert result.exit_code == 2
    name = option if option.endswith("=false") else option.partition("=")[0]
    assert f"{name} needs the environment variable RUNTIME_NAMESPACE" in result.stderr


def test_the_help_loads_nothing_that_only_the_operator_needs() -> None:
    code = (
        "import sys\nfrom headgate.cli import main\nmain(['run', '--help'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('kopf', 'kubernetes', 'aiohttp', 'urllib3', 'git', 'orjson', 'cryptography', 'asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
