"""Answers of an API server become one tree of errors."""

import pytest

from headgate.kube import (
    AlreadyExists,
    ApiError,
    Conflict,
    Gone,
    Invalid,
    NoMatch,
    NotFound,
    ServerError,
    ServerTimeout,
    TooManyRequests,
    Unavailable,
    Unreachable,
)
from headgate.kube.errors import from_status


def status(code: int, reason: str | None, **more: object) -> dict:
    return {"kind": "Status", "code": code, "reason": reason, "message": "what happened", **more}


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (404, "NotFound", NotFound),
        (409, "AlreadyExists", AlreadyExists),
        (409, "Conflict", Conflict),
        (410, "Expired", Gone),
        (410, "Gone", Gone),
        (422, "Invalid", Invalid),
        (429, "TooManyRequests", TooManyRequests),
        (500, None, ServerError),
        (503, "ServiceUnavailable", Unavailable),
        (418, "Teapot", ServerError),
    ],
)
def test_reason_decides(code: int, reason: str | None, expected: type[ApiError]) -> None:
    error = from_status(code, status(code, reason))
    assert type(error) is expected
    assert (str(error), error.status, error.reason) == ("what happened", code, reason or "")


def test_causes_name_the_fields() -> None:
    cause = {"reason": "FieldValueInvalid", "message": "field is immutable", "field": "spec.selector"}
    error = from_status(422, status(422, "Invalid", details={"causes": [cause]}))
    assert [(c.field, c.message) for c in error.causes] == [("spec.selector", "field is immutable")]


def test_details_may_ask_to_wait() -> None:
    error = from_status(429, status(429, "TooManyRequests", details={"retryAfterSeconds": 7}))
    assert error.retry_after == 7.0


def test_an_answer_that_is_not_a_status() -> None:
    error = from_status(502, None, text="<html>bad gateway</html>\n")
    assert type(error) is ServerError
    assert (str(error), error.status) == ("<html>bad gateway</html>", 502)
    assert str(from_status(502, None)) == "the server answered with HTTP status 502"


def test_no_match_reads_as_flux_prints_it() -> None:
    error = NoMatch("nothing.example.test/v1", "Nothing")
    assert str(error) == 'no matches for kind "Nothing" in version "nothing.example.test/v1"'
    assert error.reason == ""


@pytest.mark.parametrize(
    ("error", "maybe"),
    [
        (from_status(403, status(403, "Forbidden")), False),
        (from_status(409, status(409, "Conflict")), False),
        (from_status(422, status(422, "Invalid")), False),
        (from_status(429, None), False),
        (from_status(408, None), True),
        (from_status(500, None), True),
        (from_status(504, status(504, "Timeout")), True),
        (Unreachable("the connection broke"), True),
        (ApiError("whatever it was"), True),
    ],
)
def test_what_is_surely_a_refusal(error: ApiError, maybe: bool) -> None:
    assert error.maybe_done is maybe


def test_a_kind_that_is_not_served_is_not_an_object_that_is_gone() -> None:
    """Its objects may live on in another version: whoever takes a missing object for gone must not take this for it."""
    assert not isinstance(NoMatch("nothing.example.test/v1", "Nothing"), NotFound)
    gone = from_status(404, status(404, "NotFound", details={"name": "web", "kind": "things"}))
    unserved = from_status(404, status(404, "NotFound", details={}))
    assert isinstance(gone, NotFound)
    assert gone.names_object
    assert isinstance(unserved, NotFound)
    assert not unserved.names_object


def test_what_passes_by_itself_and_what_was_not_answered() -> None:
    passing = {each for each in _classes(ApiError) if each.passes}
    assert passing == {Conflict, TooManyRequests, Unavailable, ServerTimeout, Unreachable}
    assert {each for each in _classes(ApiError) if not each.is_answer} == {ServerTimeout, Unreachable}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ApiError("no", status=413), True),
        (ServerError("etcdserver: Request is too large", status=500), True),
        (Invalid("must be no longer than 63", status=422), False),
    ],
)
def test_an_object_that_is_too_large(error: ApiError, expected: bool) -> None:
    assert error.is_too_large == expected


@pytest.mark.parametrize(
    ("status", "expected"), [(0, False), (399, False), (400, True), (499, True), (500, False)]
)
def test_a_refusal_is_an_answer_to_the_request_itself(status: int, expected: bool) -> None:
    assert ApiError("no", status=status).is_refusal == expected


def _classes(root: type[ApiError]) -> set[type[ApiError]]:
    """The classes of the tree; a private one counts as its base."""
    public = {each for each in root.__subclasses__() if not each.__name__.startswith("_")}
    return public.union(*map(_classes, public))
