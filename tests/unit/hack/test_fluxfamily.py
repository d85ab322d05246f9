"""The programs of Flux that are built for tests: what is pinned, and what happens if a module is not what is pinned."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from controlplane import gobuild
from controlplane.errors import BuildFailed
from controlplane.progress import Progress
from fluxfamily import building, ensure
from fluxfamily.building import PINS, Pin, Replacement, pins

QUIET = Progress(sys.stderr, quiet=True)


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``go`` that answers with the file ``answer`` next to it, and notes its arguments in ``calls``."""
    script = tmp_path / "go"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        f'case "$1 $2" in "mod download") cat {tmp_path}/answer;; esac\n'
        'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo built > "$2" && chmod +x "$2"; shift; done; exit 0\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(gobuild, "toolchain", lambda *_: script)
    return tmp_path


def _module(folder: Path) -> Path:
    """A folder as Go's cache has it: nobody may write into it."""
    source = folder / "module"
    definitions = source / "config" / "crd" / "bases"
    definitions.mkdir(parents=True)
    for file in (source / "go.mod", source / "go.sum", definitions / "alerts.yaml"):
        file.write_text("")
        file.chmod(0o444)
    for each in (definitions, source):
        each.chmod(0o555)
    return source


def test_every_module_is_pinned_by_version_and_checksum() -> None:
    assert len(pins()) >= 5
    for name, pin in pins().items():
        modules: list[Pin | Replacement] = [pin, *pin.replace]
        for module in modules:
            assert module.module.startswith("github.com/fluxcd/"), name
            assert module.version.startswith("v"), name
            assert module.sum.startswith("h1:"), name
    assert "://" not in PINS.read_text()


def test_a_program_is_built_once(go: Path) -> None:
    pin = pins()["notification-controller"]
    (go / "answer").write_text(json.dumps({"Sum": pin.sum, "Dir": str(_module(go))}))
    built = ensure(pin.name, QUIET)
    assert built.program.read_text() == "built\n"
    assert [each.name for each in built.definitions] == ["alerts.yaml"]
    assert built.version == pin.version
    source = built.program.parent / "source"
    for each in pin.replace:
        assert f"{each.module} {each.version} {each.sum}\n" in (source / "go.sum").read_text()
    calls = (go / "calls").read_text()
    for each in pin.replace:
        assert f"-replace={each.module}={each.module}@{each.version}" in calls
    assert ensure(pin.name, QUIET) == built
    assert (go / "calls").read_text() == calls


def test_a_placeholder_stands_for_what_the_archive_lacks(go: Path) -> None:
    pin = pins()["flux"]
    module = _module(go)
    module.chmod(0o755)
    (module / "cmd" / "flux").mkdir(parents=True)
    (go / "answer").write_text(json.dumps({"Sum": pin.sum, "Dir": str(module)}))
    built = ensure("flux", QUIET)
    assert (built.program.parent / "source" / pin.placeholder).read_text().startswith("#")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"Error": "403 Forbidden"}, "cannot be downloaded: 403 Forbidden"),
        ({"Sum": "h1:another", "Dir": "/nonexistent"}, "has the checksum h1:another"),
    ],
)
def test_a_module_that_is_not_what_is_pinned_is_not_built(
    go: Path, answer: dict[str, str], says: str
) -> None:
    (go / "answer").write_text(json.dumps(answer))
    with pytest.raises(BuildFailed, match=says):
        ensure("helm-controller", QUIET)
    assert "build" not in (go / "calls").read_text().split()


def test_all_pins_have_the_fields_of_a_program(tmp_path: Path) -> None:
    file = tmp_path / "pins.toml"
    file.write_text('[a]\nmodule = "m"\nversion = "v1"\nsum = "h1:x"\nanother = "field"\n')
    with pytest.raises(TypeError, match="another"):
        building.pins(file)
