"""The version: what form it has, and the files that hold it.

A version is ``X.Y.Z``, or ``X.Y.ZrcN`` before it: PEP 440, which PyPI requires, and a valid tag of a container image.
The tag in Git is the version after a ``v``.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from release import changelog
from release.errors import ReleaseError

PLACES = {
    "pyproject.toml": r'^version = "(.+)"$',
    "operator/headgate/__init__.py": r'^__version__ = "(.+)"$',
    "deploy/base/kustomization.yaml": r"^ +newTag: (.+)$",
    "deploy/README.md": r"(?:headgate:|newTag: )(\d[\w.]*)",
    "examples/ci/github/.github/workflows/headgate.yml": r"^ +HEADGATE_VERSION: (.+)$",
    "examples/ci/gitlab/headgate.gitlab-ci.yml": r"^ +HEADGATE_VERSION: (.+)$",
    "examples/ci/gitea/.gitea/workflows/headgate.yml": r"^ +HEADGATE_VERSION: (.+)$",
}
"""The files that hold the version, and a pattern whose group is each place in them."""

CHANGELOG = "CHANGELOG.md"

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(rc[1-9]\d*)?")


def current(root: Path) -> str:
    """Return the version that pyproject.toml gives. Raises :class:`ReleaseError`."""
    (version,) = _found(root, "pyproject.toml")
    return version


def problems(root: Path, tag: str) -> list[str]:
    """Return what keeps the checkout from being released under a tag, one line each."""
    version = tag.removeprefix("v")
    if not tag.startswith("v") or _VERSION.fullmatch(version) is None:
        return [f"{tag}: a tag is v1.2.3 or v1.2.3rc1"]
    wrong = []
    for file in PLACES:
        try:
            others = sorted({each for each in _found(root, file) if each != version})
        except ReleaseError as error:
            wrong.append(str(error))
        else:
            wrong += [f"{file}: says {other}, the tag {version}" for other in others]
    text = (root / CHANGELOG).read_text(encoding="utf-8")
    try:
        if not changelog.section(text, version):
            wrong.append(f"{CHANGELOG}: the section for {version} is empty")
        if changelog.section(text, changelog.UNRELEASED):
            wrong.append(f"{CHANGELOG}: {changelog.UNRELEASED} lists changes that belong to {version}")
    except ReleaseError as error:
        wrong.append(str(error))
    return wrong


def prepare(root: Path, version: str, day: date) -> None:
    """Write the version to every place, and cut the changelog.

    Raises :class:`ReleaseError`, before it writes anything, for a version of another form or one that is released.
    """
    if _VERSION.fullmatch(version) is None:
        raise ReleaseError(f"{version}: a version is 1.2.3 or 1.2.3rc1")
    log = root / CHANGELOG
    written = {log: changelog.cut(log.read_text(encoding="utf-8"), version, day)}
    for file, pattern in PLACES.items():
        _found(root, file)
        text = (root / file).read_text(encoding="utf-8")
        written[root / file] = re.sub(pattern, lambda at: _with(at, version), text, flags=re.MULTILINE)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")


def _found(root: Path, file: str) -> list[str]:
    """Return each version that a file of :data:`PLACES` holds, at least one."""
    found: list[str] = re.findall(PLACES[file], (root / file).read_text(encoding="utf-8"), re.MULTILINE)
    if not found:
        raise ReleaseError(f"{file}: no version found by {PLACES[file]}")
    return found


def _with(at: re.Match[str], version: str) -> str:
    begin = at.start(1) - at.start()
    return at[0][:begin] + version + at[0][begin + len(at[1]) :]
