"""References in docstrings lead to modules and names that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3] / "operator"
MODULES = sorted((ROOT / "headgate").rglob("*.py"))

_REFERENCE = re.compile(r":(?:mod|class|func|meth|data|attr|exc):`~?(\.?)([\w.]+)`")


def source(name: str, root: Path) -> Path | None:
    """The file of a module or package by its dotted name."""
    path = root / name.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def package_of(file: Path, root: Path) -> str:
    """What a reference that begins with a dot is relative to."""
    return ".".join(file.relative_to(root).parent.parts)


def leads_somewhere(reference: str, root: Path) -> bool:
    """Whether a dotted name is a module, or its last parts are names in one."""
    parts = reference.split(".")
    for end in range(len(parts), 0, -1):
        file = source(".".join(parts[:end]), root)
        if file is not None:
            # What a package exports is defined elsewhere, and its methods are too.
            names = parts[end : end + 1] if file.name == "__init__.py" else parts[end:]
            text = file.read_text()
            return all(re.search(rf"\b{name}\b", text) for name in names)
    return False


def dead(file: Path, root: Path) -> Iterator[str]:
    """References of a file to modules of ours, or to names in them, that do not exist."""
    for dot, name in _REFERENCE.findall(file.read_text()):
        reference = f"{package_of(file, root)}.{name}" if dot else name
        if reference.startswith("headgate.") and not leads_somewhere(reference, root):
            yield reference


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_references_lead_somewhere(file: Path) -> None:
    assert list(dead(file, ROOT)) == []


def test_what_is_dead(tmp_path: Path) -> None:
    (tmp_path / "headgate").mkdir()
    (tmp_path / "headgate" / "known.py").write_text("class Known: ...")
    page = tmp_path / "headgate" / "page.py"
    good = ":mod:`.known` :class:`headgate.known.Known` :func:`known` :class:`~headgate.known.Known`"
    page.write_text(f"{good} :mod:`.gone` :class:`headgate.known.Gone` :mod:`headgate.gone.away`")
    assert list(dead(page, tmp_path)) == ["headgate.gone", "headgate.known.Gone", "headgate.gone.away"]
