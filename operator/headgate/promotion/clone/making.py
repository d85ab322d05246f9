"""New trees, commits and tags, written to the objects of a clone. No ref changes, so nothing is left of a failure.

    tree = make_tree(clone, head, {"clusters/production/flux-system.yaml": edited})
    commit = make_commit(clone, tree, [head], "Promote 1.4.0\\n\\nPromoted-By: …\\n", sign=True)
    tag = make_tag(clone, "1.4.0", commit, message)

Names, addresses and signing keys are those of the user's Git configuration.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from headgate.git.command.process import Finished
from headgate.git.errors import RefInvalid
from headgate.git.refs.reference import TAGS, check_ref_name
from headgate.promotion.clone.clone import ABSENT, Clone
from headgate.promotion.clone.command import decoded, last_line
from headgate.promotion.errors import CloneError

__all__ = ["make_commit", "make_tag", "make_tree", "mixed_tree"]

_ARGUMENTS = 200
"""Paths of one command: an even number, because each to take has two arguments."""
_DATES = ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")


def make_tree(clone: Clone, commit: str, edits: Mapping[str, bytes | None]) -> str:
    """Return the id of the tree of ``commit`` with these files replaced, added or, with None, removed.

    A replaced file keeps its mode. Raises :class:`CloneError`, also for a file to remove that does not exist.
    """
    with _index_of(clone, commit) as (git, folder):
        for path, content in edits.items():
            _check_path(path)
            staged = git("ls-files", "--stage", "--", f":(top,literal){path}")
            if content is None:
                if not staged:
                    raise CloneError(f"{path} is not in {commit[:12]}, so it cannot be removed")
                git("update-index", "--force-remove", "--", path)
                continue
            file = folder / "content"
            file.write_bytes(content)
            blob = git("hash-object", "-w", "--no-filters", "--", str(file))
            mode = staged.split(" ", 1)[0] if staged.startswith("100") else "100644"
            git("update-index", "--add", "--replace", "--cacheinfo", f"{mode},{blob},{path}")
        return git("write-tree")


def mixed_tree(clone: Clone, commit: str, other: str, paths: Collection[str]) -> str:
    """Return the id of the tree of ``commit`` with ``paths`` as they are in ``other``: content, mode or absence.

    Raises :class:`CloneError`.
    """
    with _index_of(clone, commit) as (git, _):
        removed, taken = [], []
        for path, (mode, identity) in clone.changed_entries(commit, other).items():
            if path not in paths:
                continue
            if mode == ABSENT:
                removed.append(path)
            else:
                taken += ["--cacheinfo", f"{mode},{identity},{path}"]
        # Removals first: a directory may have become a file.
        for at in range(0, len(removed), _ARGUMENTS):
            git("update-index", "--force-remove", "--", *removed[at : at + _ARGUMENTS])
        for at in range(0, len(taken), _ARGUMENTS):
            git("update-index", "--add", "--replace", *taken[at : at + _ARGUMENTS])
        return git("write-tree")


@contextmanager
def _index_of(clone: Clone, commit: str) -> Iterator[tuple[Callable[..., str], Path]]:
    """A temporary index with the tree of a commit: what runs Git on it, and its folder."""
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        # A bare repository has no work tree, which the removal of a file asks for: an empty folder will do.
        environment = {"GIT_INDEX_FILE": f"{folder}/index", "GIT_WORK_TREE": f"{folder}/empty"}
        Path(folder, "empty").mkdir()

        def git(*arguments: str) -> str:
            finished = clone.git.local(*arguments, environment=environment)
            return _answer(clone, arguments[0], finished)

        git("read-tree", f"{commit}^{{tree}}")
        yield git, Path(folder)


def make_commit(
    clone: Clone,
    tree: str,
    parents: Sequence[str],
    message: str,
    *,
    sign: bool | None = None,
    at: datetime | None = None,
) -> str:
    """Return the id of a new commit with this tree (or the tree of this commit) and these parents.

    ``sign``: with the user's key; None follows the user's ``commit.gpgSign``. ``at``: its time, by default the current
    one. Raises :class:`CloneError`.
    """
    if sign is None:
        wanted = clone.git.as_user("config", "--type=bool", "--get", "commit.gpgSign")
        sign = wanted.output.strip() == b"true"
    tree_id = clone.git.text("rev-parse", "--verify", "--end-of-options", f"{tree}^{{tree}}")
    ancestors = [argument for parent in parents for argument in ("-p", parent)]
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        file = Path(folder, "message")
        file.write_text(message, encoding="utf-8")
        when = {} if at is None else dict.fromkeys(_DATES, f"{int(at.timestamp())} +0000")
        finished = clone.git.as_user(
            "commit-tree",
            *(["-S"] if sign else ["--no-gpg-sign"]),
            *ancestors,
            "-F",
            str(file),
            tree_id,
            environment=when,
        )
    return _answer(clone, "commit-tree", finished)


def make_tag(clone: Clone, name: str, commit: str, message: str, *, sign: bool = True) -> str:
    """Return the id of a new annotated tag object for ``commit``; :func:`push` it to ``refs/tags/<name>``.

    Raises :class:`CloneError`, which says what to configure if the user has no key to sign with.
    """
    try:
        check_ref_name(TAGS + name, name)
    except RefInvalid as error:
        raise CloneError(str(error)) from None
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        # A separate repository for the ref, with the clone's objects and configuration.
        scratch = Path(folder, "scratch.git")
        kind = "sha1" if len(commit) == 40 else "sha256"
        made = clone.git.local(
            "init", "-q", "--bare", "--template=", f"--object-format={kind}", str(scratch), git_dir=scratch
        )
        _answer(clone, "init", made)
        file = Path(folder, "message")
        file.write_text(message, encoding="utf-8")
        finished = clone.git.as_user(
            "tag",
            "-s" if sign else "--no-sign",
            *([] if sign else ["-a"]),
            "--cleanup=whitespace",
            "-F",
            str(file),
            "--end-of-options",
            name,
            commit,
            git_dir=scratch,
            environment={"GIT_OBJECT_DIRECTORY": str(clone.common_dir / "objects")},
            config=_signing(clone),
        )
        if finished.status:
            raise CloneError(
                f"the tag {name} cannot be {'signed' if sign else 'made'}: {last_line(finished.messages)}"
                + (_HOW_TO_SIGN if sign else "")
            )
        shown = clone.git.local("rev-parse", "--verify", f"{TAGS}{name}", git_dir=scratch)
        return _answer(clone, "rev-parse", shown)


_HOW_TO_SIGN = "; set user.signingKey, and gpg.format to ssh for an SSH key"
_SIGNING_KEYS = r"^(user|author|committer|gpg|tag)\."


def _signing(clone: Clone) -> list[tuple[str, str]]:
    """What the clone's own configuration says of names and keys."""
    found = clone.git.as_user("config", "-z", "--get-regexp", _SIGNING_KEYS)
    entries = [entry.partition("\n") for entry in decoded(found.output).split("\0") if entry]
    return [(key, value) for key, _, value in entries]


def _check_path(path: str) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in path:
        raise CloneError(f"'{path}' is not a path of a file in the repository")


def _answer(clone: Clone, what: str, finished: Finished) -> str:
    if finished.status:
        raise clone.git.failed(what, finished)
    return decoded(finished.output).strip()
