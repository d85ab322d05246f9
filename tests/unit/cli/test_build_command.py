"""``headgate build``: flags, where the output goes, exit status, messages, remote bases."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headgate.cli import main
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.sshserver import SshServer, generate_key

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_yaml", ".yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["build", *map(str, arguments)])


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    return write(
        tmp_path / "overlay",
        kustomization_yaml="namePrefix: x-\nresources: [map.yaml, ns.yaml]\n",
        map_yaml=CONFIG_MAP.format(name="a"),
        ns_yaml=NAMESPACE,
    )


def test_prints_sorted_as_kustomize_does(overlay: Path) -> None:
    done = run(overlay)
    assert (done.exit_code, done.stdout) == (0, f"{NAMESPACE}---\n{CONFIG_MAP.format(name='x-a')}")


def test_reorder_none_keeps_the_order(overlay: Path) -> None:
    done = run(overlay, "--reorder", "none")
    assert done.stdout == f"{CONFIG_MAP.format(name='x-a')}---\n{NAMESPACE}"


def test_the_working_directory_is_the_default(overlay: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(overlay)
    assert run().stdout == run(".").stdout == run(overlay).stdout != ""


def test_output_to_a_file(overlay: Path, tmp_path: Path) -> None:
    done = run(overlay, "-o", tmp_path / "all.yaml")
    assert (done.exit_code, done.stdout) == (0, "")
    assert (tmp_path / "all.yaml").read_text() == run(overlay).stdout


def test_output_to_a_directory_is_a_file_for_each_object(overlay: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert run(overlay, "--output", tmp_path / "out").exit_code == 0
    assert {file.name: file.read_text() for file in (tmp_path / "out").iterdir()} == {
        "v1_configmap_x-a.yaml": CONFIG_MAP.format(name="x-a"),
        "v1_namespace_shop.yaml": NAMESPACE,
    }


def test_files_are_named_by_namespace_when_there_are_several(tmp_path: Path) -> None:
    maps = "---\n".join(f"{CONFIG_MAP.format(name='a')}  namespace: {name}\n" for name in ("one", "two"))
    write(tmp_path, kustomization_yaml="resources: [maps.yaml]\n", maps_yaml=maps)
    (tmp_path / "out").mkdir()
    run(tmp_path, "-o", tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "one_v1_configmap_a.yaml",
        "two_v1_configmap_a.yaml",
    }


def test_output_that_cannot_be_written(overlay: Path, tmp_path: Path) -> None:
    done = run(overlay, "-o", tmp_path / "no" / "such" / "folder")
    assert done.exit_code == 1
    assert "No such file or directory" in done.stderr


def test_files_outside_the_directory(tmp_path: Path) -> None:
    write(
        tmp_path,
        overlay__kustomization_yaml="resources: [../map.yaml]\n",
        map_yaml=CONFIG_MAP.format(name="a"),
    )
    refused = run(tmp_path / "overlay")
    assert refused.exit_code == 1
    assert "the load restriction forbids this" in refused.stderr
    allowed = run(tmp_path / "overlay", "--load-restrictor", "LoadRestrictionsNone")
    assert allowed.stdout == CONFIG_MAP.format(name="a")


def test_messages_name_files_as_the_user_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path, app__kustomization_yaml="resources: [bad.yaml]\n", app__bad_yaml="kind: ConfigMap\na: [\n"
    )
    monkeypatch.chdir(tmp_path)
    done = run("app")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: app/bad.yaml:3: ")


def test_what_changes_nothing_is_said_on_stderr(overlay: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = overlay / "kustomization.yaml"
    file.write_text(file.read_text() + "images: [{name: nobody, newTag: a}]\n")
    monkeypatch.chdir(overlay.parent)
    result = run(overlay.name)
    assert result.exit_code == 0
    assert result.stderr == (
        f"Warning: {overlay.name}/kustomization.yaml, field images[0]: no object has an image with the name "
        "'nobody'; nothing is changed\n"
    )
    assert "Warning" not in result.stdout


def test_a_circle_is_reported_as_the_user_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a__kustomization_yaml="resources: [../b]\n", b__kustomization_yaml="resources: [../a]\n")
    monkeypatch.chdir(tmp_path)
    assert run("a").stderr == (
        "Error: b/kustomization.yaml, field resources[0]: the kustomization files form a cycle: a -> b -> a\n"
    )


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path / "none")
    assert (done.exit_code, done.stderr) == (1, f"Error: {tmp_path}/none: no such directory\n")


@pytest.mark.parametrize(
    "flags",
    [
        ["--enable-helm"],
        ["--helm-command", "helm"],
        ["--enable-alpha-plugins"],
        ["--enable-exec"],
        ["--network"],
        ["--mount", "a"],
        ["-e", "A=b"],
        ["--as-current-user"],
    ],
)
def test_flags_that_would_run_programs_are_refused(overlay: Path, flags: Sequence[str]) -> None:
    done = run(overlay, *flags)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "not supported" in done.stderr


def test_a_flag_nobody_knows(overlay: Path) -> None:
    assert run(overlay, "--no-such-flag").exit_code == 2


def test_only_what_a_build_needs_is_imported(overlay: Path) -> None:
    code = (
        "import sys\nfrom headgate.cli import main\nmain(['build', sys.argv[1]], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('kopf', 'kubernetes', 'aiohttp', 'urllib3', 'git', 'jsonpatch', 're2', 'cryptography')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(overlay)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


# Remote bases


@pytest.fixture
def served(tmp_path: Path) -> Path:
    (tmp_path / "served").mkdir()
    return tmp_path / "served"


@pytest.fixture
def repository(served: Path) -> Repository:
    made = Repository(served)
    made.commit(
        {"base/kustomization.yaml": "resources: [map.yaml]\n", "base/map.yaml": CONFIG_MAP.format(name="far")}
    )
    return made


def test_remote_bases_are_fetched_unless_forbidden(
    served: Path, repository: Repository, tmp_path: Path
) -> None:
    with GitHttpServer(served) as server:
        base = f"{server.url()}//base?ref=main"
        write(tmp_path / "overlay", kustomization_yaml=f"namePrefix: x-\nresources: ['{base}']\n")
        assert run(tmp_path / "overlay").stdout == CONFIG_MAP.format(name="x-far")
        asked = server.count()
        refused = run(tmp_path / "overlay", "--no-remote-bases")
        assert refused.exit_code == 1
        assert "is refused: remote bases are not allowed here" in refused.stderr
        assert server.count() == asked


def test_the_directory_may_be_a_url(served: Path, repository: Repository) -> None:
    with GitHttpServer(served) as server:
        assert run(f"{server.url()}//base").stdout == CONFIG_MAP.format(name="far")
        missing = run(f"{server.url()}//none")
        assert (missing.exit_code, missing.stderr) == (1, "Error: none: no such directory\n")
        assert run(f"{server.url()}//base", "--no-remote-bases").exit_code == 1


def test_nothing_is_left_behind(
    served: Path, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with GitHttpServer(served) as server:
        assert run(f"{server.url()}//base").exit_code == 0
        assert run(f"{server.url()}//none").exit_code == 1
    assert list(scratch.iterdir()) == []


def test_over_ssh_the_users_own_configuration_counts(
    served: Path, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SshServer(served) as server:
        key = generate_key()
        server.authorize(key)
        (tmp_path / "identity").write_bytes(server.secret(key)["identity"])
        (tmp_path / "identity").chmod(0o600)
        (tmp_path / "known_hosts").write_text(server.known_hosts)
        (tmp_path / "config").write_text(
            f"Host *\n  IdentityFile {tmp_path}/identity\n  UserKnownHostsFile {tmp_path}/known_hosts\n"
        )
        # ssh finds a user's configuration by his account, so that of the test is named by a program called ssh.
        programs = tmp_path / "bin"
        programs.mkdir()
        (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {tmp_path}/config "$@"\n')
        (programs / "ssh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        done = run(f"{server.url()}//base?ref=main")
        assert (done.stderr, done.stdout) == ("", CONFIG_MAP.format(name="far"))
