"""Commits that are small on the wire and large, deep or costly in use."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.gitserver_repository import Repository


def tree(repository: Repository, entries: Iterable[tuple[str, str, str]]) -> str:
    """Write a tree of (mode, name, id) without any checks."""
    raw = b"".join(
        mode.encode() + b" " + name.encode() + b"\0" + bytes.fromhex(object_id)
        for mode, name, object_id in entries
    )
    (repository.work / ".raw").write_bytes(raw)
    made = repository.git("hash-object", "-t", "tree", "-w", "--literally", ".raw").strip()
    (repository.work / ".raw").unlink()
    return made


def blob(repository: Repository, content: bytes = b"a: 1\n") -> str:
    """Write a blob."""
    (repository.work / ".raw").write_bytes(content)
    made = repository.git("hash-object", "-w", ".raw").strip()
    (repository.work / ".raw").unlink()
    return made


def publish(repository: Repository, root: str, message: str = "bomb") -> str:
    """Make the tree a commit on ``main``."""
    commit = repository.git("commit-tree", root, "-m", message, time=1_700_000_000).strip()
    repository.git("update-ref", "refs/heads/main", commit)
    return commit


def nested(repository: Repository, width: int = 20, depth: int = 5) -> str:
    """``depth`` trees of some hundred bytes, each ``width`` times in the next: ``width ** depth`` files."""
    current = tree(repository, [("100644", f"file-{n:04}.yaml", blob(repository)) for n in range(width)])
    for _ in range(depth - 1):
        current = tree(repository, [("40000", f"directory-{n:04}", current) for n in range(width)])
    return publish(repository, current)


def wide(repository: Repository, files: int) -> str:
    """One directory of so many files."""
    content = blob(repository)
    return publish(repository, tree(repository, [("100644", f"{n:07}", content) for n in range(files)]))


def deep(repository: Repository, depth: int) -> str:
    """One file so deep."""
    current = tree(repository, [("100644", "file.yaml", blob(repository))])
    for _ in range(depth):
        current = tree(repository, [("40000", "d", current)])
    return publish(repository, current)
