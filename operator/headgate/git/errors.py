"""What can go wrong between a Git remote and an artifact, as one small tree of exceptions.

    GitError
    ├── UrlInvalid              the URL is not one that Headgate fetches from
    ├── ProviderInvalid         the provider cannot be used with this object: what it needs is not given
    ├── CredentialsError        the Secret's keys are missing, contradict each other or are malformed
    ├── AuthenticationFailed    the server refused the credentials, or wants some and has been given none
    ├── HostKeyMismatch         the SSH server's host key is unknown, or not the one in known_hosts
    ├── RepositoryNotFound      the server knows no such repository
    ├── RepositoryEmpty         the repository has no commits yet
    ├── RefInvalid              the reference cannot name anything: a malformed range, name or commit
    ├── RefNotFound             no such branch, tag, name or commit, or no tag in the range
    ├── NotACommit              the reference leads to something else than a commit
    ├── SparsePathMissing       there is nothing at a path of spec.sparseCheckout
    ├── SubmoduleFailed         a submodule cannot be had
    ├── IncludeFailed           an included repository cannot be put where it belongs
    ├── VerificationFailed      a signature is missing, or is not of a key that is trusted
    ├── IgnoreInvalid           the rules for leaving files out cannot be used
    ├── SourceTooLarge          the repository holds more than a source may
    ├── RemoteUnreachable       no connection, no TLS session, or the server is out of order
    ├── GitTimeout              the time limit passed
    ├── GitCancelled            the operation was called off
    ├── GitFailed               Git failed in another way; the message carries its own words
    └── StorageError            the local cache or artifact storage could not be written or read

``reason`` is the condition reason Flux gives the failure (source-controller ``api/v1``,
``gitrepository_types.go`` and ``condition_types.go``). ``stalling`` tells that retrying cannot help until
the object changes. No message ever holds a credential.
"""

from __future__ import annotations

__all__ = [
    "AuthenticationFailed",
    "CacheDamaged",
    "CredentialsError",
    "GitCancelled",
    "GitError",
    "GitFailed",
    "GitTimeout",
    "HostKeyMismatch",
    "IgnoreInvalid",
    "IncludeFailed",
    "NotACommit",
    "ProviderInvalid",
    "RefInvalid",
    "RefNotFound",
    "RemoteUnreachable",
    "RepositoryEmpty",
    "RepositoryNotFound",
    "SourceTooLarge",
    "SparsePathMissing",
    "StorageError",
    "SubmoduleFailed",
    "UrlInvalid",
    "VerificationFailed",
]


class GitError(Exception):
    """Something between a Git remote and an artifact failed; ``str(error)`` is one sentence for the user."""

    reason: str = "GitOperationFailed"
    stalling: bool = False
    retry_after: float | None = None
    """Seconds after which the server wants to be asked again; None: it did not say."""


class UrlInvalid(GitError):
    """The URL is not one that Headgate fetches from."""

    reason = "URLInvalid"
    stalling = True


class ProviderInvalid(GitError):
    """The provider cannot be used with this object, because what it needs is not given.

    ``reason`` and ``stalling`` differ from case to case.
    """

    def __init__(
        self, message: str, *, reason: str = "InvalidProviderConfiguration", stalling: bool = False
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.stalling = stalling


class CredentialsError(GitError):
    """The Secret's keys are missing, contradict each other or are malformed."""

    reason = "AuthenticationFailed"


class AuthenticationFailed(GitError):
    """The server refused the credentials, or wants some and has been given none."""


class HostKeyMismatch(GitError):
    """The SSH server's host key is unknown, or is not the one in ``known_hosts``."""


class RepositoryNotFound(GitError):
    """The server knows no such repository (or hides it from these credentials)."""


class RepositoryEmpty(GitError):
    """The repository has no commits yet."""

    reason = "EmptyGitRepository"


class RefInvalid(GitError):
    """The reference asked for cannot name anything: a malformed range, name or commit id."""


class NotACommit(GitError):
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


class VerificationFailed(GitError):
    """A signature is missing, or is not one of a key that is trusted; ``reason`` tells which."""

    def __init__(self, message: str, *, reason: str, stalling: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.stalling = stalling


class IgnoreInvalid(GitError):
    """The rules for leaving files out, in ``spec.ignore`` or a ``.sourceignore``, cannot be used."""

    reason = "SourceIgnoreError"


class SourceTooLarge(GitError):
    """The repository holds more than a source may: too many files, too much content, or an object that is too large."""


class RemoteUnreachable(GitError):
    """No connection, no TLS session, or the server answered that it is out of order."""


class GitTimeout(GitError):
    """The time limit passed."""


class GitCancelled(GitError):
    """The operation was called off, because the operator stops or the object went."""


class GitFailed(GitError):
    """Git failed in a way that has no class of its own; the message carries Git's own words."""


class StorageError(GitError):
    """The local cache or the artifact storage could not be written or read."""

    reason = "ArchiveOperationFailed"


class CacheDamaged(StorageError):
    """The local cache lacks objects it should have, as after a power failure; it is made anew."""
