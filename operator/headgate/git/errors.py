"""What can go wrong between a Git remote and an artifact, as one small tree of exceptions.

    GitError
    ├── UrlInvalid              the URL is not one that Headgate fetches from
    ├── ProviderInvalid         the provider cannot be used with this object: what it needs is not given
    ├── CredentialsInvalid      the Secret's keys are missing, contradict each other or are malformed
    ├── ProxyInvalid            the proxy's Secret is incomplete or malformed
    ├── AuthenticationFailed    the server refused the credentials, or wants some and has been given none
    ├── HostKeyRejected         the SSH server's host key is unknown, or not the one in known_hosts
    ├── RepositoryNotFound      the server knows no such repository
    ├── RepositoryEmpty         the repository has no commits yet
    ├── RefInvalid              the reference cannot name anything: a malformed range, name or commit
    ├── RefNotFound             no such branch, tag, name or commit, or no tag in the range
    ├── RefNotACommit           the reference leads to something else than a commit
    ├── SparsePathMissing       there is nothing at a path of spec.sparseCheckout
    ├── SubmoduleFailed         a submodule cannot be had
    ├── IncludeFailed           an included repository cannot be put where it belongs
    ├── VerificationFailed      a signature is missing, or is not of a key that is trusted
    ├── IgnoreInvalid           the rules for leaving files out cannot be used
    ├── SourceTooLarge          the repository holds more than a source may
    ├── RemoteUnreachable       no connection, no TLS session, or the server is out of order
    ├── GitTimedOut             the time limit passed
    ├── GitCancelled            the operation was called off
    ├── GitFailed               Git failed in another way; the message carries its own words
    │   └── OutputTooLarge      it printed more than it may
    └── StorageFailed           the local cache or artifact storage could not be written or read
        └── CacheDamaged        the cache lacks objects it should have

Each carries what its report needs (:class:`headgate.borders.BorderError`): ``reason`` and ``condition`` are those that
Flux gives the failure (source-controller ``api/v1``, ``gitrepository_types.go`` and ``condition_types.go``). No message
ever holds a credential.
"""

from __future__ import annotations

from typing import TypeVar

from headgate.borders import BorderError, Retry

T = TypeVar("T", bound="GitError")

__all__ = [
    "AuthenticationFailed",
    "CacheDamaged",
    "CredentialsInvalid",
    "GitCancelled",
    "GitError",
    "GitFailed",
    "GitTimedOut",
    "HostKeyRejected",
    "IgnoreInvalid",
    "IncludeFailed",
    "OutputTooLarge",
    "ProviderInvalid",
    "ProxyInvalid",
    "RefInvalid",
    "RefNotACommit",
    "RefNotFound",
    "RemoteUnreachable",
    "RepositoryEmpty",
    "RepositoryNotFound",
    "SourceTooLarge",
    "SparsePathMissing",
    "StorageFailed",
    "SubmoduleFailed",
    "UrlInvalid",
    "VerificationFailed",
    "unable_to_clone",
]

CHECKOUT = "failed to checkout and determine revision"


class GitError(BorderError):
    """Something between a Git remote and an artifact failed."""

    reason: str = "GitOperationFailed"
    condition: str = "FetchFailed"
    """The condition that reports it, beside Ready."""
    step: str = ""
    """What failed, in Flux's words; the message begins with it."""
    drops_credentials: bool = False
    """Whether credentials that were kept for the source are of no use any more."""

    @property
    def message(self) -> str:
        return f"{self.step}: {self}" if self.step else str(self)


class UrlInvalid(GitError):
    """The URL is not one that Headgate fetches from."""

    reason = "URLInvalid"
    retry = Retry.ON_CHANGE


class ProviderInvalid(GitError):
    """The provider cannot be used with this object, because what it needs is not given.

    ``reason`` and ``retry`` differ from case to case.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "InvalidProviderConfiguration",
        retry: Retry = Retry.BACK_OFF,
    ) -> None:
        super().__init__(message)
        self.reason, self.retry = reason, retry


class CredentialsInvalid(GitError):
    """The Secret's keys are missing, contradict each other or are malformed."""

    reason = "AuthenticationFailed"
    step = "failed to configure authentication options"


class ProxyInvalid(GitError):
    """The proxy's Secret is incomplete or malformed."""

    reason = "AuthenticationFailed"
    step = "failed to configure proxy options"


class AuthenticationFailed(GitError):
    """The server refused the credentials, or wants some and has been given none."""

    drops_credentials = True


class HostKeyRejected(GitError):
    """The SSH server's host key is unknown, or is not the one in ``known_hosts``."""


class RepositoryNotFound(GitError):
    """The server knows no such repository (or hides it from these credentials)."""


class RepositoryEmpty(GitError):
    """The repository has no commits yet."""

    reason = "EmptyGitRepository"


class RefInvalid(GitError):
    """The reference asked for cannot name anything: a malformed range, name or commit id."""


class RefNotACommit(GitError):
    """The reference leads to a file or a directory, or to nothing a check-out can be made of."""


class RefNotFound(GitError):
    """No such branch, tag, name or commit, or no tag in the range."""


class SparsePathMissing(GitError):
    """There is nothing at a path of ``spec.sparseCheckout``."""


class SubmoduleFailed(GitError):
    """A submodule cannot be had: its URL, its commit, or how deep they nest."""


class IncludeFailed(GitError):
    """An included repository cannot be put where it belongs."""

    reason = "CopyFailure"
    condition = "StorageOperationFailed"


class VerificationFailed(GitError):
    """A signature is missing, or is not one of a key that is trusted; ``reason`` tells which."""

    condition = "SourceVerified"

    def __init__(self, message: str, *, reason: str, retry: Retry = Retry.BACK_OFF) -> None:
        super().__init__(message)
        self.reason, self.retry = reason, retry


class IgnoreInvalid(GitError):
    """The rules for leaving files out, in ``spec.ignore`` or a ``.sourceignore``, cannot be used."""

    reason = "SourceIgnoreError"


class SourceTooLarge(GitError):
    """The repository holds more than a source may: too many files, too much content, or an object that is too large."""


class RemoteUnreachable(GitError):
    """No connection, no TLS session, or the server answered that it is out of order."""


class GitTimedOut(GitError):
    """The time limit passed."""


class GitCancelled(GitError):
    """The operation was called off, because the operator stops or the object went; what did that queued the object."""

    retry = Retry.ON_CHANGE
    silent = True


class GitFailed(GitError):
    """Git failed in a way that has no class of its own; the message carries Git's own words."""


class OutputTooLarge(GitFailed):
    """The command printed more than it may."""


class StorageFailed(GitError):
    """The local cache or the artifact storage could not be written or read."""

    reason = "ArchiveOperationFailed"
    condition = "StorageOperationFailed"


class CacheDamaged(StorageFailed):
    """The local cache lacks objects it should have, as after a power failure; it is made anew."""


def unable_to_clone(kind: type[T], url: object, why: str) -> T:
    """The error of a question to a remote, in Flux's words."""
    error = kind(f"unable to clone '{url}': {why}")
    error.step = CHECKOUT
    return error
