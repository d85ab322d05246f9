"""A bare, temporary copy of the remote, in which a promotion is computed and its objects are made.

What the remote has now decides, not what the user's clone remembers: old branches, tags that were never pushed, and
clones that are shallow or partial play no part, and no ref of the clone changes. The copy uses the objects of the clone
where it can, so that little is transferred. It reads the clone's configuration, so that remotes, credentials and signing
keys are the user's.

    with Mirror.open(clone, "origin") as mirror:
        mirror.refs, mirror.default_branch
        tag = mirror.make_tag("1.4.0", commit, "Promote …", sign=True)
        mirror.push("refs/tags/1.4.0", tag, expected="")
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from headgate.git.command.process import Finished, run
from headgate.git.errors import GitError
from headgate.git.refs.reference import HEADS, Refs
from headgate.promotion.errors import CloneError, PromotionError, PushRefused, RevisionUnknown

__all__ = ["Mirror", "SigningFailed"]

LOCAL_TIMEOUT = 120.0
REMOTE_TIMEOUT = 600.0
SIGN_TIMEOUT = 300.0
"""Seconds for a signature: a person may have to touch a key."""
KINDS = ("refs/heads/", "refs/tags/", "refs/headgate/")

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


class SigningFailed(PromotionError):
    """Git could not sign a commit or tag."""


class Mirror:
    """See the module's text. Close it when done: it is a folder on disk."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str], remote: str) -> None:
        self._folder = folder
        self.git_dir = Path(folder.name) / "mirror.git"
        self.remote = remote
        """The name of the remote, or its URL."""
        self.default_branch = ""
        """Without ``refs/heads/``."""
        self.refs = Refs({})
        """The branches, tags and refs of Headgate that the remote has."""

    @classmethod
    def open(cls, clone: str | os.PathLike[str], remote: str = "origin") -> Self:
        """Copy the remote of a clone; raises :class:`CloneError`."""
        common, is_incomplete = _describe(Path(clone))
        folder = tempfile.TemporaryDirectory(prefix="headgate-promotion-")
        try:
            mirror = cls(folder, remote)
            mirror._create(common, is_incomplete)
            mirror.update()
        except BaseException:
            folder.cleanup()
            raise
        return mirror

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the copy."""
        self._folder.cleanup()

    def update(self) -> None:
        """Fetch what the remote has now; raises :class:`CloneError`."""
        listed = self._remote("ls-remote", "--symref", "--end-of-options", self.remote)
        text = listed.output.decode("utf-8", "surrogateescape")
        if listed.status:
            raise CloneError(f"the remote '{self.remote}' cannot be read: {_said(listed)}")
        head = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", text, re.MULTILINE)
        self.default_branch = head[1] if head else self._only_branch(text)
        specs = [f"+{kind}*:{kind}*" for kind in KINDS]
        options = ["--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--no-filter"]
        fetched = self._remote("fetch", *options, "--end-of-options", self.remote, *specs)
        if fetched.status:
            raise CloneError(f"the remote '{self.remote}' cannot be fetched: {_said(fetched)}")
        self.git("symbolic-ref", "HEAD", HEADS + self.default_branch)
        shown = self.git("show-ref", "-d").replace(b" ", b"\t") if self._has_refs() else b""
        self.refs = Refs.parse(shown)
        if HEADS + self.default_branch not in self.refs.ids:
            raise CloneError(f"the remote '{self.remote}' has no branch '{self.default_branch}' yet")

    def git(self, *arguments: str, environment: Mapping[str, str] | None = None) -> bytes:
        """Run a local git command and return what it prints; raises :class:`CloneError`."""
        finished = self.try_git(*arguments, environment=environment)
        if finished.status:
            raise CloneError(f"git {arguments[0]} failed: {_said(finished)}")
        return finished.output

    def try_git(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Finished:
        """Run a local git command without the user's configuration; the caller interprets its status."""
        return _run(arguments, LOCAL_TIMEOUT, git_dir=self.git_dir, environment=environment)

    def commit_of(self, revision: str) -> str:
        """Return the commit that a revision names on the remote: a branch, a tag or an id, possibly abbreviated.

        Raises :class:`RevisionUnknown`.
        """
        for name in (f"refs/tags/{revision}", HEADS + revision.removeprefix(f"{self.remote}/")):
            found = self.refs.commit(name)
            if found:
                return found
        if re.fullmatch(r"[0-9a-f]{4,64}", revision):
            parsed = self.try_git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            text = parsed.output.decode().strip()
            if parsed.status == 0 and _ID.fullmatch(text):
                return text
        raise RevisionUnknown(f"'{revision[:100]}' is no branch, tag or commit of the remote '{self.remote}'")

    def tree_of(self, commit: str) -> str:
        """Return the id of a commit's tree."""
        return self.git("rev-parse", "--verify", "--end-of-options", f"{commit}^{{tree}}").decode().strip()

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Return whether a commit is in the history of another one, or is it."""
        status = self.try_git("merge-base", "--is-ancestor", "--end-of-options", older, newer).status
        if status not in (0, 1):
            raise CloneError(f"the history of {newer[:12]} cannot be read: does the remote have {older[:12]}?")
        return status == 0

    def content(self, kind: str, object_id: str) -> bytes:
        """Return an object as Git stores it: ``commit``, ``tag`` or ``blob``."""
        return self.git("cat-file", kind, object_id)

    def identity(self) -> str:
        """Return ``Name <email>`` of the user; raises :class:`CloneError`."""
        finished = self._as_user("var", "GIT_COMMITTER_IDENT")
        match = re.match(r"(.* <[^<>]*>) ", finished.output.decode("utf-8", "replace"))
        if finished.status or match is None or not _NAME.fullmatch(match[1]):
            raise CloneError("Git does not know who you are: set user.name and user.email with 'git config'")
        return match[1]

    def make_tree(self, tree: str, files: Mapping[str, bytes]) -> str:
        """Return the id of a tree with the contents of some of its files replaced."""
        index = {"GIT_INDEX_FILE": str(self._temporary("index"))}
        self.git("read-tree", tree, environment=index)
        for path, content in files.items():
            mode = self.git("ls-files", "--format=%(objectmode)", "--", f":(literal,top){path}", environment=index)
            blob = self.git("hash-object", "-w", "--no-filters", str(self._file(content))).decode().strip()
            entry = f"{mode.decode().strip() or '100644'},{blob},{path}"
            self.git("update-index", "--add", "--cacheinfo", entry, environment=index)
        return self.git("write-tree", environment=index).decode().strip()

    def make_commit(self, tree: str, parents: Sequence[str], message: str, *, sign: bool) -> str:
        """Make a commit as the user and return its id; raises :class:`SigningFailed`."""
        options = ["-S"] if sign else ["--no-gpg-sign"]
        for parent in parents:
            options += ["-p", parent]
        file = str(self._file(message.encode()))
        finished = self._as_user("commit-tree", *options, "-F", file, tree, timeout=SIGN_TIMEOUT)
        if finished.status:
            raise _unsigned("commit", finished, sign)
        return finished.output.decode().strip()

    def make_tag(self, name: str, commit: str, message: str, *, sign: bool) -> str:
        """Make an annotated tag as the user and return the id of its object; raises :class:`SigningFailed`."""
        options = ["-s"] if sign else ["-a", "--no-sign"]
        file = str(self._file(message.encode()))
        made = self._as_user(
            "tag", "-f", *options, "--cleanup=verbatim", "-F", file, "--end-of-options", name, commit, timeout=SIGN_TIMEOUT
        )
        if made.status:
            raise _unsigned("tag", made, sign)
        return self.git("rev-parse", "--verify", "--end-of-options", f"refs/tags/{name}").decode().strip()

    def push(
        self, ref: str, new: str, expected: str, *, options: Sequence[str] = (), to: str = ""
    ) -> str:
        """Set a ref of the remote, if it still is what we know, and return the server's remarks.

        ``expected`` is the object id that the ref must have; empty: it must not exist. A ref that already is ``new`` is
        a success: an earlier push went through. ``options`` are push options; ``to`` is another ref to push to, such as
        ``refs/for/main/topic`` of Gitea, whose value the server does not keep. Raises :class:`PushRefused`.
        """
        given = [part for each in options for part in ("-o", each)]
        if not to:
            given.append(f"--force-with-lease={ref}:{expected}")
        finished = self._remote(
            "push", "--porcelain", "--no-verify", *given, "--end-of-options", self.remote, f"{new}:{to or ref}"
        )
        if finished.status == 0:
            return _remarks(finished.messages)
        now = self.remote_value(to or ref)
        if now == new:
            return _remarks(finished.messages)
        if now is not None and now != expected and not to:
            was = f"from {expected[:12]} to {now[:12] or 'nothing'}" if expected else f"now {now[:12]}"
            raise PushRefused(
                f"{ref}: another promotion was first (it is {was}); run the command again", race=True
            )
        raise PushRefused(f"{ref}: the server refused the push: {_said(finished)}")

    def remote_value(self, ref: str) -> str | None:
        """Return the object id of a ref on the remote; "" if it does not exist, None if the remote does not answer."""
        listed = self._remote("ls-remote", "--end-of-options", self.remote, ref)
        if listed.status:
            return None
        return Refs.parse(listed.output).ids.get(ref, "")

    def url(self) -> str:
        """Return the URL that the remote is fetched from, as configured; it may hold credentials."""
        found = self._as_user("remote", "get-url", self.remote)
        return found.output.decode().strip() if found.status == 0 else self.remote

    def _create(self, common: Path, is_incomplete: bool) -> None:
        sha256 = _run(["rev-parse", "--show-object-format"], LOCAL_TIMEOUT, git_dir=common, as_user=True)
        form = sha256.output.decode().strip() or "sha1"
        options = ["--quiet", "--bare", "--template=", f"--object-format={form}", "--initial-branch=main"]
        made = _run(["init", *options, str(self.git_dir)], LOCAL_TIMEOUT)
        if made.status:
            raise CloneError(f"a temporary repository cannot be made: {_said(made)}")
        config = self.git_dir / "config"
        # The clone's own settings come first, so that what follows is ours.
        quoted = str(common / "config").replace("\\", "\\\\").replace('"', '\\"')
        head = f'[include]\n\tpath = "{quoted}"\n'
        ours = config.read_text()
        if re.fullmatch(r"[\w.-]+", self.remote):
            # Everything is fetched, and a push moves one ref only, whatever the clone is for.
            ours += f'[remote "{self.remote}"]\n\tpromisor = false\n\tmirror = false\n'
        config.write_text(head + ours)
        if not is_incomplete:
            (self.git_dir / "objects" / "info").mkdir(exist_ok=True)
            alternates = self.git_dir / "objects" / "info" / "alternates"
            alternates.write_text(f"{common / 'objects'}\n")

    def _only_branch(self, listing: str) -> str:
        """The default branch of a server that does not say it: ``main``, ``master``, or the only one."""
        names = [line.partition("\trefs/heads/")[2] for line in listing.splitlines()]
        names = [name for name in names if name]
        for name in ("main", "master"):
            if name in names:
                return name
        if len(names) == 1:
            return names[0]
        raise CloneError(f"the remote '{self.remote}' does not say which branch is its default")

    def _has_refs(self) -> bool:
        return bool(self.git("for-each-ref", "--count=1"))

    def _temporary(self, name: str) -> Path:
        handle, path = tempfile.mkstemp(prefix=name, dir=self._folder.name)
        os.close(handle)
        # Git refuses an empty index.
        os.unlink(path)
        return Path(path)

    def _file(self, content: bytes) -> Path:
        path = self._temporary("file")
        path.write_bytes(content)
        return path

    def _as_user(self, *arguments: str, timeout: float = LOCAL_TIMEOUT) -> Finished:
        return _run(arguments, timeout, git_dir=self.git_dir, as_user=True)

    def _remote(self, *arguments: str) -> Finished:
        return _run(arguments, REMOTE_TIMEOUT, git_dir=self.git_dir, as_user=True)


def _describe(clone: Path) -> tuple[Path, bool]:
    """The folder with a clone's objects, and whether it lacks some that the remote has."""
    place = str(clone.resolve())
    found = _run(
        ["-C", place, "rev-parse", "--git-common-dir", "--is-shallow-repository"], LOCAL_TIMEOUT, as_user=True
    )
    lines = found.output.decode().splitlines()
    if found.status or len(lines) != 2:
        raise CloneError(f"{clone} is not in a clone of a Git repository")
    common = Path(place, lines[0]).resolve()
    partial = _run(
        ["config", "--get-regexp", r"^remote\..*\.(promisor|partialclonefilter)$"],
        LOCAL_TIMEOUT,
        git_dir=common,
        as_user=True,
    )
    return common, lines[1] == "true" or bool(partial.output.strip())


def _run(
    arguments: Sequence[str],
    timeout: float,
    *,
    git_dir: Path | None = None,
    environment: Mapping[str, str] | None = None,
    as_user: bool = False,
) -> Finished:
    try:
        return run(
            list(arguments), timeout=timeout, git_dir=git_dir, environment=environment, as_user=as_user
        )
    except GitError as error:
        raise CloneError(str(error)) from None


def _unsigned(what: str, finished: Finished, sign: bool) -> PromotionError:
    if not sign:
        return CloneError(f"git could not make the {what}: {_said(finished)}")
    return SigningFailed(
        f"git could not sign the {what}: {_said(finished)}; set user.signingKey (and gpg.format=ssh for an SSH key) "
        "with 'git config', or give --no-sign if nothing verifies signatures"
    )


def _said(finished: Finished) -> str:
    """What Git or the server says, in one line, without credentials in URLs."""
    lines = [line.strip() for line in finished.messages.splitlines() if line.strip()]
    wanted = [line for line in lines if re.match(r"(fatal|error|remote|!)", line)] or lines
    if finished.output and b"\n!" in b"\n" + finished.output:
        rejected = [line for line in finished.output.decode("utf-8", "replace").splitlines() if line[:1] == "!"]
        wanted = [each.rpartition("\t")[2] for each in rejected] + wanted
    text = "; ".join(wanted[:4])
    text = re.sub(r"(?<=//)[^/@\s]*@", "", text)
    return re.sub(r"[^\x20-\x7e]", "?", text)[:500] or f"exit status {finished.status}"


def _remarks(messages: str) -> str:
    """What the server says after a push, such as the address of a merge request."""
    lines = [line.removeprefix("remote:").strip() for line in messages.splitlines() if line.startswith("remote:")]
    return "\n".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", "", line)[:500] for line in lines if line)[:4000]
