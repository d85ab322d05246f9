"""One file, published as all the content of a ref, in signed commits.

The newest commit has the present content. A new content becomes a new commit on top; a content that only confirms the
last one replaces it, so that the history has one commit for each content, however often it is confirmed:

    published = PublishedFile(folder, "report.json", "refs/headgate/env/staging")
    last = published.last(remote)
    published.publish(remote, content, key, identity, replace=last is not None and last.is_ours(key))

A replacement rewrites the ref. On a server that accepts no rewrite every commit is added on top.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from headgate.git.command.process import Config, Finished, run
from headgate.git.command.secretfiles import SecretFiles
from headgate.git.credentials.signing import SigningKey
from headgate.git.errors import GitError, GitFailed, OutputTooLarge, StorageFailed
from headgate.git.refs.reference import check_ref_name
from headgate.git.remote.client import FETCH, Remote
from headgate.git.remote.races import is_race
from headgate.git.verify.signature import SignatureInvalid, split_commit, verify_ssh

__all__ = ["Author", "PublishedFile", "RefChanged", "RefRefused", "Tip"]

LOCAL_TIMEOUT = 60.0
MAX_COMMIT = 64 << 10
"""Limit in bytes for a commit that somebody else may have pushed."""
RENEW = 256
"""Commits after which the local repository is created again: each leaves objects behind."""
_TIP = "refs/headgate/tip"
_REFUSED = re.compile(r"^!\t[^\t]*\t\[(?:remote )?rejected\] \((.{1,300}?)\)$", re.MULTILINE)
_NO_REWRITE = re.compile(r"non-fast-forward|denying non-fast-forward|force.?push|protected", re.IGNORECASE)


class RefChanged(GitError):
    """Somebody else has changed the ref since it was read: read it again."""


class RefRefused(GitError):
    """The server did not accept the ref; the message quotes its reason."""


@dataclass(frozen=True, slots=True)
class Author:
    """The name and mail address in the commits."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Tip:
    """The newest commit of the ref."""

    commit: str
    parents: tuple[str, ...]
    content: bytes | None
    """The file; None if the commit has none, or a larger one than is read."""
    raw: bytes
    """The commit as Git stores it."""

    def is_ours(self, key: SigningKey) -> bool:
        """Whether ``key`` signed the commit."""
        try:
            verify_ssh(split_commit(self.raw, sha256=len(self.commit) == 64), [key.public])
        except SignatureInvalid:
            return False
        return True


class PublishedFile:
    """The ref and a small local repository for it. One thread at a time uses it."""

    def __init__(self, folder: Path, file: str, ref: str, *, max_bytes: int) -> None:
        """``folder``: where the local repository is created; what is there is deleted. ``max_bytes`` limits the file.

        Raises :class:`RefInvalid` for a malformed ``ref``.
        """
        check_ref_name(ref, ref)
        self._path, self._file, self.ref, self._max_bytes = folder, file, ref, max_bytes
        self._commits = RENEW
        self._tip: Tip | None = None
        self._known = False
        self._appends = False
        """Whether the server accepts no rewrite of the ref."""

    def last(self, remote: Remote) -> Tip | None:
        """Return the newest commit, read from the remote unless this object has just read or pushed it.

        None if the ref does not exist. Raises :class:`GitError`.
        """
        if not self._known or self._commits >= RENEW:
            self._read(remote)
        return self._tip

    def forget(self) -> None:
        """Read the ref again before the next commit."""
        self._known = False

    def publish(
        self,
        remote: Remote,
        content: bytes,
        key: SigningKey,
        author: Author,
        *,
        message: str,
        moment: int,
        replace: bool,
    ) -> Tip:
        """Push a commit with this content and return it; ``moment`` is its date, in seconds since 1970.

        ``replace``: the commit takes the place of the newest one. Raises :class:`RefChanged`, :class:`RefRefused` or
        another :class:`GitError`; the ref is then read again before the next commit.
        """
        before = self.last(remote)
        replaces = replace and before is not None and not self._appends
        parents = () if before is None else before.parents if replaces else (before.commit,)
        try:
            commit = self._commit(content, parents, key, author, message, moment)
            try:
                self._push(remote, commit, before)
            except RefRefused as error:
                if not replaces or before is None or not _NO_REWRITE.search(str(error)):
                    raise
                self._appends = True
                commit = self._commit(content, parents := (before.commit,), key, author, message, moment)
                self._push(remote, commit, before)
        except GitError:
            self._known = False
            raise
        self._commits += 1
        self._tip = Tip(commit, parents, content, self._object(commit))
        return self._tip

    def _read(self, remote: Remote) -> None:
        self._known, self._tip = False, None
        found = remote.ls_remote(self.ref).ids.get(self.ref)
        self._create("sha256" if found is not None and len(found) == 64 else "sha1")
        if found is not None:
            # Two commits: a replacement has the parents of the one that it replaces.
            finished = remote.run(
                (*FETCH, "--depth=2", "--end-of-options"),
                (f"+{self.ref}:{_TIP}",),
                self._path,
            )
            if finished.status:
                raise remote.failure(finished)
            self._tip = self._fetched()
        self._known = True

    def _fetched(self) -> Tip | None:
        commit = self._git("rev-parse", "--verify", "--end-of-options", f"{_TIP}^{{commit}}").strip().decode()
        raw = self._object(commit)
        parents = self._git("rev-parse", f"{commit}^@").decode().split()
        try:
            finished = run(
                ("cat-file", "blob", f"{commit}:{self._file}"),
                git_dir=self._path,
                timeout=LOCAL_TIMEOUT,
                max_output=self._max_bytes,
            )
        except OutputTooLarge:
            return Tip(commit, tuple(parents), None, raw)
        return Tip(commit, tuple(parents), None if finished.status else finished.output, raw)

    def _create(self, object_format: str) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        try:
            self._path.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise StorageFailed(f"the folder for reports cannot be written: {error.strerror}") from None
        options = ("--quiet", "--bare", "--template=", f"--object-format={object_format}")
        self._check(run(("init", *options, "--", str(self._path)), timeout=LOCAL_TIMEOUT), "init")
        self._commits = 0

    def _commit(
        self,
        content: bytes,
        parents: tuple[str, ...],
        key: SigningKey,
        author: Author,
        message: str,
        moment: int,
    ) -> str:
        file, index = self._path / "file", self._path / "file.index"
        try:
            file.write_bytes(content)
            index.unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"the report cannot be written: {error.strerror}") from None
        blob = self._git("hash-object", "-w", "--no-filters", "--", str(file)).decode().strip()
        place = {"GIT_INDEX_FILE": str(index)}
        self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{self._file}", environment=place)
        tree = self._git("write-tree", environment=place).decode().strip()
        who = {
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", author.name), ("EMAIL", author.email), ("DATE", f"@{moment} +0000"))
        }
        with SecretFiles() as files:
            config = (
                ("gpg.format", "ssh"),
                ("gpg.ssh.program", "ssh-keygen"),
                ("user.signingKey", files.add(key.private)),
            )
            made = self._git(
                *("commit-tree", "-S", *(part for parent in parents for part in ("-p", parent))),
                *("-m", message, tree),
                # Git passes the commit to ssh-keygen as a file.
                environment={**who, "TMPDIR": str(self._path)},
                config=config,
            )
        return made.decode().strip()

    def _push(self, remote: Remote, commit: str, before: Tip | None) -> None:
        expected = before.commit if before is not None else ""
        finished = remote.run(
            (
                *(
                    "push",
                    "--porcelain",
                    "--quiet",
                    "--no-verify",
                    "--no-follow-tags",
                    "--no-recurse-submodules",
                ),
                *(f"--force-with-lease={self.ref}:{expected}", "--end-of-options"),
            ),
            (f"{commit}:{self.ref}",),
            self._path,
        )
        if not finished.status:
            return
        refused = _REFUSED.search(finished.output.decode("utf-8", "replace"))
        if refused is None:
            raise remote.failure(finished)
        why = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", refused[1])
        if is_race(why):
            raise RefChanged(f"{self.ref} of {remote.url} has changed since it was read")
        raise RefRefused(f"the server of {remote.url} does not accept {self.ref}: {why}")

    def _object(self, commit: str) -> bytes:
        return self._git("cat-file", "commit", commit, max_output=MAX_COMMIT)

    def _git(
        self,
        *arguments: str,
        environment: dict[str, str] | None = None,
        config: Config = (),
        max_output: int = 1 << 20,
    ) -> bytes:
        finished = run(
            arguments,
            git_dir=self._path,
            timeout=LOCAL_TIMEOUT,
            environment=environment,
            config=config,
            max_output=max_output,
        )
        return self._check(finished, arguments[0])

    def _check(self, finished: Finished, command: str) -> bytes:
        if finished.status:
            lines = finished.messages.strip().splitlines() or ["no message"]
            raise GitFailed(f"git {command} failed on the report: {lines[-1][:300]}")
        return finished.output
