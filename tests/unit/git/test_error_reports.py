"""Each error carries what its report needs, so that no layer above checks classes."""

from __future__ import annotations

import pytest

from headgate.api import reasons
from headgate.borders import BorderError, Retry
from headgate.git import errors
from headgate.git.errors import GitError, unable_to_clone
from headgate.reconcile.source.errors import (
    IncludeUnavailable,
    IncludeUnopened,
    SecretUnreadable,
    SourceError,
)

CASES: list[tuple[GitError, str, str]] = [
    (errors.RepositoryNotFound("x"), reasons.FETCH_FAILED, reasons.GIT_OPERATION_FAILED),
    (errors.UrlInvalid("x"), reasons.FETCH_FAILED, reasons.URL_INVALID),
    (errors.CredentialsInvalid("x"), reasons.FETCH_FAILED, reasons.AUTHENTICATION_FAILED),
    (errors.ProxyInvalid("x"), reasons.FETCH_FAILED, reasons.AUTHENTICATION_FAILED),
    (errors.IgnoreInvalid("x"), reasons.FETCH_FAILED, "SourceIgnoreError"),
    (errors.IncludeFailed("x"), reasons.STORAGE_OPERATION_FAILED, "CopyFailure"),
    (errors.StorageFailed("x"), reasons.STORAGE_OPERATION_FAILED, "ArchiveOperationFailed"),
    (errors.CacheDamaged("x"), reasons.STORAGE_OPERATION_FAILED, "ArchiveOperationFailed"),
    (
        errors.VerificationFailed("x", reason="InvalidTagSignature"),
        reasons.SOURCE_VERIFIED,
        "InvalidTagSignature",
    ),
]


@pytest.mark.parametrize(("error", "condition", "reason"), CASES, ids=lambda case: type(case).__name__)
def test_an_error_names_its_condition_and_reason(error: GitError, condition: str, reason: str) -> None:
    assert (error.condition, error.reason, error.retry) == (
        condition,
        reason,
        Retry.ON_CHANGE if isinstance(error, errors.UrlInvalid) else Retry.BACK_OFF,
    )


def test_a_question_to_a_remote_fails_in_flux_s_words() -> None:
    error = unable_to_clone(errors.RefNotFound, "https://host/repo", "no such branch")
    assert str(error) == "unable to clone 'https://host/repo': no such branch"
    assert error.message == f"failed to checkout and determine revision: {error}"


def test_other_errors_are_reported_as_they_are() -> None:
    assert errors.RefNotFound("no such branch").message == "no such branch"
    assert errors.CredentialsInvalid("no key").message == "failed to configure authentication options: no key"
    assert errors.ProxyInvalid("no address").message == "failed to configure proxy options: no address"


def test_only_a_refusal_of_the_server_drops_credentials() -> None:
    dropping = {each.__name__ for each in _all(BorderError) if getattr(each, "drops_credentials", False)}
    assert dropping == {"AuthenticationFailed"}


def test_only_what_passes_by_itself_is_silent() -> None:
    silent = {
        each.__name__ for root in (GitError, SourceError) for each in (root, *_all(root)) if each.silent
    }
    assert silent == {"GitCancelled", "IncludeUnopened"}


def test_an_include_waits_for_the_other_repository() -> None:
    waiting = IncludeUnavailable("not found", reasons.NOT_FOUND)
    assert (waiting.condition, waiting.retry) == (reasons.INCLUDE_UNAVAILABLE, Retry.DEPENDENCY)
    assert IncludeUnopened("other").retry is Retry.SOON
    unreadable = SecretUnreadable("forbidden", reasons.VERIFICATION_ERROR, reasons.SOURCE_VERIFIED)
    assert (unreadable.condition, unreadable.retry) == (reasons.SOURCE_VERIFIED, Retry.BACK_OFF)


def _all(root: type[BorderError]) -> set[type[BorderError]]:
    return {each for below in root.__subclasses__() for each in (below, *_all(below))}
