"""The exceptions between a Git remote and an artifact.

    GitError
    ├── UrlInvalid              the URL is not one that Headgate fetches from
    ├── ProviderInvalid         the provider cannot be used with this object: a required value is missing
    ├── CredentialsInvalid      the Secret's keys are missing, contradict each other or are malformed
    ├── ProxyInvalid            the proxy's Secret is incomplete or malformed
    ├── AuthenticationFailed    the server refused the credentials, or requires some and got none
    ├── HostKeyRejected         the SSH server's host key is unknown or not the one in known_hosts
    ├── RepositoryNotFound      the server has no such repository
    ├── RepositoryEmpty         the repository has no commits yet
    ├── RefInvalid              a malformed range, name or commit
    ├── RefNotFound             no such branch, tag, name or commit, or no tag in the range
    ├── RefNotACommit           the ref leads to something other than a commit
    ├── SparsePathMissing       a path of spec.sparseCheckout does not exist
    ├── SubmoduleFailed         a submodule cannot be fetched
    ├── IncludeFailed           an included repository cannot be copied to its path
    ├── VerificationFailed      a signature is missing, or is not from a trusted key
    ├── IgnoreInvalid           the ignore rules cannot be used
    ├── SourceTooLarge          the repository exceeds the limits of a source
    ├── RemoteUnreachable       no connection, no TLS session, or the server cannot serve requests
    ├── GitTimedOut             the timeout passed
    ├── GitCancelled            the operation was cancelled
    ├── GitFailed               Git failed in another way; the message quotes Git
    │   └── OutputTooLarge      the output exceeds its limit
    └── StorageFailed           the local cache or artifact storage could not be written or read
        └── CacheDamaged        the cache lacks objects

Each has the data for its report (:class:`headgate.borders.BorderError`): ``reason`` and ``condition`` are Flux's for
the failure (source-controller ``api/v1``, ``gitrepository_types.go`` and ``condition_types.go``). No message holds a
credential.
"""

from __future__ import annotations

from typing import TypeVar

from headgate.api import reasons
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
    """A step between a Git remote and an artifact failed."""

    reason: str = reasons.GIT_OPERATION_FAILED
    condition: str = "FetchFailed"
    """The condition that reports it, in addition to Ready."""
    step: str = ""
    """What failed, in Flux's words; the message begins with it."""
    drops_credentials: bool = False
    """Whether cached credentials of the source are no longer valid."""

    @property
    def message(self) -> str:
        return f"{self.step}: {self}" if self.step else str(self)


class UrlInvalid(GitError):
    """The URL is not one that Headgate fetches from."""

    reason = reasons.URL_INVALID
    retry = Retry.ON_CHANGE


class ProviderInvalid(GitError):
    """The provider cannot be used with this object, because a required value is missing.

    ``reason`` and ``retry`` depend on the case.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = reasons.INVALID_PROVIDER_CONFIGURATION,
        retry: Retry = Retry.BACK_OFF,
    ) -> None:
        super().__init__(message)
        self.reason, self.retry = reason, retry


class CredentialsInvalid(GitError):
    """The Secret's keys are missing, contradict each other or are malformed."""

    reason = reasons.AUTHENTICATION_FAILED
    step = "failed to configure authentication options"


class ProxyInvalid(GitError):
    """The proxy's Secret is incomplete or malformed."""

    reason = reasons.AUTHENTICATION_FAILED
    step = "failed to configure proxy options"


class AuthenticationFailed(GitError):
    """The server refused the credentials, or requires some and got none."""

    drops_credentials = True


class HostKeyRejected(GitError):
    """The SSH server's host key is unknown, or is not the one in ``known_hosts``."""


class RepositoryNotFound(GitError):
    """The server has no such repository (or hides it from these credentials)."""


class RepositoryEmpty(GitError):
    """The repository has no commits yet."""

    reason = reasons.EMPTY_GIT_REPOSITORY


class RefInvalid(GitError):
    """``spec.ref`` has a malformed range, name or commit id."""


class RefNotACommit(GitError):
    """The ref leads to a file or a directory, or to another object without files to check out."""


class RefNotFound(GitError):
    """No such branch, tag, name or commit, or no tag in the range."""


class SparsePathMissing(GitError):
    """A path of ``spec.sparseCheckout`` does not exist."""


class SubmoduleFailed(GitError):
    """A submodule cannot be fetched: its URL, commit or depth is at fault."""


class IncludeFailed(GitError):
    """An included repository cannot be copied to its path."""

    reason = reasons.COPY_FAILURE
    condition = "StorageOperationFailed"


class VerificationFailed(GitError):
    """A signature is missing, or is not from a trusted key; ``reason`` says which."""

    condition = "SourceVerified"

    def __init__(self, message: str, *, reason: str, retry: Retry = Retry.BACK_OFF) -> None:
        super().__init__(message)
        self.reason, self.retry = reason, retry


class IgnoreInvalid(GitError):
    """The ignore rules of ``spec.ignore`` or a ``.sourceignore`` cannot be used."""

    reason = reasons.SOURCE_IGNORE_ERROR


class SourceTooLarge(GitError):
    """The repository exceeds the limits of a source: too many files, too much content, or too large an object."""


class RemoteUnreachable(GitError):
    """No connection, no TLS session, or the server answered that it cannot serve requests."""


class GitTimedOut(GitError):
    """The timeout passed."""


class GitCancelled(GitError):
    """The operation was cancelled: the operator stops, or the object has changed and is queued again."""

    retry = Retry.ON_CHANGE
    silent = True


class GitFailed(GitError):
    """Git failed in a way that has no separate class; the message quotes Git."""


class OutputTooLarge(GitFailed):
    """The command printed more than its limit."""


class StorageFailed(GitError):
    """The local cache or the artifact storage could not be written or read."""

    reason = reasons.ARCHIVE_OPERATION_FAILED
    condition = "StorageOperationFailed"


class CacheDamaged(StorageFailed):
    """The local cache lacks objects, as after a power failure; it is created again."""


def unable_to_clone(kind: type[T], url: object, why: str) -> T:
    """The error of a request to a remote, in Flux's words."""
    error = kind(f"unable to clone '{url}': {why}")
    error.step = CHECKOUT
    return error
