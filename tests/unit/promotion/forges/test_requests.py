"""Requests to a forge: where the token goes, how long they wait, what they repeat, and how they explain a refusal."""

from __future__ import annotations

import contextlib
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from headgate.promotion.errors import ForgeError
from headgate.promotion.forges import http
from headgate.promotion.forges.client import ForgeClient
from headgate.promotion.forges.comments import marker
from headgate.promotion.forges.opening import open_forge
from headgate.promotion.forges.repository import ForgeChoice, ForgeKind, Repository
from headgate.promotion.forges.tokens import VARIABLE
from tests.support.forgeserver import TOKEN, Fault, ForgeServer
from tests.support.serving import serving

pytestmark = pytest.mark.usefixtures("waited")

MARKER = marker("diff", "all")
ENVIRONMENT = {VARIABLE: TOKEN}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_request_that_changes_nothing_is_repeated(
    forge: ForgeServer, client: ForgeClient, status: int
) -> None:
    forge.faults.append(Fault("GET", ".*", status=status, times=3))
    assert client.pull_request("topic", "main") is not None
    assert len(forge.requests) == 4


def test_repetitions_end(forge: ForgeServer, client: ForgeClient) -> None:
    forge.faults.append(Fault("GET", ".*", status=503, times=99))
    with pytest.raises(ForgeError, match="answered 503 Service Unavailable"):
        client.pull_request("topic", "main")
    assert len(forge.requests) == http.ATTEMPTS


@pytest.mark.parametrize(("status", "method"), [(429, "GET"), (503, "GET"), (429, "POST"), (403, "POST")])
def test_it_waits_as_long_as_the_forge_asks(
    forge: ForgeServer, client: ForgeClient, waited: list[float], status: int, method: str
) -> None:
    """GitHub's secondary rate limit is a 403 with Retry-After."""
    forge.faults.append(Fault(method, ".*", status=status, headers={"Retry-After": "7"}))
    client.comment(1, MARKER, "one")
    assert 7 in waited
    assert len(forge.comments[1]) == 1


def test_it_does_not_wait_for_an_hour(forge: ForgeServer, client: ForgeClient, waited: list[float]) -> None:
    forge.faults.append(Fault("GET", ".*", status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(ForgeError, match="wait 3600 s"):
        client.pull_request("topic", "main")
    assert waited == []


def test_a_time_to_come_back_that_makes_no_sense_is_no_crash(forge: ForgeServer, client: ForgeClient) -> None:
    forge.faults.append(Fault("GET", ".*", status=429, headers={"Retry-After": "soon"}))
    assert client.pull_request("topic", "main") is not None


def test_a_rate_limit_that_is_used_up_is_named(forge: ForgeServer, client: ForgeClient) -> None:
    forge.faults.append(Fault("GET", ".*", status=403, headers={"X-RateLimit-Remaining": "0"}))
    with pytest.raises(ForgeError, match="rate limit of the token is used up"):
        client.pull_request("topic", "main")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(
    forge: ForgeServer, client: ForgeClient, status: int
) -> None:
    with ForgeServer(forge.kind) as other:
        forge.faults.append(Fault("GET", ".*", status=status, headers={"Location": f"{other.web}/api/x"}))
        with pytest.raises(ForgeError, match="another host; the token is not sent there"):
            client.pull_request("topic", "main")
        assert other.requests == []


def test_a_redirect_within_the_host_is_followed(forge: ForgeServer, client: ForgeClient) -> None:
    """As GitHub answers for a repository that was renamed."""
    there = f"{forge.repository.api}/user"
    forge.faults.append(Fault("GET", ".*", status=301, headers={"Location": there}))
    client.pull_request("topic", "main")
    assert [each.path for each in forge.requests][1] == "/user"


def test_redirects_end(forge: ForgeServer, client: ForgeClient) -> None:
    forge.faults.append(Fault("GET", ".*", status=307, headers={"Location": "/again"}, times=99))
    with pytest.raises(ForgeError, match="redirects without end"):
        client.pull_request("topic", "main")


def test_a_change_is_not_sent_to_where_a_repository_has_moved(
    forge: ForgeServer, client: ForgeClient
) -> None:
    forge.faults.append(Fault("POST", ".*", status=301, headers={"Location": "/elsewhere"}))
    with pytest.raises(ForgeError, match="has moved"):
        client.comment(1, MARKER, "one")
    assert forge.comments == {}


@pytest.mark.parametrize(
    ("link", "pages"),
    [
        ('<https://evil.example/next>; rel="next"', ["1", "2"]),
        ('<http://127.0.0.1:1/next>; rel="prev", <>;  rel="next"', ["1", "2"]),
        ('<>; rel="next", ' * 2000, ["1", "2"]),
        ('<https://evil.example/>; rel="last"', ["1"]),
        ('rel="next"', ["1"]),
        (",;,;<", ["1"]),
    ],
)
def test_links_to_other_pages_are_not_followed_where_they_lead(
    forge: ForgeServer, client: ForgeClient, link: str, pages: list[str]
) -> None:
    """Only that there is another page counts, so a lying server cannot send the token elsewhere."""
    forge.faults.append(Fault("GET", ".*", status=200, headers={"Link": link}, body=b"[]"))
    assert client.pull_request("topic", "main") is None
    assert [each.query.get("page") for each in forge.requests] == pages


def test_pages_end(forge: ForgeServer, client: ForgeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_PAGES", 5)
    forge.faults.append(
        Fault("GET", ".*", status=200, headers={"Link": '</>; rel="next"'}, body=b"[]", times=99)
    )
    with pytest.raises(ForgeError, match="more than 5 pages"):
        client.pull_request("topic", "main")
    assert len(forge.requests) == 5


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    forge: ForgeServer, client: ForgeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 100_000)
    forge.faults.append(Fault("GET", ".*", status=200, body=b"[" + b" " * 5_000_000 + b"]"))
    with pytest.raises(ForgeError, match="more than 100000 bytes"):
        client.pull_request("topic", "main")


def test_a_compressed_answer_is_not_unpacked(forge: ForgeServer, client: ForgeClient) -> None:
    forge.faults.append(
        Fault("GET", ".*", status=200, headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b")
    )
    with pytest.raises(ForgeError, match="compressed answer"):
        client.pull_request("topic", "main")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"\xff",
        b"[" * 100_000,
        b'"text"',
        b"7",
        b'{"a": 1}',
        b"[1, null, [], {}]",
        b'[{"head": 7}]',
        b"",
    ],
)
def test_answers_that_make_no_sense_are_errors_or_nothing(
    forge: ForgeServer, client: ForgeClient, body: bytes
) -> None:
    """Whatever a server sends, the command ends with its own error, or finds nothing."""
    forge.faults.append(Fault("GET", ".*", status=200, body=body))
    with contextlib.suppress(ForgeError):
        assert client.pull_request("topic", "main") is None


def test_an_answer_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends a byte now and then does not keep the command."""
    monkeypatch.undo()
    monkeypatch.setattr(http, "TIMEOUT", 0.5)

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * 65536)
                    time.sleep(0.05)
            except OSError:
                pass

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    repository = Repository(ForgeKind.GITHUB, f"http://127.0.0.1:{server.server_address[1]}", "org/fleet")
    opened = open_forge(repository, ForgeChoice(), ENVIRONMENT)
    with serving(server), opened as client, pytest.raises(ForgeError, match="did not finish its answer"):
        client.pull_request("topic", "main")


def test_a_server_that_is_not_there_is_named(forge: ForgeServer) -> None:
    repository = Repository(forge.kind, "http://127.0.0.1:1", "org/fleet")
    opened = open_forge(repository, ForgeChoice(), ENVIRONMENT)
    with (
        opened as client,
        pytest.raises(ForgeError, match=r"'127\.0\.0\.1:1' did not answer: connection refused"),
    ):
        client.pull_request("topic", "main")


# ---- refusals


def refusal(client: ForgeClient) -> str:
    with pytest.raises(ForgeError) as caught:
        client.comment(1, MARKER, "one")
    text = str(caught.value)
    assert TOKEN not in text
    assert "\n" not in text
    return text


def test_a_wrong_token_is_named_by_where_it_comes_from(forge: ForgeServer) -> None:
    with open_forge(forge.repository, ForgeChoice(), {VARIABLE: "wrong"}) as client:
        text = refusal(client)
    assert f"does not accept the token from {VARIABLE}: it is wrong, expired or revoked" in text


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_without_the_right_is_told_which_one(
    forge: ForgeServer, client: ForgeClient, status: int
) -> None:
    forge.denied["POST .*/(comments|notes)"] = (status, "Resource not accessible by integration")
    text = refusal(client)
    needed = {
        ForgeKind.GITHUB: "'pull-requests: write'",
        ForgeKind.GITLAB: "scope 'api'",
        ForgeKind.GITEA: "'write:issue'",
    }
    assert f"{needed[forge.kind]}" in text
    assert VARIABLE in text


@pytest.mark.parametrize("number", [2, 99])
def test_a_pull_request_that_does_not_exist_is_named(
    forge: ForgeServer, client: ForgeClient, number: int
) -> None:
    with pytest.raises(ForgeError, match=rf"has no pull request {number} of org/fleet"):
        client.comment(number, MARKER, "one")


def test_a_repository_that_does_not_exist_is_named(forge: ForgeServer) -> None:
    repository = Repository(forge.kind, forge.web, "org/gone")
    opened = open_forge(repository, ForgeChoice(), ENVIRONMENT)
    with opened as client, pytest.raises(ForgeError, match="has no org/gone, or the token"):
        client.pull_request("topic", "main")


def test_the_token_of_a_gitlab_job_is_told_that_it_cannot() -> None:
    with ForgeServer(ForgeKind.GITLAB) as forge:
        environment = {"CI_JOB_TOKEN": "job", "CI_SERVER_URL": forge.web}
        opened = open_forge(forge.repository, ForgeChoice(), environment)
        with (
            opened as client,
            pytest.raises(ForgeError, match="CI_JOB_TOKEN has no access to merge requests"),
        ):
            client.comment(1, MARKER, "one")
        assert forge.requests[0].headers["job-token"] == "job"
        assert "authorization" not in forge.requests[0].headers


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            b'{"message": "Validation Failed", "errors": [{"message": "No commits between main and topic"}]}',
            "No commits",
        ),
        (b'{"message": {"base": ["is invalid", "is odd"]}}', "base is invalid; base is odd"),
        (b'{"error": "insufficient_scope"}', "insufficient_scope"),
        (
            b'{"errors": [{"resource": "PullRequest", "field": "base", "code": "invalid"}]}',
            "PullRequest base invalid",
        ),
        (b'{"message": ["a", "a", "b"]}', "a; b"),
        (b'{"message": "x\\n\\u001b[31mred\\u202e"}', "x"),
        (json.dumps({"message": "y" * 10_000}).encode(), "yyy"),
        (b"<html>proxy error</html>", "422"),
        (b"[" * 100_000, "422"),
        (json.dumps({"message": f"bad header token {TOKEN}"}).encode(), "***"),
    ],
)
def test_what_the_forge_says_is_shown_in_one_short_line(
    forge: ForgeServer, client: ForgeClient, body: bytes, shown: str
) -> None:
    forge.faults.append(Fault("POST", ".*", status=422, body=body))
    text = refusal(client)
    assert shown in text
    assert text.isprintable()
    assert len(text) < 600


def test_nothing_shows_the_token(client: ForgeClient) -> None:
    assert TOKEN not in repr(client.__dict__["_token"])
    assert TOKEN not in repr(client)
