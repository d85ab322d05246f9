"""What the API server says of callers counts for a while, one request serves all, and its silence lets nobody in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from headgate.kube import Forbidden, TooManyRequests, Unreachable
from headgate.page.access.identity import Identity, Undecided
from headgate.page.access.reviews import AT_ONCE, Reviews

Obj = dict[str, Any]
SECONDS = 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """Answers reviews by a rule; counts them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.tokens: dict[str, Obj] = {}
        self.allows: Callable[[Obj], object] = lambda spec: False
        self.asked: list[Obj] = []
        self.error: Exception | None = None
        self.running = self.most = 0
        self.answer: Callable[[Obj], Any] = self.status

    async def request(
        self, method: str, path: str, *, body: Any = None, content_type: str | None = None
    ) -> Any:
        assert (method, content_type) == ("POST", "application/json")
        assert path.endswith(f"/{body['kind'].lower()}s")
        self.asked.append(body)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if self.error is not None:
            raise self.error
        return self.answer(body)

    def status(self, body: Obj) -> Obj:
        if body["kind"] == "TokenReview":
            user = self.tokens.get(body["spec"]["token"])
            return {"status": {"authenticated": user is not None, **({"user": user} if user else {})}}
        return {"status": {"allowed": self.allows(body["spec"])}}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Server:
    return Server(clock)


@pytest.fixture
def reviews(server: Server, clock: Clock) -> Reviews:
    return Reviews(lambda: server, SECONDS, clock=clock, timeout=0.5)


JANE = Identity("jane", ("dev",), "uid-1", (("scopes", ("a",)),))


def in_namespace(*names: str, kinds: int = 9) -> Callable[[Obj], bool]:
    return lambda spec: spec["resourceAttributes"].get("namespace") in names


async def test_a_token_leads_to_all_that_the_api_server_says_of_its_owner(
    reviews: Reviews, server: Server
) -> None:
    server.tokens["t"] = {"username": "jane", "groups": ["dev"], "uid": "uid-1", "extra": {"scopes": ["a"]}}
    found = (await reviews.identity("t")).value
    assert found == JANE
    assert found is not None
    assert found.token == "t"
    assert "'t'" not in repr(found)
    server.allows = lambda spec: True
    await reviews.scope(found, {})
    spec = server.asked[-1]["spec"]
    assert {key: spec[key] for key in ("user", "groups", "uid", "extra")} == {
        "user": "jane",
        "groups": ["dev"],
        "uid": "uid-1",
        "extra": {"scopes": ["a"]},
    }


@pytest.mark.parametrize(
    "status",
    [
        {},
        None,
        {"authenticated": "true", "user": {"username": "jane"}},
        {"authenticated": 1, "user": {"username": "jane"}},
        {"authenticated": True},
        {"authenticated": True, "user": {}},
        {"authenticated": True, "user": {"username": ""}},
        {"authenticated": True, "user": {"username": 7}},
        {"authenticated": True, "user": {"username": "jane", "groups": "system:masters"}},
        {"authenticated": True, "user": {"username": "jane", "extra": ["x"]}},
        {"authenticated": False, "user": {"username": "jane"}},
        {"authenticated": False, "error": "expired"},
    ],
)
async def test_no_other_answer_makes_somebody_known(reviews: Reviews, server: Server, status: Any) -> None:
    server.answer = lambda body: {"status": status}
    assert (await reviews.identity("t")).value is None


@pytest.mark.parametrize("body", [None, [], "yes", 1, {"status": []}, {}])
async def test_an_answer_of_another_shape_lets_nobody_in(reviews: Reviews, server: Server, body: Any) -> None:
    server.answer = lambda _: body
    assert (await reviews.identity("t")).value is None
    assert (await reviews.scope(JANE, {"team-a": ["Kustomization"]})).namespaces == frozenset()


@pytest.mark.parametrize("allowed", ["true", 1, None, [True]])
async def test_only_true_allows(reviews: Reviews, server: Server, allowed: Any) -> None:
    server.allows = lambda spec: allowed
    assert (await reviews.scope(JANE, {"team-a": []})).namespaces == frozenset()


async def test_a_denial_counts_more_than_a_permission(reviews: Reviews, server: Server) -> None:
    server.answer = lambda body: {"status": {"allowed": True, "denied": True}}
    assert (await reviews.scope(JANE, {"team-a": []})).namespaces == frozenset()


async def test_somebody_sees_the_namespaces_of_which_all_kinds_may_be_listed_and_read(
    reviews: Reviews, server: Server
) -> None:
    server.allows = in_namespace("team-a", "team-c")
    kinds = {"team-a": ["Kustomization"], "team-b": ["GitRepository"], "team-c": ["Bucket"]}
    assert (await reviews.scope(JANE, kinds)).namespaces == {"team-a", "team-c"}


@pytest.mark.parametrize("verb", ["get", "list"])
@pytest.mark.parametrize(
    "resource", ["kustomizations", "gitrepositories", "ocirepositories", "buckets", "externalartifacts"]
)
async def test_one_right_less_hides_the_namespace(
    reviews: Reviews, server: Server, verb: str, resource: str
) -> None:
    server.allows = lambda spec: (
        (spec["resourceAttributes"]["verb"], spec["resourceAttributes"]["resource"]) != (verb, resource)
    )
    kinds = ["Kustomization", "GitRepository", "OCIRepository", "Bucket", "ExternalArtifact"]
    assert (await reviews.scope(JANE, {"team-a": kinds})).namespaces == frozenset()


async def test_who_may_see_everything_costs_few_questions(reviews: Reviews, server: Server) -> None:
    server.allows = lambda spec: "namespace" not in spec["resourceAttributes"]
    kinds = {f"team-{number}": ["Kustomization", "GitRepository"] for number in range(1000)}
    assert (await reviews.scope(JANE, kinds)).namespaces is None
    assert len(server.asked) == 4


async def test_a_namespace_that_nobody_may_see_costs_one_question(reviews: Reviews, server: Server) -> None:
    kinds = {f"team-{number}": ["Kustomization", "Bucket"] for number in range(200)}
    for _ in range(3):
        assert (await reviews.scope(JANE, kinds)).namespaces == frozenset()
    assert len(server.asked) == 201
    assert server.most <= AT_ONCE


async def test_a_right_that_was_removed_ends_when_the_answer_expires(
    reviews: Reviews, server: Server, clock: Clock
) -> None:
    server.allows = in_namespace("team-a")
    kinds = {"team-a": ["Kustomization"]}
    first = await reviews.scope(JANE, kinds)
    assert (first.namespaces, first.until) == ({"team-a"}, clock.now + SECONDS)
    server.allows = lambda spec: False
    clock.now += SECONDS - 0.1
    assert (await reviews.scope(JANE, kinds)).namespaces == {"team-a"}
    clock.now += 0.2
    assert (await reviews.scope(JANE, kinds)).namespaces == frozenset()


async def test_a_token_that_was_revoked_ends_when_the_answer_expires(
    reviews: Reviews, server: Server, clock: Clock
) -> None:
    server.tokens["t"] = {"username": "jane"}
    assert (await reviews.identity("t")).value is not None
    del server.tokens["t"]
    clock.now += SECONDS + 0.1
    assert (await reviews.identity("t")).value is None


async def test_a_right_of_one_is_not_that_of_another(reviews: Reviews, server: Server) -> None:
    """Whoever differs in anything that an authorizer may use is somebody else."""
    server.allows = lambda spec: (
        (spec["user"], spec["groups"], spec.get("uid"), spec.get("extra"))
        == ("jane", ["dev"], "uid-1", {"scopes": ["a"]})
    )
    assert (await reviews.scope(JANE, {})).namespaces is None
    for other in (
        Identity("joe", JANE.groups, JANE.uid, JANE.extra),
        Identity(JANE.name, (), JANE.uid, JANE.extra),
        Identity(JANE.name, JANE.groups, "uid-2", JANE.extra),
        Identity(JANE.name, JANE.groups, JANE.uid, ()),
    ):
        assert (await reviews.scope(other, {})).namespaces == frozenset()


@pytest.mark.parametrize(
    "error",
    [Unreachable("gone"), Forbidden("no", status=403), TooManyRequests("busy", status=429), TimeoutError()],
)
async def test_without_an_answer_nobody_sees_anything_not_even_what_was_allowed_before(
    reviews: Reviews, server: Server, clock: Clock, error: Exception
) -> None:
    server.tokens["t"], server.allows = {"username": "jane"}, in_namespace("team-a")
    kinds = {"team-a": ["Kustomization"]}
    await reviews.identity("t")
    assert (await reviews.scope(JANE, kinds)).namespaces == {"team-a"}
    clock.now += SECONDS + 0.1
    server.error = error
    with pytest.raises(Undecided):
        await reviews.identity("t")
    with pytest.raises(Undecided):
        await reviews.scope(JANE, kinds)
    server.error = None
    assert (await reviews.scope(JANE, kinds)).namespaces == {"team-a"}


async def test_a_server_that_is_silent_lets_nobody_in(clock: Clock) -> None:
    class Silent:
        async def request(self, *_: object, **__: object) -> Any:
            await asyncio.Event().wait()

    reviews = Reviews(Silent, SECONDS, clock=clock, timeout=0.05)
    with pytest.raises(Undecided):
        await reviews.identity("t")


async def test_many_callers_cause_one_review(reviews: Reviews, server: Server) -> None:
    server.tokens["t"] = {"username": "jane"}
    await asyncio.gather(*(reviews.identity("t") for _ in range(50)))
    assert len(server.asked) == 1


async def test_no_log_has_a_token(reviews: Reviews, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    server.answer = lambda body: {"status": {"authenticated": False, "error": "s3ntinel is expired"}}
    await reviews.identity("s3ntinel")
    server.error = Unreachable("gone")
    with pytest.raises(Undecided):
        await reviews.identity("another s3ntinel")
    assert "s3ntinel" not in caplog.text


async def test_who_asks_again_about_the_same_namespaces_costs_no_look_at_each(
    reviews: Reviews, server: Server, clock: Clock
) -> None:
    """Each open page asks at each change."""
    server.allows = in_namespace("a")
    kinds = {name: frozenset({"Kustomization"}) for name in "abc"}
    first = await reviews.scope(JANE, kinds)
    assert await reviews.scope(JANE, dict(kinds)) is first
    assert (await reviews.scope(Identity("joe"), kinds)) is not first
    server.allows = in_namespace("a", "d")
    more = await reviews.scope(JANE, {**kinds, "d": frozenset({"Kustomization"})})
    assert (first.namespaces, more.namespaces) == ({"a"}, {"a", "d"})
    server.allows = in_namespace()
    clock.now = first.until
    assert (await reviews.scope(JANE, kinds)).namespaces == frozenset()
