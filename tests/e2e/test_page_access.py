"""Who sees what of the status page, by the rights that a real API server gives: two teams with one namespace each."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from controlplane import Cluster
from headgate.page.site import page_server
from headgate.settings import ClusterSettings, PageSettings
from headgate.web.connections import ConnectionLimits
from headgate.web.metrics import Metrics
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, Api, until
from tests.support.pages import PATIENCE, Board, PlainContent, kustomization
from tests.support.workspace import namespace_prefix

pytestmark = pytest.mark.e2e

Obj = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
SHORT = "1s"
PROXY = {"X-Forwarded-User": "jane", "X-Forwarded-Groups": "devs"}


class Team:
    """A namespace with a Kustomization, and an account that may view it."""

    def __init__(self, api: Api, namespace: str, role: str = "view") -> None:
        self.api, self.namespace, self.role = api, namespace, role
        api.create_namespace(namespace)
        meta = {"name": "viewer", "namespace": namespace}
        self._meta = meta
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        self.shown = f"of-{namespace}"
        self.user = f"system:serviceaccount:{namespace}:viewer"

    def bind(self, role: str | None = None, verb: str = "list") -> None:
        """Give the account a role in the namespace: by default, to view it."""
        self.api.apply(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": self._meta,
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role or self.role},
                "subjects": [{"kind": "ServiceAccount", **self._meta}],
            }
        )
        until(f"{self.user} may {verb}", lambda: self.may(verb))

    def unbind(self) -> None:
        self.api.delete(f"{RBAC}/v1", "RoleBinding", "viewer", self.namespace)
        until(f"{self.user} may no longer list", lambda: not self.may("list"))

    def may(self, verb: str) -> bool:
        attributes = {
            "namespace": self.namespace,
            "verb": verb,
            "group": "kustomize.toolkit.fluxcd.io",
            "resource": "kustomizations",
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": self.user, "resourceAttributes": attributes},
        }
        answer = self.api.rest.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    def token(self, audiences: list[str] | None = None) -> str:
        path = self.api.path("v1", "ServiceAccount", self.namespace, "viewer")
        spec: Obj = {"expirationSeconds": 3600, **({"audiences": audiences} if audiences else {})}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self.api.rest.request("POST", f"{path}/token", request)["status"]["token"])


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return namespace_prefix(request)


@pytest.fixture
def two(api: Api, prefix: str) -> Iterator[tuple[Team, Team]]:
    found = Team(api, f"{prefix}-a"), Team(api, f"{prefix}-b")
    for each in found:
        each.bind()
    yield found
    for each in found:
        api.delete("v1", "Namespace", each.namespace)


@pytest.fixture
def board(two: tuple[Team, Team]) -> Board:
    return Board(*(kustomization(each.namespace, each.shown) for each in two))


@asynccontextmanager
async def page(board: Board, kubeconfig: Path, settings: PageSettings) -> AsyncIterator[str]:
    cluster = ClusterSettings(kubeconfig=str(kubeconfig))
    limits = ConnectionLimits(share=1)
    settings = replace(settings, address="127.0.0.1:0")
    async with page_server(settings, cluster, board, PlainContent(), limits, Metrics()) as server:
        yield f"http://127.0.0.1:{server.port('page')}"


async def get(url: str, token: str = "", **headers: str) -> tuple[int, str]:
    sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **headers}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(url, headers=sent, allow_redirects=False) as answer,
    ):
        return answer.status, await answer.text()


TOKEN = PageSettings(auth="token", access_cache=1.0)


async def test_each_team_sees_its_own_namespace_and_nothing_of_the_other(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    async with page(board, account, TOKEN) as url:
        for own, other in (two, two[::-1]):
            token = own.token()
            for path in ("/", "/status.json", "/why.json", "/work"):
                status, text = await get(url + path, token)
                assert status == 200
                assert other.namespace not in text
                assert own.namespace in text or path == "/why.json"
            status, text = await get(url + "/", token)
            assert "<b>1</b>" in text
            found = json.loads((await get(url + "/status.json", token))[1])
            assert sum(found["counts"].values()) == 1
            assert (
                await get(f"{url}/why.json?namespace={other.namespace}&name=of-{other.namespace}", token)
            )[0] == 404
            status, text = await get(f"{url}/status.json?namespace={other.namespace}", token)
            assert json.loads(text)["objects"] == []


async def test_nobody_without_a_valid_token_sees_anything(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    async with page(board, account, TOKEN) as url:
        tokens = ["", "x", "a.b.c", two[0].token()[:-8] + "AAAAAAAA", two[0].token(["another-audience"])]
        for token in tokens:
            for path in ("/", "/status.json", "/why.json", "/stream?page=/", "/nothing"):
                status, text = await get(url + path, token)
                assert status == 401, path
                assert two[0].namespace not in text
        status, text = await get(url + "/", "", Accept="text/html")
        assert status == 303
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers={"Authorization": "Basic YTpi"}) as answer,
        ):
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_removed_binding_hides_the_namespace_also_on_an_open_page(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    own = two[0]
    async with page(board, account, TOKEN) as url, aiohttp.ClientSession(read_bufsize=2**24) as session:
        headers = {"Authorization": f"Bearer {own.token()}"}
        async with session.get(f"{url}/stream?page=/", headers=headers) as stream:
            await _reads(stream, own.shown)
            own.unbind()
            await _reads(stream, "<b>0</b>")
        assert own.shown not in (await get(url + "/", own.token()))[1]
        own.bind()
        await _appears(own.shown, url, own.token())


async def test_a_token_of_a_deleted_account_ends_also_on_an_open_page(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    own = two[0]
    token = own.token()
    async with page(board, account, TOKEN) as url, aiohttp.ClientSession(read_bufsize=2**24) as session:
        async with session.get(
            f"{url}/stream?page=/", headers={"Authorization": f"Bearer {token}"}
        ) as stream:
            await _reads(stream, own.shown)
            own.api.delete("v1", "ServiceAccount", "viewer", own.namespace)
            # The API server itself remembers a good token for ten seconds.
            await _reads(stream, '"state":"login"')
        assert (await get(url + "/", token))[0] == 401


async def _appears(wanted: str, url: str, token: str = "", **headers: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while wanted not in (await get(url + "/", token, **headers))[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _reads(stream: aiohttp.ClientResponse, wanted: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while wanted not in (await stream.content.readline()).decode():
            pass


async def test_a_right_for_one_kind_only_is_not_enough(
    api: Api, two: tuple[Team, Team], board: Board, account: Path, prefix: str
) -> None:
    own = two[0]
    own.unbind()
    role = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": prefix},
        "rules": [
            {
                "apiGroups": ["kustomize.toolkit.fluxcd.io"],
                "resources": ["kustomizations"],
                "verbs": ["get", "list"],
            }
        ],
    }
    api.apply(role)
    own.bind(prefix)
    async with page(board, account, TOKEN) as url:
        assert own.shown not in (await get(url + "/", own.token()))[1]
    api.delete(f"{RBAC}/v1", "ClusterRole", prefix)


@pytest.fixture
def nowhere(account: Path, tmp_path: Path) -> Path:
    """The operator's kubeconfig with an API server that does not answer."""
    config = yaml.safe_load(account.read_text())
    for each in config["clusters"]:
        each["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "nowhere.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


async def test_without_an_answer_of_the_api_server_nobody_sees_anything(
    two: tuple[Team, Team], board: Board, nowhere: Path
) -> None:
    async with page(board, nowhere, TOKEN) as url:
        for path in ("/", "/status.json", "/stream?page=/"):
            status, text = await get(url + path, two[0].token())
            assert status == 503
            assert two[0].namespace not in text


# Logins


class Browser:
    """Keeps cookies as a browser does on localhost, where it takes secure ones without TLS."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []

    async def request(
        self, method: str, path: str, data: Obj | None = None, **headers: str
    ) -> tuple[int, str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Accept": "text/html", **({"Cookie": cookie} if cookie else {})}
        if method == "POST":
            sent |= {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                method, self.url + path, data=data, headers={**sent, **headers}, allow_redirects=False
            ) as answer,
        ):
            for each in answer.headers.getall("Set-Cookie", []):
                self.set.append(each)
                for name, morsel in SimpleCookie(each).items():
                    self.cookies[name] = morsel.value
                    if morsel["max-age"] == "0":
                        del self.cookies[name]
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def log_in(self, token: str, onward: str = "/", **changed: str) -> tuple[int, str, str]:
        _, _, form = await self.request("GET", "/login")
        secret = re.search(r'name="secret" value="([^"]*)"', form)
        assert secret is not None
        return await self.request(
            "POST", "/login", {"token": token, "secret": secret[1], "onward": onward, **changed}
        )


async def test_a_login_keeps_the_token_in_the_operator_and_an_id_in_the_browser(
    two: tuple[Team, Team], board: Board, account: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    own, other = two
    token = own.token()
    async with page(board, account, TOKEN) as url:
        browser = Browser(url)
        status, location, _ = await browser.request("GET", "/work?q=1")
        assert (status, location) == (303, "/login?onward=/work%3Fq%3D1")
        status, location, _ = await browser.log_in(f" {token}\n", "/work?q=1")
        assert (status, location) == (303, "/work?q=1")
        (cookie,) = [each for each in browser.set if each.startswith("__Host-headgate=")]
        attributes = {each.strip().lower() for each in cookie.split(";")[1:]}
        assert attributes == {"path=/", "secure", "httponly", "samesite=strict"}
        assert token not in "".join(browser.set)
        status, _, text = await browser.request("GET", "/")
        assert status == 200
        assert own.namespace in text
        assert other.namespace not in text
        assert token not in text
        before = dict(browser.cookies)
        status, location, _ = await browser.request("POST", "/logout")
        assert (status, location) == (303, "/login")
        assert "__Host-headgate" not in browser.cookies
        browser.cookies = before
        assert (await browser.request("GET", "/"))[0] == 303
    assert token not in caplog.text


async def test_a_login_goes_only_to_pages_of_this_host(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    async with page(board, account, TOKEN) as url:
        for onward in (
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: a=b",
            "",
            "/login",
            "/logout",
        ):
            status, location, _ = await Browser(url).log_in(two[0].token(), onward)
            assert (status, location) == (303, "/"), onward


async def test_a_login_that_another_site_makes_is_refused(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    token = two[0].token()
    async with page(board, account, TOKEN) as url:
        browser = Browser(url)
        for headers in (
            {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            status, _, _ = await browser.request("POST", "/login", {"token": token}, **headers)
            assert status == 403
        # Its own pages send no secret, a wrong one, or one without the cookie.
        assert (await browser.request("POST", "/login", {"token": token}))[0] == 403
        assert (await browser.log_in(token, secret="x"))[0] == 403
        assert (await browser.log_in(token, secret=""))[0] == 403
        assert "__Host-headgate" not in browser.cookies
        # A second tab does not spoil the form of the first one.
        first = (await browser.request("GET", "/login"))[2]
        assert (await browser.request("GET", "/login"))[2] == first


async def test_what_is_no_token_is_refused_and_too_many_of_them_wait(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    async with page(board, account, TOKEN) as url:
        browser = Browser(url)
        for token in ("", "ä", "a\x00b", "x" * 20_000):
            assert (await browser.log_in(token))[0] == 401
        statuses = [(await browser.log_in(f"wrong-{number}"))[0] for number in range(20)]
        assert set(statuses) == {401, 429}
        assert statuses[-1] == 429
        assert (await get(url + "/", "wrong-again"))[0] == 429
        assert "__Host-headgate" not in browser.cookies


async def test_a_form_that_is_none_is_refused(two: tuple[Team, Team], board: Board, account: Path) -> None:
    async with page(board, account, TOKEN) as url, aiohttp.ClientSession() as session:
        for data, content_type, status in (
            (b"{}", "application/json", 415),
            (b"token=a", "multipart/form-data; boundary=x", 415),
            (b"token=%ff&secret=%00", "application/x-www-form-urlencoded; charset=nonsense", 403),
            (b"a=b&" * 100, "application/x-www-form-urlencoded", 400),
            (b"token=" + b"a" * 100_000, "application/x-www-form-urlencoded", 413),
        ):
            headers = {"Content-Type": content_type}
            async with session.post(f"{url}/login", data=data, headers=headers) as answer:
                assert answer.status == status, content_type
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


# Behind a proxy


HEADERS = PageSettings(auth="header", access_cache=1.0, trusted_proxies=("127.0.0.1",))


async def test_a_user_of_the_proxy_sees_what_groups_and_name_may_see(
    api: Api, two: tuple[Team, Team], board: Board, account: Path
) -> None:
    own, other = two
    api.apply(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "devs", "namespace": own.namespace},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "Group", "name": "devs", "apiGroup": RBAC}],
        }
    )
    async with page(board, account, HEADERS) as url:
        await _appears(own.shown, url, **PROXY)
        status, text = await get(url + "/", **PROXY)
        assert other.namespace not in text
        assert "<b>1</b>" in text
        status, text = await get(url + "/", **{"X-Forwarded-User": "jane"})
        assert (status, "<b>0</b>" in text) == (200, True)
        for headers, wanted in (
            ({}, 401),
            ({"X-Remote-User": "jane", "X-Remote-Group": "devs"}, 401),
            ({"X-Forwarded-Groups": "devs"}, 401),
            ({**PROXY, "X_Forwarded_User": "admin"}, 403),
            ({"X-Forwarded-User": "jane", "X-Forwarded-Groups": "system:masters"}, 403),
            ({"X-Forwarded-User": "system:admin"}, 403),
            ({"Authorization": f"Bearer {own.token()}"}, 401),
        ):
            status, text = await get(url + "/", **headers)
            assert status == wanted
            assert own.namespace not in text


async def test_headers_of_anybody_but_the_proxy_count_nothing(
    two: tuple[Team, Team], board: Board, account: Path
) -> None:
    settings = replace(HEADERS, trusted_proxies=("10.0.0.0/8",))
    async with page(board, account, settings) as url:
        for path in ("/", "/status.json", "/stream?page=/"):
            status, text = await get(url + path, **PROXY)
            assert status == 403
            assert two[0].namespace not in text


# Actions


@pytest.fixture
def real(api: Api, two: tuple[Team, Team]) -> str:
    """A suspended Kustomization that exists."""
    api.apply(
        {
            "apiVersion": KUSTOMIZATION_VERSION,
            "kind": KUSTOMIZATION,
            "metadata": {
                "name": "apps",
                "namespace": two[0].namespace,
                "labels": {"headgate-test/own": "page"},
            },
            "spec": {
                "interval": "1h",
                "prune": True,
                "suspend": True,
                "path": "./",
                "sourceRef": {"kind": "GitRepository", "name": "none"},
            },
        }
    )
    return f"/kustomizations/{two[0].namespace}/apps"


def _spec(api: Api, team: Team) -> tuple[Any, dict[str, str]]:
    found = api.present(KUSTOMIZATION_VERSION, KUSTOMIZATION, "apps", team.namespace)
    return found["spec"].get("suspend"), found["metadata"].get("annotations") or {}


async def post(url: str, token: str, data: Obj | None = None, **headers: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            url, data=data, headers={"Authorization": f"Bearer {token}", **headers}, allow_redirects=False
        ) as answer,
    ):
        return answer.status, await answer.text()


async def test_actions_happen_with_the_rights_of_the_caller_only(
    api: Api, two: tuple[Team, Team], board: Board, account: Path, real: str
) -> None:
    own, other = two
    async with page(board, account, replace(TOKEN, actions=True)) as url:
        # The operator's account may do everything, and so counts for nothing here.
        status, text = await post(f"{url}{real}/resume", own.token())
        assert status == 403
        assert own.user in text
        assert _spec(api, own)[0] is True
        status, text = await post(f"{url}{real}/resume", other.token())
        assert (status, other.user in text) == (403, True)
        api.delete(f"{RBAC}/v1", "RoleBinding", "viewer", own.namespace)
        own.bind("headgate-edit", "patch")
        token = own.token()
        assert (await post(f"{url}{real}/resume", token))[0] == 200
        assert _spec(api, own)[0] in (None, False)
        assert (await post(f"{url}{real}/suspend", token))[0] == 400
        assert (await post(f"{url}{real}/suspend", token, {"reason": "x" * 301}))[0] == 400
        assert (await post(f"{url}{real}/suspend", token, {"reason": " a  migration "}))[0] == 200
        suspended, annotations = _spec(api, own)
        assert suspended is True
        assert "a migration" in annotations.values()
        status, text = await post(f"{url}{real}/reconcile", token)
        assert status == 200
        assert "reconcile.fluxcd.io/requestedAt" in _spec(api, own)[1]
        assert (await post(f"{url}{real}/resume", token))[0] == 200
        assert "a migration" not in _spec(api, own)[1].values()
        managers = api.present(KUSTOMIZATION_VERSION, KUSTOMIZATION, "apps", own.namespace)["metadata"]
        assert "headgate-page" in {each["manager"] for each in managers["managedFields"]}
        for path in ("none", "Apps", "a%2fb", "a" * 300):
            assert (await post(f"{url}/kustomizations/{own.namespace}/{path}/reconcile", token))[0] == 404


async def test_an_action_from_another_site_or_without_login_does_nothing(
    api: Api, two: tuple[Team, Team], board: Board, account: Path, real: str
) -> None:
    api.delete(f"{RBAC}/v1", "RoleBinding", "viewer", two[0].namespace)
    two[0].bind("headgate-edit", "patch")
    async with page(board, account, replace(TOKEN, actions=True)) as url:
        browser = Browser(url)
        assert (await browser.request("POST", f"{real}/resume"))[0] == 401
        await browser.log_in(two[0].token())
        for headers in (
            {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://evil.example"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert (await browser.request("POST", f"{real}/resume", **headers))[0] == 403
        assert (await browser.request("GET", f"{real}/resume"))[0] in (404, 405)
        assert _spec(api, two[0])[0] is True
        status, location, _ = await browser.request("POST", f"{real}/resume")
        assert (status, location) == (303, f"{real}?done=resume")
        assert _spec(api, two[0])[0] in (None, False)


async def test_without_the_option_there_are_no_actions(
    api: Api, two: tuple[Team, Team], board: Board, account: Path, real: str
) -> None:
    token = two[0].token()
    for settings in (TOKEN, HEADERS, PageSettings()):
        async with page(board, account, settings) as url:
            for action in ("reconcile", "suspend", "resume"):
                assert (await post(f"{url}{real}/{action}", token, {"reason": "x"}, **PROXY))[0] == 405
    assert _spec(api, two[0])[0] is True


async def test_on_a_loopback_address_everybody_sees_everything_without_a_request(
    two: tuple[Team, Team], board: Board, tmp_path: Path
) -> None:
    """There is not even a kubeconfig."""
    async with page(board, tmp_path / "none", PageSettings()) as url:
        status, text = await get(url + "/")
        assert status == 200
        assert all(each.namespace in text for each in two)


async def test_a_client_certificate_of_the_operator_does_not_count_for_callers(
    api: Api, two: tuple[Team, Team], board: Board, shared_cluster: Cluster, real: str
) -> None:
    """The kubeconfig of an administrator: with a certificate, the API server would not even read a token."""
    users = yaml.safe_load(shared_cluster.kubeconfig.read_text())["users"]
    assert any("client-certificate" in str(each) for each in users) or any(
        "token" in str(each) for each in users
    )
    async with page(board, shared_cluster.kubeconfig, replace(TOKEN, actions=True)) as url:
        status, text = await post(f"{url}{real}/resume", two[0].token())
        assert (status, two[0].user in text) == (403, True)
        assert _spec(api, two[0])[0] is True
