"""The pure rules of access: hosts, origins, headers of a proxy, sessions, limits, answers that expire."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict

from headgate.page.access.answers import Answers
from headgate.page.access.hosts import Hosts
from headgate.page.access.identity import Busy, LoginRequired, NotAllowed
from headgate.page.access.origins import is_own
from headgate.page.access.pace import BURST, BURST_OF_ALL, PER_SECOND, LoginPace
from headgate.page.access.proxied import MAX_GROUPS, Proxy
from headgate.page.access.sessions import IDLE, MAX_OF_USER, MAX_SESSIONS, Sessions

NAMED = Hosts(["page.example", "10.1.2.3", "[2001:db8::7]"])


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# Hosts


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "localhost.:9080",
        "127.0.0.1",
        "127.9.9.9:80",
        "[::1]",
        "[::1]:65535",
        "[0:0:0:0:0:0:0:1]:80",
        "page.example",
        "Page.Example.:443",
        "10.1.2.3:80",
        "[2001:DB8:0::7]:80",
    ],
)
def test_names_of_the_page_are_its_own(host: str) -> None:
    assert NAMED.accepts([host], "/")
    assert NAMED.accepts([host], f"http://{host}/")


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "localhost..",
        "localhost:",
        "localhost:x",
        "localhost:65536",
        "localhost:80:80",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost/",
        "localhost#",
        "local host",
        "localhost\t",
        "localhost,evil.example",
        "127.0.0.1.evil.example",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0.0.0.0",
        "10.1.2.4",
        "::1",
        "[::1",
        "[::1]x",
        "[::1%lo]",
        "[::2]",
        "[::ffff:10.0.0.1]",
        "page.example.evil.example",
        "sub.page.example",
        "page.example..",
        "lоcalhost",
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    assert not NAMED.accepts([host], "/")


def test_a_host_is_given_once() -> None:
    assert not NAMED.accepts([], "/")
    assert not NAMED.accepts(["localhost", "localhost"], "/")


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/",
        "https://evil.example:80/a",
        "http://localhost@evil.example/",
        "http://user@localhost/",
        "ftp://localhost/",
        "http:///",
        "http://",
        "http://[::1",
        "localhost:80",
        "evil.example:443",
        "*",
        "",
        "\\\\evil.example",
    ],
)
def test_a_target_that_names_another_host_is_refused(target: str) -> None:
    assert not NAMED.accepts(["localhost"], target)


def test_a_target_with_a_name_of_the_page_is_accepted() -> None:
    assert NAMED.accepts(["localhost:80"], "http://page.example/kustomizations/a/b?q=1")


# Origins


@pytest.mark.parametrize("has_cookie", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "http://localhost:9080")],
        [("Origin", "https://LOCALHOST:9080")],
        [("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost:9080")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],
    ],
)
def test_a_change_from_an_own_page_is_accepted(headers: list[tuple[str, str]], has_cookie: bool) -> None:
    assert is_own(CIMultiDict(headers), "localhost:9080", has_cookie=has_cookie)


@pytest.mark.parametrize("has_cookie", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "http://evil.example")],
        [("Origin", "null")],
        [("Origin", "")],
        [("Origin", "http://localhost:3000")],
        [("Origin", "http://localhost")],
        [("Origin", "localhost:9080")],
        [("Origin", "file://localhost:9080")],
        [("Origin", "http://localhost:9080.evil.example")],
        [("Origin", "http://localhost:9080"), ("Origin", "http://evil.example")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Site", "")],
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-origin"), ("Origin", "http://evil.example")],
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "http://localhost:9080")],
        [("Sec-Fetch-Site", "cross-site"), ("Origin", "null")],
        [("Sec-Fetch-Site", "same-site"), ("Origin", "null")],
    ],
)
def test_a_change_from_another_site_is_refused(headers: list[tuple[str, str]], has_cookie: bool) -> None:
    assert not is_own(CIMultiDict(headers), "localhost:9080", has_cookie=has_cookie)


def test_only_a_program_without_a_cookie_may_leave_out_where_it_comes_from() -> None:
    assert is_own(CIMultiDict(), "localhost:9080", has_cookie=False)
    assert not is_own(CIMultiDict(), "localhost:9080", has_cookie=True)


# A proxy


@pytest.fixture
def proxy() -> Proxy:
    return Proxy(["127.0.0.1", "10.0.0.0/8", "fd00::/8"], "X-Forwarded-User", "X-Forwarded-Groups")


def test_a_proxy_names_a_user_and_groups(proxy: Proxy) -> None:
    headers = CIMultiDict([("x-forwarded-user", "jane"), ("X-Forwarded-Groups", "dev, ops,,dev")])
    for peer in ("127.0.0.1", "10.9.9.9", "fd00::1", "::ffff:10.0.0.1"):
        found = proxy.identity(peer, headers)
        assert found.name == "jane"
        assert found.groups == ("dev", "ops", "system:authenticated")
        assert found.token == ""


@pytest.mark.parametrize("peer", ["", "127.0.0.2", "11.0.0.1", "fe80::1%eth0", "::1", "::ffff:11.0.0.1", "x"])
def test_headers_from_elsewhere_than_the_proxy_are_refused(proxy: Proxy, peer: str) -> None:
    with pytest.raises(NotAllowed):
        proxy.identity(peer, CIMultiDict([("X-Forwarded-User", "jane")]))


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([], LoginRequired),
        ([("X-Forwarded-User", "")], LoginRequired),
        ([("X-Forwarded-User", "  ")], LoginRequired),
        ([("X-Forwarded-Groups", "admins")], LoginRequired),
        ([("X-Remote-User", "jane"), ("Remote-User", "jane"), ("X-Remote-Group", "a")], LoginRequired),
        ([("Impersonate-User", "jane")], LoginRequired),
        ([("X-Forwarded-User", "jane"), ("X-Forwarded-User", "admin")], NotAllowed),
        ([("X-Forwarded-User", "jane"), ("x-forwarded-USER", "jane")], NotAllowed),
        ([("X-Forwarded-User", "jane"), ("X_Forwarded_User", "admin")], NotAllowed),
        ([("X-Forwarded-User", "jane"), ("X-Forwarded_User", "admin")], NotAllowed),
        ([("X-Forwarded-User", "jane"), ("X_Forwarded-Groups", "admins")], NotAllowed),
        (
            [("X-Forwarded-User", "jane"), ("X-Forwarded-Groups", "a"), ("X-Forwarded-Groups", "admins")],
            NotAllowed,
        ),
        ([("X-Forwarded-User", "system:admin")], NotAllowed),
        ([("X-Forwarded-User", "System:serviceaccount:kube-system:x")], NotAllowed),
        ([("X-Forwarded-User", "jane"), ("X-Forwarded-Groups", "dev,system:masters")], NotAllowed),
        ([("X-Forwarded-User", "jane"), ("X-Forwarded-Groups", "dev, SYSTEM:masters")], NotAllowed),
        ([("X-Forwarded-User", "a" * 257)], NotAllowed),
        ([("X-Forwarded-User", "ja\x07ne")], NotAllowed),
        ([("X-Forwarded-User", "ja\udc80ne")], NotAllowed),
        (
            [
                ("X-Forwarded-User", "jane"),
                ("X-Forwarded-Groups", ",".join(f"g{n}" for n in range(MAX_GROUPS + 1))),
            ],
            NotAllowed,
        ),
    ],
)
def test_headers_that_a_client_may_have_added_are_refused(
    proxy: Proxy, headers: list[tuple[str, str]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        proxy.identity("127.0.0.1", CIMultiDict(headers))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("127.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", ["203.0.113.1, 198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", ["203.0.113.1", "198.51.100.7"], "198.51.100.7"),
        ("10.1.1.1", ["203.0.113.1,"], None),
        ("10.1.1.1", [], None),
        ("198.51.100.9", ["203.0.113.1"], None),
        ("10.1.1.1", ["x" * 5000], "x" * 64),
    ],
)
def test_only_the_proxy_names_the_client_and_its_own_word_is_the_last(
    proxy: Proxy, peer: str, forwarded: list[str], client: str | None
) -> None:
    headers = CIMultiDict([("X-Forwarded-For", each) for each in forwarded])
    assert proxy.client(peer, headers) == client


# Sessions


def test_a_session_leads_to_its_token_until_its_lifetime_ends() -> None:
    clock = Clock()
    sessions = Sessions(2 * IDLE, clock)
    id = sessions.begin("jane", "secret")
    assert sessions.token(id) == "secret"
    for _ in range(3):
        clock.now += 0.6 * IDLE
        assert sessions.token(id) == "secret"
    clock.now += 0.6 * IDLE
    assert sessions.token(id) is None
    assert len(sessions) == 0


def test_a_session_that_nobody_uses_ends() -> None:
    clock = Clock()
    sessions = Sessions(100 * IDLE, clock)
    id = sessions.begin("jane", "secret")
    clock.now += IDLE
    assert sessions.token(id) is None


def test_a_session_ends_at_logout_and_no_other_does() -> None:
    sessions = Sessions(60.0, Clock())
    first, second = sessions.begin("jane", "a"), sessions.begin("jane", "a")
    sessions.end(first)
    sessions.end("unknown")
    assert sessions.token(first) is None
    assert sessions.token(second) == "a"


def test_sessions_are_bounded_in_all_and_for_one_user() -> None:
    sessions = Sessions(60.0, Clock())
    other = sessions.begin("joe", "b")
    ids = [sessions.begin("jane", "a") for _ in range(MAX_OF_USER + 5)]
    assert [sessions.token(each) for each in ids] == [None] * 5 + ["a"] * MAX_OF_USER
    assert sessions.token(other) == "b"
    for number in range(2 * MAX_SESSIONS):
        sessions.begin(f"user {number}", "c")
    assert len(sessions) == MAX_SESSIONS


def test_ids_of_sessions_are_random_and_not_kept() -> None:
    sessions = Sessions(60.0, Clock())
    ids = {sessions.begin(f"user {number}", "secret") for number in range(50)}
    assert len(ids) == 50
    assert all(len(each) >= 43 for each in ids)
    assert not any(each in repr(vars(sessions)) for each in ids)
    assert "secret" not in repr(vars(sessions))


# How often


def test_a_client_that_fails_too_often_waits_and_others_do_not() -> None:
    clock = Clock()
    pace = LoginPace(clock)
    for _ in range(BURST):
        pace.begin("a")
    with pytest.raises(Busy) as raised:
        pace.begin("a")
    assert raised.value.retry_after == pytest.approx(1 / PER_SECOND)
    pace.begin("b")
    clock.now += 1 / PER_SECOND + 0.001
    pace.begin("a")
    with pytest.raises(Busy):
        pace.begin("a")


def test_all_clients_together_are_limited() -> None:
    pace = LoginPace(Clock())
    for number in range(BURST_OF_ALL):
        pace.begin(f"client {number}")
    with pytest.raises(Busy):
        pace.begin("another")


def test_logins_that_succeed_are_not_limited() -> None:
    pace = LoginPace(Clock())
    for _ in range(5 * BURST_OF_ALL):
        pace.begin("a")
        pace.succeeded("a")


# Answers


async def test_an_answer_counts_from_when_it_was_requested() -> None:
    clock, asked = Clock(), []

    async def ask(key: str) -> int:
        asked.append(key)
        clock.now += 5
        return len(asked)

    answers = Answers(ask, 30.0, 10, clock)
    assert (await answers.get("a")).value == 1
    clock.now += 24.9
    assert (await answers.get("a")).value == 1
    clock.now += 0.2
    assert (await answers.get("a")).value == 2
    assert asked == ["a", "a"]


async def test_those_who_wait_for_the_same_cause_one_request_also_if_one_gives_up() -> None:
    released, asked = asyncio.Event(), []

    async def ask(key: str) -> str:
        asked.append(key)
        await released.wait()
        return key.upper()

    answers = Answers(ask, 30.0, 10)
    waiting = [asyncio.ensure_future(answers.get("a")) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    released.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [each.value for each in found[1:] if not isinstance(each, BaseException)] == ["A"] * 19
    assert asked == ["a"]


async def test_a_failure_reaches_all_and_is_not_kept() -> None:
    asked = []

    async def ask(key: str) -> str:
        asked.append(key)
        if len(asked) == 1:
            raise OSError("no answer")
        return "now"

    answers = Answers(ask, 30.0, 10)
    found = await asyncio.gather(*(answers.get("a") for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [OSError] * 3
    assert (await answers.get("a")).value == "now"


async def test_answers_are_bounded() -> None:
    async def ask(key: int) -> int:
        return key

    answers = Answers(ask, 30.0, 10)
    for number in range(100):
        await answers.get(number)
    assert len(answers) == 10
