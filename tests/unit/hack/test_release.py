"""A release has one version in every file, a dated section of the changelog, and manifests with the image in them."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate import __version__
from headgate.kustomize import FolderTree, build
from release import __main__ as command
from release import changelog, manifests, version
from release.errors import ReleaseError

ROOT = Path(__file__).resolve().parents[3]
DAY = date(2026, 12, 1)
DIGEST = "sha256:" + "0123456789abcdef" * 4

LOG = """# Changelog
All notable changes.

## Unreleased
### Added
- A thing.

## 0.2.0 - 2026-11-01
### Fixed
- Another thing (see ## 9.9.9).

## 0.1.0
- The first.
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that hold the version, copied, and a changelog."""
    for file in version.PLACES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / version.CHANGELOG).write_text(LOG)
    return tmp_path


def contents(root: Path) -> dict[str, str]:
    return {file: (root / file).read_text() for file in (*version.PLACES, version.CHANGELOG)}


def test_a_section_is_what_stands_below_its_heading() -> None:
    assert changelog.section(LOG, "Unreleased") == "### Added\n- A thing."
    assert changelog.section(LOG, "0.2.0") == "### Fixed\n- Another thing (see ## 9.9.9)."


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("0.3.0", "no section for 0.3.0"),
        ("0.1.0", "has no date"),
        ("9.9.9", "no section"),
        ("0.2", "no section"),
    ],
)
def test_a_section_that_is_not_there_or_has_no_date(wanted: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape(said)):
        changelog.section(LOG, wanted)


def test_cutting_moves_what_is_unreleased_below_the_version_and_keeps_the_rest() -> None:
    cut = changelog.cut(LOG, "0.3.0", DAY)
    assert changelog.section(cut, "Unreleased") == ""
    assert changelog.section(cut, "0.3.0") == changelog.section(LOG, "Unreleased")
    assert cut.replace("\n## 0.3.0 - 2026-12-01\n", "", 1) == LOG


@pytest.mark.parametrize("released", ["0.2.0", "0.1.0"])
def test_a_version_is_cut_once(released: str) -> None:
    with pytest.raises(ReleaseError, match="already"):
        changelog.cut(LOG, released, DAY)


def test_nothing_unreleased_is_not_cut() -> None:
    with pytest.raises(ReleaseError, match="Unreleased"):
        changelog.cut(changelog.cut(LOG, "0.3.0", DAY), "0.4.0", DAY)


def test_every_file_of_the_project_says_the_same_version() -> None:
    wrong = version.problems(ROOT, f"v{__version__}")
    assert [each for each in wrong if not each.startswith(version.CHANGELOG)] == []
    assert version.current(ROOT) == __version__


def test_the_changelog_of_the_project_can_be_cut() -> None:
    text = (ROOT / version.CHANGELOG).read_text()
    assert changelog.section(changelog.cut(text, "99.0.0", DAY), "99.0.0")


@pytest.mark.parametrize("new", ["0.3.0", "0.3.0rc1", "1.0.0"])
def test_a_prepared_version_passes_the_check_and_changes_nothing_else(checkout: Path, new: str) -> None:
    before = contents(checkout)
    version.prepare(checkout, new, DAY)
    assert version.problems(checkout, f"v{new}") == []
    assert version.current(checkout) == new
    after = contents(checkout)
    for file in version.PLACES:
        assert after[file] != before[file]
        assert after[file].replace(new, __version__) == before[file]


@pytest.mark.parametrize("bad", ["v0.3.0", "0.3", "0.3.0-rc.1", "0.3.0rc0", "00.3.0", "0.3.0\n", "", "0.2.0"])
def test_a_version_that_is_refused_leaves_every_file_as_it_was(checkout: Path, bad: str) -> None:
    before = contents(checkout)
    with pytest.raises(ReleaseError):
        version.prepare(checkout, bad, DAY)
    assert contents(checkout) == before


@pytest.mark.parametrize("tag", ["0.3.0", "v0.3", "v0.3.0-rc.1", "v0.3.0 ", "main"])
def test_a_tag_of_another_form_is_refused(checkout: Path, tag: str) -> None:
    assert version.problems(checkout, tag) == [f"{tag}: a tag is v1.2.3 or v1.2.3rc1"]


@pytest.mark.parametrize("file", version.PLACES)
def test_a_file_with_another_version_is_named(checkout: Path, file: str) -> None:
    version.prepare(checkout, "0.3.0", DAY)
    text = (checkout / file).read_text()
    (checkout / file).write_text(text.replace("0.3.0", "0.2.9", 1))
    assert version.problems(checkout, "v0.3.0") == [f"{file}: says 0.2.9, the tag 0.3.0"]
    (checkout / file).write_text("")
    (only,) = version.problems(checkout, "v0.3.0")
    assert only.startswith(f"{file}: no version found")


def test_a_changelog_that_is_not_ready_is_said(checkout: Path) -> None:
    version.prepare(checkout, "0.3.0", DAY)
    log = checkout / version.CHANGELOG
    ready = log.read_text()
    log.write_text(ready.replace("## Unreleased\n", "## Unreleased\n- Late.\n"))
    assert version.problems(checkout, "v0.3.0") == [
        "CHANGELOG.md: Unreleased lists changes that belong to 0.3.0"
    ]
    log.write_text(ready.replace("### Added\n- A thing.\n", ""))
    assert version.problems(checkout, "v0.3.0") == ["CHANGELOG.md: the section for 0.3.0 is empty"]
    log.write_text(LOG)
    assert version.problems(checkout, "v0.3.0") == ["CHANGELOG.md: no section for 0.3.0"]


def test_commands_print_what_is_wrong_and_fail(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "ROOT", checkout)
    assert command.main(["check", "v0.3.0"]) == 1
    assert "no section for 0.3.0" in capsys.readouterr().err
    assert command.main(["prepare", "0.3"]) == 1
    assert capsys.readouterr().err == "error: 0.3: a version is 1.2.3 or 1.2.3rc1\n"
    assert command.main(["prepare", "0.3.0"]) == 0
    assert command.main(["check", "v0.3.0"]) == 0
    assert command.main(["notes"]) == 0
    assert capsys.readouterr().out == "### Added\n- A thing.\n"


@pytest.mark.parametrize(("digest", "wanted"), [("", ":1.2.3"), (DIGEST, f":1.2.3@{DIGEST}")])
def test_manifests_are_what_deploy_builds_with_the_image_in_it(
    tmp_path: Path, digest: str, wanted: str
) -> None:
    written = manifests.render(ROOT, tmp_path, "registry.example/headgate", "1.2.3", digest)
    assert {path.name: path.parent for path in written} == dict.fromkeys(manifests.INSTALLS, tmp_path)
    for name, folder in manifests.INSTALLS.items():
        objects = list(yaml.safe_load_all((tmp_path / name).read_text()))
        plain = build(FolderTree(ROOT), folder)
        for images in map(images_of, objects):
            assert set(images) <= {f"registry.example/headgate{wanted}"}
        assert sum(len(images_of(each)) for each in objects) == (0 if folder == "crds" else 1)
        for each in (*objects, *plain):
            for container in containers(each):
                del container["image"]
        assert sorted(map(canonical, objects)) == sorted(map(canonical, plain))


@pytest.mark.parametrize("bad", ["sha256:abc", DIGEST.upper(), "0123"])
def test_a_digest_that_is_not_one_writes_nothing(tmp_path: Path, bad: str) -> None:
    with pytest.raises(ReleaseError, match="digest"):
        manifests.render(ROOT, tmp_path / "out", "headgate", "1.2.3", bad)
    assert not (tmp_path / "out").exists()


def containers(obj: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if obj["kind"] == "Deployment":
        found = obj["spec"]["template"]["spec"]["containers"]
    return found


def images_of(obj: dict[str, Any]) -> list[str]:
    return [each["image"] for each in containers(obj)]


def canonical(obj: dict[str, Any]) -> str:
    return json.dumps(obj, sort_keys=True)
