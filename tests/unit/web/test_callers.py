"""Who may call a Receiver: for each type, valid proofs as the sender makes them, and everything that is not a proof."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from multidict import CIMultiDict

from headgate.api.receiver import TYPES
from headgate.web.callers import Call, CallRefused, check, request_of

TOKEN = b"t0ken"
BODY = json.dumps({"ref": "refs/heads/main"}).encode()
JSON = {"Content-Type": "application/json"}


def sign(body: bytes = BODY, name: str = "sha256", token: bytes = TOKEN) -> str:
    return f"{name}={hmac.new(token, body, name).hexdigest()}"


def call(headers: dict[str, str], body: bytes = BODY) -> Call:
    return Call(CIMultiDict(headers), body)


NEXUS = {"X-Nexus-Webhook-Signature": hmac.new(TOKEN, BODY, hashlib.sha1).hexdigest()}
FORM = b"payload=%7B%22ref%22%3A%22main%22%7D"
GENUINE = {
    "generic": [call({}, b"")],
    "generic-hmac": [call({"X-Signature": sign(name=name)}) for name in ("sha1", "sha256", "sha512")],
    "github": [
        call({**JSON, "X-Hub-Signature-256": sign()}),
        call({**JSON, "X-Hub-Signature": sign(name="sha1")}),
        call(
            {
                "content-type": "application/json; charset=utf-8",
                "x-hub-signature-256": sign().upper()[:7].lower() + sign()[7:].upper(),
            }
        ),
        call({"Content-Type": "application/x-www-form-urlencoded", "X-Hub-Signature-256": sign(FORM)}, FORM),
    ],
    "bitbucket": [call({**JSON, "X-Hub-Signature": sign()})],
    "gitlab": [call({"X-Gitlab-Token": "t0ken"})],
    "harbor": [call({"Authorization": "t0ken"})],
    "nexus": [call(NEXUS)],
    "dockerhub": [call({})],
    "quay": [call({})],
    "acr": [call({})],
}
REFUSED = [
    ("generic-hmac", call({}), "the signature is missing"),
    ("generic-hmac", call({"X-Signature": sign()[7:]}), "the signature is missing"),
    ("generic-hmac", call({"X-Signature": sign(token=b"other")}), "does not match"),
    ("generic-hmac", call({"X-Signature": sign()}, BODY + b" "), "does not match"),
    ("generic-hmac", call({"X-Signature": "md5=00"}), "hash 'md5' is not one of sha1, sha256, sha512"),
    ("generic-hmac", call({"X-Signature": "sha256=\udcff"}), "does not match"),
    ("generic-hmac", call({"X-Hub-Signature-256": sign()}), "the signature is missing"),
    ("github", call({**JSON}), "the signature is missing"),
    ("github", call({**JSON, "X-Hub-Signature-256": sign(token=b"other")}), "does not match"),
    # The better signature counts where there are two.
    (
        "github",
        call({**JSON, "X-Hub-Signature-256": sign(token=b"other"), "X-Hub-Signature": sign()}),
        "does not match",
    ),
    ("github", call({"X-Hub-Signature-256": sign()}), "the content type '' is neither"),
    (
        "github",
        call({"Content-Type": "text/plain", "X-Hub-Signature-256": sign()}),
        "content type 'text/plain'",
    ),
    (
        "github",
        call({"Content-Type": "application/x-www-form-urlencoded", "X-Hub-Signature-256": sign()}),
        "the form has no field 'payload'",
    ),
    ("bitbucket", call({**JSON, "X-Hub-Signature": "sha256="}), "does not match"),
    ("gitlab", call({}), "X-Gitlab-Token does not match"),
    ("gitlab", call({"X-Gitlab-Token": "t0keN"}), "X-Gitlab-Token does not match"),
    ("harbor", call({"Authorization": "Bearer t0ken"}), "Authorization does not match"),
    ("nexus", call({}), "X-Nexus-Webhook-Signature does not match"),
    ("nexus", call(NEXUS, BODY + b" "), "X-Nexus-Webhook-Signature does not match"),
    ("dockerhub", call({}, b"not json"), "not valid JSON"),
    ("quay", call({}, b"[]"), "not a JSON object"),
    ("acr", call({}, b""), "not valid JSON"),
]


def test_every_type_is_in_the_table() -> None:
    assert GENUINE.keys() == set(TYPES)


@pytest.mark.parametrize("sort", TYPES)
def test_a_genuine_call_is_taken(sort: str) -> None:
    for each in GENUINE[sort]:
        check(sort, each, TOKEN, ())


@pytest.mark.parametrize(("sort", "each", "says"), REFUSED)
def test_any_other_is_refused_and_the_reason_holds_no_secret(sort: str, each: Call, says: str) -> None:
    with pytest.raises(CallRefused, match=says) as refusal:
        check(sort, each, TOKEN, ())
    assert "t0ken" not in str(refusal.value)
    assert "t0ken" not in repr(each)
    assert sign()[7:] not in str(refusal.value)


@pytest.mark.parametrize("sort", TYPES)
def test_an_empty_token_opens_nothing(sort: str) -> None:
    with pytest.raises(CallRefused, match="the Receiver's token is empty"):
        check(sort, GENUINE[sort][0], b"", ())


@pytest.mark.parametrize(
    ("sort", "header", "wanted", "other"),
    [
        ("github", "X-GitHub-Event", "push", "ping"),
        ("gitlab", "X-Gitlab-Event", "Push Hook", "Tag Push Hook"),
        ("bitbucket", "X-Event-Key", "repo:refs_changed", "pr:opened"),
    ],
)
def test_only_the_events_asked_for_are_taken(sort: str, header: str, wanted: str, other: str) -> None:
    genuine = GENUINE[sort][0]

    def with_event(event: str) -> Call:
        return Call(CIMultiDict({**genuine.headers, header: event}), genuine.body)

    check(sort, with_event(wanted.upper()), TOKEN, ("x", wanted))
    check(sort, with_event(other), TOKEN, ())
    for event in (other, ""):
        with pytest.raises(CallRefused, match="not one of the Receiver's"):
            check(sort, with_event(event), TOKEN, (wanted,))


def test_events_of_types_that_name_none_are_not_looked_at() -> None:
    check("generic-hmac", GENUINE["generic-hmac"][0], TOKEN, ("push",))


def test_filters_see_json_only() -> None:
    assert request_of(call(JSON)) == {"ref": "refs/heads/main"}
    assert request_of(call({})) == {}
    assert request_of(call({"Content-Type": "text/plain"}, b"nothing")) == {}
    with pytest.raises(CallRefused, match="not a JSON object"):
        request_of(call(JSON, b"1"))
