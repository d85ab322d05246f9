"""Lists the refs of a Git remote and fetches single commits into a clone cache.

One ``Remote`` serves one reconcile: its timeout (``spec.timeout``) covers all its requests.

    remote = Remote(RemoteUrl.parse(url), credentials, timeout=60)
    resolved = remote.resolve(GitReference(semver=">=1.0.0"), cache)   # one ls-remote
    if resolved.revision != artifact_revision:
        remote.fetch(resolved, cache)                               # one commit, without history

``cache`` is this source's ``BareCache``. All failures are :class:`GitError`s whose messages hold no secret.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, replace
from hashlib import blake2b
from pathlib import Path
from typing import ParamSpec, TypeVar

from headgate.git.cache.bare import KEEP, SCRATCH, BareCache
from headgate.git.command.httptrace import last_answer, tracing
from headgate.git.command.process import Cancellation, Finished, run
from headgate.git.command.secretfiles import SecretFiles
from headgate.git.credentials.access import grant, opens_key
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import (
    AuthenticationFailed,
    CacheDamaged,
    GitCancelled,
    GitError,
    GitFailed,
    GitTimedOut,
    OutputTooLarge,
    RefNotACommit,
    RefNotFound,
    RepositoryEmpty,
    RepositoryNotFound,
    SourceTooLarge,
    unable_to_clone,
)
from headgate.git.limits import DEFAULT_LIMITS
from headgate.git.refs.reference import GitReference, Question, Refs, Resolved, candidates
from headgate.git.remote.failures import WEB_PAGE, Asked, explain, is_redirect, is_refusal, is_unknown
from headgate.git.url import RemoteUrl

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=GitError)

__all__ = ["Remote"]

DEFAULT_TIMEOUT = 60.0
MAX_REFS_BYTES = 16 << 20
"""Limit in bytes for a list of refs."""
FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
_IDENTITY_KEY = os.urandom(32)

FETCHED = f"{SCRATCH}/ref"
EVERYTHING = (f"+refs/heads/*:{SCRATCH}/heads/*", f"+refs/tags/*:{SCRATCH}/tags/*")


class Remote:
    """One Git repository on a server, with credentials and a timeout in seconds for all requests together."""

    def __init__(
        self,
        url: RemoteUrl,
        credentials: Credentials | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        limit: float | None = None,
        max_bytes: int = DEFAULT_LIMITS.size,
        cancellation: Cancellation | None = None,
    ) -> None:
        """``limit`` is the maximum of ``timeout``, ``max_bytes`` the maximum size of a pack."""
        self.url = url
        self._credentials = credentials or Credentials()
        self._asked_for = timeout
        self._timeout = timeout if limit is None else min(timeout, limit)
        self._stopped = time.monotonic()
        self._deadline = self._stopped + self._timeout
        self._max_bytes = max_bytes
        self._cancellation = cancellation
        # Set when a server has answered with a redirect, so that the next request does not fail in the same way.
        self._on_demand = False

    @property
    def identity(self) -> str:
        """Equal for remotes with the same URL and credentials; reveals nothing about the credentials."""
        asked = repr((self.url.for_git(), astuple(replace(self._credentials, secret="")))).encode()
        return blake2b(asked, key=_IDENTITY_KEY).hexdigest()

    @property
    def remaining(self) -> float:
        """Seconds until the timeout."""
        return self._deadline - time.monotonic()

    def timed(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` and count its time; the clock stops between such calls.

        So waiting for a thread does not count against the timeout.
        """
        self._deadline += time.monotonic() - self._stopped
        try:
            return function(*args, **kwargs)
        finally:
            self._stopped = time.monotonic()

    def ls_remote(self, *patterns: str) -> Refs:
        """Return the remote's refs that match one of ``patterns``; all without patterns."""
        return self.ask(Question(frozenset(), frozenset(patterns)))

    def ask(self, question: Question) -> Refs:
        """Return the refs of the remote that ``question`` requests."""
        options = ["ls-remote", "--quiet", *sorted(question.sorts), "--end-of-options"]
        finished = self.run(options, sorted(question.patterns))
        if finished.status:
            raise self.failure(finished)
        refs = Refs.parse(finished.output)
        if not refs.ids and finished.answer is not None and finished.answer.is_web_page:
            # Git accepts any page as an empty list of refs.
            raise self._unable(RepositoryNotFound, WEB_PAGE)
        return refs

    def resolve(
        self, reference: GitReference, cache: BareCache, ask: Callable[[Question], Refs] | None = None
    ) -> Resolved:
        """Return the commit that ``reference`` selects now.

        ``ask`` answers instead of the remote, possibly from a recent answer
        (:class:`~headgate.git.remote.reflists.Asking`). ``cache`` is used only to compare the commit times of tags of
        one version. Raises :class:`RefInvalid`, :class:`RefNotFound`, :class:`RepositoryEmpty` or an error of
        ``ls_remote``.
        """
        reference.check()
        refs = (ask or self.ask)(reference.question())
        try:
            found = candidates(refs, reference)
        except RefNotFound as error:
            if not refs.ids and self._is_empty():
                raise RepositoryEmpty("git repository is empty") from None
            raise self._unable(RefNotFound, str(error)) from None
        return found[0] if len(found) == 1 else self._youngest(found, cache)

    def fetch(self, resolved: Resolved, cache: BareCache) -> str:
        """Fetch the resolved commit with all its files into ``cache``, unless it is there, and return its id.

        Fetches one commit without history; from a server that does not serve single commits, the tip of its ref; from
        one without shallow fetches, the whole history. With ``within_ref`` the commit must be in the branch's history,
        which is then fetched.
        """
        with cache.lock:
            if not cache.has(resolved.commit):
                self._mending(cache, lambda: self._fetch(resolved, cache))
            cache.keep(resolved.commit)
        return resolved.commit

    def objects(self, resolved: Resolved, cache: BareCache) -> tuple[bytes, bytes]:
        """Return the commit and the annotated tag (empty without one) as the signed objects.

        The commit must have been fetched; the tag is fetched unless it is there.
        """
        with cache.lock:
            commit = cache.object("commit", resolved.commit)
            if commit is None:
                raise self._missing(resolved)
            if not resolved.tag_object:
                return commit, b""
            if cache.git("cat-file", "-e", resolved.tag_object, check=False)[0]:
                finished = self._fetch_into(cache, ("--depth=1",), (f"+{resolved.ref}:{FETCHED}",))
                if finished.status:
                    raise self.failure(finished)
            tag = cache.object("tag", resolved.tag_object)
            if tag is None:
                # The tag moved after the refs were listed.
                raise self._missing(resolved)
            return commit, tag

    def for_submodule(self, url: RemoteUrl) -> Remote:
        """Return the remote of a submodule, within the same timeout.

        It gets the credentials only where they cannot leak: over ssh, where the private key never leaves this process,
        and on the same server as this remote.
        """
        same = (url.scheme, url.authority) == (self.url.scheme, self.url.authority)
        trusted = same or (url.is_ssh and self.url.is_ssh)
        remote = Remote(
            url,
            self._credentials if trusted else self._credentials.without_secrets(),
            timeout=self._asked_for,
            limit=self._timeout,
            max_bytes=self._max_bytes,
            cancellation=self._cancellation,
        )
        remote._deadline = self._deadline
        return remote

    def _mending(self, cache: BareCache, fetch: Callable[[], None]) -> None:
        """Run ``fetch``; if it fails because the cache is damaged, run it again with a new cache."""
        try:
            fetch()
        except (CacheDamaged, GitFailed) as error:
            if isinstance(error, GitFailed) and cache.is_sound():
                raise
            cache.condemn()
            fetch()

    def _fetch(self, resolved: Resolved, cache: BareCache) -> None:
        cache.prepare(resolved.commit)
        for options, refspecs in _attempts(resolved, cache.is_shallow):
            finished = self._fetch_into(cache, options, refspecs)
            if not finished.status and self._is_there(resolved, cache):
                break
            if finished.status and is_unknown(finished.messages):
                raise self._missing(resolved)
            if finished.status and not is_refusal(finished.messages):
                raise self.failure(finished)
        else:
            raise self._missing(resolved)
        if resolved.within_ref and not cache.is_ancestor(resolved.commit, FETCHED):
            raise self._missing(resolved)

    def _is_there(self, resolved: Resolved, cache: BareCache) -> bool:
        kind = cache.kind(resolved.commit)
        if kind in ("", "commit"):
            return bool(kind)
        cache.forget(resolved.commit)
        what = f"'{resolved.ref}'" if resolved.ref else f"'{resolved.commit}'"
        raise self._unable(RefNotACommit, f"{what} is not a commit, but a {kind}")

    def _fetch_into(self, cache: BareCache, options: Sequence[str], refspecs: Sequence[str]) -> Finished:
        try:
            finished = self.run([*FETCH, *options, "--end-of-options"], refspecs, cache.path)
        except GitError:
            cache.interrupted()
            raise
        if finished.status and cache.clean(self._max_bytes):
            raise self._unable(
                SourceTooLarge,
                f"the server sends more than {self._max_bytes} bytes, the operator's --max-source-size",
            )
        return finished

    def run(self, before: Sequence[str], after: Sequence[str], git_dir: Path | None = None) -> Finished:
        """Run a Git command that connects to the remote: ``git <before> <url> <after>``.

        A command that fails raises nothing: :meth:`failure` explains it. Raises :class:`GitTimedOut`,
        :class:`GitCancelled`, :class:`SourceTooLarge`.
        """
        for on_demand in (True,) if self._on_demand else (False, True):
            remaining = self.remaining
            if remaining <= 0:
                raise self.late()
            with (
                SecretFiles() as files,
                grant(self.url, self._credentials, connect_timeout=remaining, on_demand=on_demand) as access,
            ):
                trace = "" if self.url.is_ssh else files.add(b"")
                try:
                    finished = run(
                        [*before, access.url, *after],
                        git_dir=git_dir,
                        environment=access.environment | (tracing(trace) if trace else {}),
                        config=access.config,
                        timeout=remaining,
                        max_output=MAX_REFS_BYTES,
                        max_file=self._max_bytes,
                        cancellation=self._cancellation,
                    )
                except GitTimedOut:
                    raise self.late() from None
                except OutputTooLarge:
                    raise self._unable(
                        SourceTooLarge, f"the server lists more than {MAX_REFS_BYTES} bytes of references"
                    ) from None
                if trace:
                    finished = replace(finished, answer=last_answer(Path(trace).read_bytes()))
            redirected = finished.status and is_redirect(finished.messages)
            if not redirected or on_demand or self.url.is_ssh or not self._credentials.authorization:
                return finished
            if self._credentials.bearer_token:
                raise self._unable(
                    AuthenticationFailed,
                    "the server redirects to another address, to which Headgate does not send the bearer token; use "
                    "the final address as the URL",
                )
            self._on_demand = True
        return finished

    def _is_empty(self) -> bool:
        try:
            return not self.ls_remote().ids
        except SourceTooLarge:
            return False

    def _youngest(self, found: Sequence[Resolved], cache: BareCache) -> Resolved:
        times: dict[str, int] = {}

        def compare() -> None:
            for candidate in found:
                cache.prepare(candidate.commit)
                if not cache.complete(candidate.commit):
                    self._fetch(candidate, cache)
                times[candidate.commit] = cache.commit_time(candidate.commit)

        with cache.lock:
            self._mending(cache, compare)
        return max(found, key=lambda candidate: (times[candidate.commit], candidate.ref))

    def failure(self, finished: Finished) -> GitError:
        """Return the error of a command that failed, in words for users and without any secret."""
        given = self._credentials
        asked = Asked(str(self.url), self.url.host, given.kind, given.secret, discreet=given.has_short_secret)
        error = explain(given.redact(finished.messages), asked, finished.answer)
        if isinstance(error, AuthenticationFailed) and self.url.is_ssh and not opens_key(given):
            secret = f" of the Secret '{given.secret}'" if given.secret else ""
            return self._unable(
                AuthenticationFailed,
                f"authentication failed: the passphrase in 'password'{secret} does not decrypt the SSH key in "
                "'identity'",
            )
        return error

    def _missing(self, resolved: Resolved) -> RefNotFound:
        where = f" in {resolved.ref}" if resolved.ref else ""
        return self._unable(RefNotFound, f"commit {resolved.commit} not found{where}")

    def _unable(self, kind: type[E], why: str) -> E:
        return unable_to_clone(kind, self.url, why)

    def check(self) -> None:
        """Raise :class:`GitCancelled` after a cancellation."""
        if self._cancellation is not None and self._cancellation.cancelled:
            raise self._unable(GitCancelled, "canceled")

    def late(self) -> GitTimedOut:
        """The error to raise after the timeout."""
        cut = self._timeout < self._asked_for
        why = f" (spec.timeout is {self._asked_for:g} s, --max-fetch-timeout allows less)" if cut else ""
        return self._unable(GitTimedOut, f"not finished within {self._timeout:g} s{why}")


def _attempts(resolved: Resolved, shallow: bool) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield options and refspecs to fetch, the cheapest first."""
    by_name = (f"+{resolved.ref}:{FETCHED}",)
    if not resolved.within_ref:
        yield ("--depth=1",), (f"+{resolved.commit}:{KEEP}/{resolved.commit}",)
        if resolved.ref:
            yield ("--depth=1",), by_name
    yield ("--unshallow",) if shallow else (), by_name if resolved.ref else EVERYTHING
