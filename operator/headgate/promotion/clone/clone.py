"""The user's clone: found in a folder, and read without a checkout, a network or a configuration of the user.

Branches are those of the remote, as the clone last fetched them (``refs/remotes/origin/*``). A clone without any, such
as a bare or mirrored one, has them as its own (``refs/heads/*``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from headgate.api.revision import COMMIT_ID
from headgate.git.command.process import run
from headgate.git.errors import GitError, RefNotFound
from headgate.git.refs.reference import HEADS, GitReference, Refs, Resolved, candidates
from headgate.promotion.clone.command import LOCAL_TIMEOUT, GitOf, decoded, last_line
from headgate.promotion.clone.commits import FORMAT, Commit, parse_commits
from headgate.promotion.clone.trees import WORK_TREE, CommitTree, Objects, WorkingTree
from headgate.promotion.errors import CloneError, HistoryMissing, RevisionUnknown

__all__ = ["ABSENT", "MAX_COMMITS", "Clone", "usual_branch"]

ABSENT = "000000"
"""In place of the mode of a file: there is none."""

MAX_COMMITS = 20_000
"""Limit for the commits between two revisions."""
MAX_FILE = 1 << 20
"""Limit in bytes for a single file that is read, such as ``headgate.yaml``."""
UNSHALLOW = "fetch the rest with 'git fetch --unshallow' (in GitHub Actions: fetch-depth: 0)"

_REMOTES = "refs/remotes/"


class Clone:
    """One clone; close it when done. All methods raise :class:`CloneError` if the clone cannot be read."""

    def __init__(
        self,
        git_dir: Path,
        common_dir: Path,
        work_tree: Path | None,
        *,
        remote: str = "origin",
        is_mirror: bool = False,
    ) -> None:
        """``is_mirror``: its own branches are those of the remote, and no other refs are."""
        self._is_mirror = is_mirror
        self.git_dir, self.common_dir, self.work_tree, self.remote = git_dir, common_dir, work_tree, remote
        self.git = GitOf(git_dir)
        self._trees: dict[tuple[str, str | None, tuple[str, ...], bool], CommitTree] = {}
        self._objects = Objects(common_dir)
        self._refs: Refs | None = None
        self._default: str | None = None
        self._shallow: frozenset[str] | None = None
        self._resolved: dict[str, str] = {}

    @classmethod
    def open(cls, folder: Path, *, remote: str = "origin") -> Self:
        """Return the clone that ``folder`` belongs to: a work tree or a folder in it, a worktree, a bare repository.

        Raises :class:`CloneError` if there is none, or if Git refuses it because of its owner.
        """
        if not folder.is_dir():
            raise CloneError(f"{folder} is not a folder")
        asked = ("--absolute-git-dir", "--git-common-dir", "--is-inside-work-tree", "--show-toplevel")
        try:
            # As the user: Git checks the owner of the repository, and safe.directory is the user's.
            finished = run(
                ["-C", str(folder.absolute()), "rev-parse", *asked], timeout=LOCAL_TIMEOUT, as_user=True
            )
        except GitError as error:
            raise CloneError(str(error)) from None
        lines = decoded(finished.output).removesuffix("\n").split("\n")
        # Without a work tree, only the last question fails.
        if len(lines) < 3 or (finished.status and lines[2] != "false"):
            raise _not_opened(folder, finished.messages)
        git_dir, common, inside, *top = lines
        work_tree = Path("\n".join(top)) if inside == "true" else None
        return cls(Path(git_dir), (folder.absolute() / common).resolve(), work_tree, remote=remote)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the trees."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()
        self._objects.close()

    def refresh(self) -> None:
        """Forget what was read of refs, after a fetch or push."""
        self._refs, self._default, self._shallow = None, None, None
        self._resolved.clear()

    # What the clone is.

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"the remote '{self.remote}'" if self._is_mirror else str(self.work_tree or self.git_dir)

    @property
    def is_shallow(self) -> bool:
        """Whether its history ends before that of the remote."""
        return bool(self._boundary())

    @property
    def is_partial(self) -> bool:
        """Whether it may lack objects that the remote has (``git clone --filter``)."""
        found = self.git.local("config", "--get-regexp", r"^remote\..*\.(promisor|partialclonefilter)$")
        return not found.status and bool(found.output.strip())

    def remote_urls(self) -> tuple[str, ...]:
        """The URLs of all remotes, that of the chosen one first; as written, so that they may have credentials."""
        found = self.git.local("config", "-z", "--get-regexp", r"^remote\..*\.(url|pushurl)$")
        entries = [entry.partition("\n") for entry in decoded(found.output).split("\0") if entry]
        entries.sort(key=lambda entry: not entry[0].startswith(f"remote.{self.remote}."))
        return tuple(dict.fromkeys(url for _, _, url in entries if url))

    def check_remote(self, *, required: bool = True) -> None:
        """Raise :class:`CloneError` if no remote has this name; unless ``required``, only if there are others."""
        if not re.fullmatch(r"[\w.-]+", self.remote):
            # Git takes a URL, too.
            return
        found = self.git.as_user("config", "-z", "--name-only", "--get-regexp", r"^remote\..*\.url$")
        keys = sorted(set(decoded(found.output).split("\0")) - {""})
        names = [key.removeprefix("remote.").removesuffix(".url") for key in keys]
        if self.remote in names or not (names or required):
            return
        known = (
            f"there {'is' if len(names) == 1 else 'are'}: {', '.join(names)}"
            if names
            else "there is none: add it with 'git remote add'"
        )
        raise CloneError(f"{self.name} has no remote '{self.remote}'; {known}")

    def default_branch(self) -> str:
        """The name of the remote's default branch: what ``origin/HEAD`` leads to, else ``main`` or ``master``.

        Raises :class:`CloneError` if nothing says which it is.
        """
        if self._default is None:
            self._default = self._default_branch()
        return self._default

    def _default_branch(self) -> str:
        prefix = f"{_REMOTES}{self.remote}/"
        found = self.git.local("symbolic-ref", "-q", f"{prefix}HEAD")
        target = decoded(found.output).strip()
        if not self._is_mirror and not found.status and target.startswith(prefix):
            return target.removeprefix(prefix)
        branches = [name.removeprefix(HEADS) for name in self.refs().ids if name.startswith(HEADS)]
        if not self._has_remote_branches():
            own = decoded(self.git.local("symbolic-ref", "-q", "HEAD").output).strip()
            if own.startswith(HEADS) and own.removeprefix(HEADS) in branches:
                return own.removeprefix(HEADS)
        if branch := usual_branch(branches):
            return branch
        raise CloneError(
            f"the clone does not say which branch of '{self.remote}' is the default one: "
            f"run 'git remote set-head {self.remote} --auto', or name it with --default-branch"
        )

    # Revisions.

    def resolve(self, revision: str) -> str:
        """Return the id of the commit that a revision names: a tag, branch, ``HEAD~3``, ``origin/main`` or an id.

        A branch that only the remote has may be named without ``origin/``, and with it in a bare clone. Raises
        :class:`RevisionUnknown`, or :class:`HistoryMissing` in a shallow clone.
        """
        known = self._resolved.get(revision)
        if known is not None:
            return known
        if not revision or revision.startswith("-") or any(c < " " for c in revision):
            raise RevisionUnknown(f"'{_shown(revision)}' is not a revision")
        for text in self._spellings(revision):
            found = self.git.local(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}"
            )
            commit = decoded(found.output).strip()
            if not found.status and COMMIT_ID.fullmatch(commit):
                self._resolved[revision] = self._resolved[commit] = commit
                return commit
        if self.is_shallow and (COMMIT_ID.fullmatch(revision) or re.search(r"[~^]", revision)):
            raise HistoryMissing(f"the clone is shallow and does not have '{_shown(revision)}': {UNSHALLOW}")
        raise RevisionUnknown(f"'{_shown(revision)}' names no commit of {self.name}{self._fetch_first}")

    def tip(self, branch: str) -> str:
        """Return the id of the commit that a branch of the remote is at.

        In :meth:`resolve`, as in Git, a tag wins over a branch of its name, and more people may push tags. So what
        decides anything, such as the policy, is read from here. Raises :class:`RevisionUnknown`.
        """
        commit = self.refs().ids.get(HEADS + branch)
        if commit is None:
            raise RevisionUnknown(f"there is no branch '{_shown(branch)}' in {self.name}{self._fetch_first}")
        return commit

    @property
    def _fetch_first(self) -> str:
        """What to do if something is not here; what a mirror lacks, the remote does not have."""
        return "" if self._is_mirror else "; if the remote has it, run 'git fetch --tags' first"

    def _spellings(self, revision: str) -> tuple[str, ...]:
        prefix = f"{self.remote}/"
        if revision.startswith(prefix):
            return (revision, HEADS + revision.removeprefix(prefix))
        return (revision, f"{_REMOTES}{prefix}{revision}")

    def refs(self) -> Refs:
        """The refs of the remote as the clone knows them, under the names that they have there."""
        if self._refs is None:
            listed = self.git.local("show-ref", "--dereference")
            prefix, ids, own, peeled = f"{_REMOTES}{self.remote}/", {}, {}, {}
            for line in decoded(listed.output).splitlines():
                object_id, _, name = line.partition(" ")
                # A push writes down the branches that it has moved, even in a mirror.
                if name.startswith(prefix) and not self._is_mirror:
                    if name != f"{prefix}HEAD":
                        ids[HEADS + name.removeprefix(prefix)] = object_id
                elif name.endswith("^{}"):
                    peeled[name.removesuffix("^{}")] = object_id
                elif name.startswith(HEADS):
                    own[name] = object_id
                elif not name.startswith(_REMOTES):
                    ids[name] = object_id
            self._remote_branches = any(name.startswith(HEADS) for name in ids)
            if not self._remote_branches and not self._is_mirror:
                # A mistyped name must not make the clone's own branches count.
                self.check_remote(required=False)
            self._refs = Refs(ids if self._remote_branches else {**own, **ids}, peeled)
        return self._refs

    def _has_remote_branches(self) -> bool:
        self.refs()
        return self._remote_branches

    def select(self, reference: GitReference, refs: Refs | None = None) -> Resolved:
        """Return the commit that ``spec.ref`` selects, from ``refs`` if given, otherwise from :meth:`refs`.

        Raises :class:`RevisionUnknown` if it selects none, or one that the clone lacks.
        """
        try:
            found = candidates(refs or self.refs(), reference)
        except RefNotFound as error:
            raise RevisionUnknown(f"{error}{self._fetch_first}") from None
        except GitError as error:
            raise RevisionUnknown(str(error)) from None
        for each in found:
            if each.commit != WORK_TREE:
                self.resolve(each.commit)
        # Several tags of one version: the youngest commit counts, and of equally old ones the first.
        return found[0] if len(found) == 1 else max(found, key=lambda r: self.commit(r.commit).committed_at)

    # History.

    def commit(self, commit: str) -> Commit:
        """Return a commit by its id."""
        return self._log("-1", "--end-of-options", commit)[0]

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits; None if there is none.

        Raises :class:`HistoryMissing` if the clone is too shallow to know.
        """
        found = self.git.local("merge-base", "--end-of-options", one, other)
        if found.status > 1:
            raise self.git.failed("merge-base", found)
        if not found.status:
            return decoded(found.output).split()[0]
        if self.is_shallow:
            raise HistoryMissing(
                f"the clone is shallow and ends before {one[:12]} and {other[:12]} meet: {UNSHALLOW}"
            )
        return None

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Return whether ``commit`` is ``of`` or part of its history; raises :class:`HistoryMissing`."""
        if self._is_ancestor(commit, of):
            return True
        if self.is_shallow and not self._is_ancestor(of, commit):
            reached = set(self.git.text("rev-list", "--end-of-options", of).split())
            if reached & self._boundary():
                raise HistoryMissing(
                    f"the clone is shallow and does not say whether {commit[:12]} is part of {of[:12]}: {UNSHALLOW}"
                )
        return False

    def _is_ancestor(self, commit: str, of: str) -> bool:
        found = self.git.local("merge-base", "--is-ancestor", "--end-of-options", commit, of)
        if found.status > 1:
            raise self.git.failed("merge-base", found)
        return found.status == 0

    def commits(self, base: str, head: str, *, limit: int = MAX_COMMITS) -> tuple[Commit, ...]:
        """Return the commits of ``head``'s history that ``base``'s does not have, newest first; without base, all.

        Raises :class:`HistoryMissing` if the clone is shallow and lacks some of them, :class:`CloneError` if there
        are more than ``limit``.
        """
        found = self._log(
            f"--max-count={limit + 1}", "--end-of-options", head, *([f"^{base}"] if base else [])
        )
        if len(found) > limit:
            raise CloneError(
                f"there are more than {limit} commits between {base[:12] or 'the first one'} and {head[:12]}"
            )
        if any(each.id in self._boundary() for each in found):
            raise HistoryMissing(
                f"the clone is shallow and ends between {base[:12]} and {head[:12]}: {UNSHALLOW}"
            )
        return tuple(found)

    def contributor_emails(self, base: str, head: str) -> frozenset[str]:
        """Return the addresses of all authors, co-authors and committers of :meth:`commits`, in lower case.

        Merges are included.
        """
        return frozenset(email for each in self.commits(base, head) for email in each.contributor_emails)

    def changed_paths(self, before: str, after: str) -> frozenset[str]:
        """Return the paths of files that differ between the trees of two commits, or of two trees."""
        return frozenset(self.changed_entries(before, after))

    def changed_entries(self, before: str, after: str) -> dict[str, tuple[str, str]]:
        """Return mode and id of each of :meth:`changed_paths` afterwards; what is gone has the mode :data:`ABSENT`."""
        output = self.git.read(
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-ext-diff",
            "--end-of-options",
            before,
            after,
        )
        fields = decoded(output).split("\0")
        heads = (head.split() for head in fields[:-1:2])
        return {path: (head[1], head[3]) for head, path in zip(heads, fields[1::2], strict=True)}

    def _log(self, *arguments: str) -> list[Commit]:
        config = ("log", "-z", f"--format={FORMAT}", "--no-show-signature", "--no-notes", "--encoding=UTF-8")
        return list(parse_commits(self.git.read(*config, *arguments)))

    def _boundary(self) -> frozenset[str]:
        if self._shallow is None:
            try:
                self._shallow = frozenset((self.common_dir / "shallow").read_text().split())
            except FileNotFoundError:
                self._shallow = frozenset()
            except OSError as error:
                raise CloneError(f"{self.common_dir / 'shallow'} cannot be read: {error.strerror}") from None
        return self._shallow

    # Files.

    def tree(
        self,
        commit: str,
        *,
        ignore: str | None = None,
        sparse: Sequence[str] = (),
        filtered: bool = True,
    ) -> CommitTree:
        """Return the tree of a commit as the operator sees it, with the ignore rules and paths of a spec.

        Without ``filtered`` no ignore rules apply. The clone closes it. Raises :class:`CloneError`, also if a partial
        clone lacks a file of it.
        """
        key = (commit, ignore or None, tuple(sparse), filtered)
        tree = self._trees.get(key)
        if tree is None:
            tree = self._trees[key] = CommitTree(
                self._objects, commit, ignore=ignore or None, sparse=sparse, filtered=filtered
            )
        return tree

    def working_tree(
        self, *, ignore: str | None = None, sparse: Sequence[str] = (), filtered: bool = True
    ) -> WorkingTree:
        """Return the files of the work tree: tracked ones, and those that are neither tracked nor ignored.

        The caller closes it. Raises :class:`CloneError` for a bare clone.
        """
        if self.work_tree is None:
            raise CloneError(f"{self.name} has no work tree: name a commit instead of '.'")
        return WorkingTree(
            self.git,
            self.common_dir,
            self.work_tree,
            self.resolve("HEAD"),
            ignore=ignore,
            sparse=sparse,
            filtered=filtered,
        )

    def files_with(self, commit: str, patterns: Sequence[str]) -> frozenset[str]:
        """Return the paths of files of a commit that match a pattern of ``grep -E``."""
        wanted = [argument for pattern in patterns for argument in ("-e", pattern)]
        if not COMMIT_ID.fullmatch(commit):
            raise CloneError(f"'{_shown(commit)}' is not the id of a commit")
        # "git grep" knows no --end-of-options.
        options = ("-a", "-l", "-z", "-E", "--full-name", "--no-textconv", "--no-recurse-submodules")
        found = self.git.local("grep", *options, *wanted, commit, "--")
        if found.status > 1:
            raise self.git.failed("grep", found)
        start = len(commit) + 1
        return frozenset(name[start:] for name in decoded(found.output).split("\0") if name)

    def file(self, commit: str, path: str, *, limit: int = MAX_FILE) -> bytes | None:
        """Return the content of one file of a commit, whatever the ignore rules say; None if nothing is at this path.

        Raises :class:`CloneError` for a file of more than ``limit`` bytes, and for anything else than a file: a policy
        that is a symbolic link must not count as none.
        """
        finished = self.git.local(
            "ls-tree",
            "-z",
            "--full-tree",
            "--end-of-options",
            commit,
            path,
            environment={"GIT_LITERAL_PATHSPECS": "1"},
        )
        if finished.status:
            raise self.git.failed("ls-tree", finished)
        listed = finished.output
        head = decoded(listed).split("\t", 1)[0].split()
        if len(head) != 3:
            return None
        if head[1] != "blob" or head[0] == "120000":
            what = {"tree": "directory", "commit": "submodule"}.get(head[1], "symbolic link")
            raise CloneError(f"{_shown(path)} is a {what} in {commit[:12]}: replace it by a regular file")
        return self.git.read("cat-file", "blob", head[2], max_output=limit)

    def id_of_tree(self, commit: str) -> str:
        """Return the id of a commit's tree."""
        return self.git.text("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}")


def usual_branch(branches: Sequence[str]) -> str:
    """The default branch of a remote that does not say which it is: ``main``, ``master``, or the only one; else ""."""
    usual = [name for name in ("main", "master") if name in branches]
    return (usual or branches)[0] if usual or len(branches) == 1 else ""


def _not_opened(folder: Path, messages: str) -> CloneError:
    if "dubious ownership" in messages:
        return CloneError(
            f"{folder} belongs to another user, so Git refuses it: run "
            f"'git config --global --add safe.directory {folder.absolute()}' if you trust it"
        )
    if "not a git repository" in messages:
        return CloneError(
            f"{folder} is not in a Git repository: run this in a clone, or name one with --repository"
        )
    return CloneError(f"{folder} cannot be opened: {last_line(messages)}")


def _shown(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:100]
