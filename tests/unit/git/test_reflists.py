"""Many sources of one remote: which of them send requests to a real Git server, how often, and what each one learns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from headgate.git.cache.bare import BareCache
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import AuthenticationFailed, GitTimedOut, RefNotFound
from headgate.git.refs.reference import GitReference, Question, Refs
from headgate.git.remote.client import Remote
from headgate.git.remote.reflists import Asking, RefLists
from headgate.git.url import RemoteUrl
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository

SOURCES, WORKERS = 200, 8
MAIN = GitReference(branch="main")


class Sources:
    """What the reconciler of GitRepositories does with a remote, once for each of many objects."""

    def __init__(self, server: GitHttpServer, cache: BareCache) -> None:
        self.answers: list[bool] = []
        """For each, whether the remote got a request."""
        self.lists = RefLists(self.answers.append)
        self._url, self._cache = RemoteUrl.parse(server.url()), cache

    def remote(self, data: dict[str, bytes] | None = None, timeout: float = 20) -> Remote:
        return Remote(self._url, Credentials.from_secret(self._url, data), timeout=timeout)

    def revision(
        self, reference: GitReference = MAIN, since: float = 0.0, data: dict[str, bytes] | None = None
    ) -> str:
        remote = self.remote(data)
        return remote.resolve(reference, self._cache, Asking(self.lists, remote, since)).revision

    def revisions(self, reference: Callable[[int], GitReference], since: float = 0.0) -> list[str]:
        """Of all of them, by as many threads as the operator has workers."""
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(lambda n: self.revision(reference(n), since), range(SOURCES)))


@pytest.fixture
def sources(server: GitHttpServer, cache: BareCache) -> Sources:
    return Sources(server, cache)


def test_two_hundred_sources_of_one_branch_cost_one_request(
    server: GitHttpServer, repository: Repository, sources: Sources
) -> None:
    commit = repository.commit()
    assert set(sources.revisions(lambda n: MAIN)) == {f"main@sha1:{commit}"}
    assert (server.count("info/refs"), server.count("ls-refs")) == (1, 1)
    assert (sources.answers.count(True), sources.answers.count(False)) == (1, SOURCES - 1)


def test_two_hundred_sources_of_many_branches_and_tags_share_from_the_second_time_on(
    server: GitHttpServer, repository: Repository, sources: Sources
) -> None:
    commit = repository.commit()
    repository.tag("v1.0.0", annotated=True)
    kinds = [MAIN, GitReference(tag="v1.0.0"), GitReference(semver=">=1"), GitReference(commit=commit)]
    for n in range(20):
        repository.git("branch", f"b{n}")
        kinds.append(GitReference(branch=f"b{n}"))
    first = sources.revisions(lambda n: kinds[n % len(kinds)])
    asked = server.count("ls-refs")
    assert asked <= len(kinds)
    newer = repository.commit()
    assert sources.revisions(lambda n: kinds[n % len(kinds)]) == first
    assert server.count("ls-refs") == asked
    # The interval has passed: one question, whatever they follow.
    after = sources.revisions(lambda n: kinds[n % len(kinds)], since=time.monotonic())
    assert server.count("ls-refs") == asked + 1
    assert set(after) == {r.replace(f"main@sha1:{commit}", f"main@sha1:{newer}") for r in first}
    for one, other in zip(first, after, strict=True):
        assert other == (f"main@sha1:{newer}" if one == f"main@sha1:{commit}" else one)


def test_who_asks_for_the_present_gets_it_and_all_who_asked_before_with_him(
    server: GitHttpServer, repository: Repository, sources: Sources
) -> None:
    repository.commit()
    sources.revisions(lambda n: MAIN)
    newer = repository.commit()
    server.forget()
    assert set(sources.revisions(lambda n: MAIN, since=time.monotonic())) == {f"main@sha1:{newer}"}
    assert server.count("ls-refs") == 1


def test_a_question_begun_before_the_request_does_not_serve_it(
    server: GitHttpServer, repository: Repository, sources: Sources
) -> None:
    older = repository.commit()
    server.hang = True
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(sources.revision)
        wait_for(lambda: server.count("info/refs") == 1)
        request = pool.submit(sources.revision, MAIN, time.monotonic())
        time.sleep(0.2)
        assert server.count("info/refs") == 1, "a remote gets one request at a time"
        server.hang = False
        assert before.result().endswith(older)
        assert request.result().endswith(older)
    assert server.count("ls-refs") == 2


def test_other_credentials_are_other_questions(
    server: GitHttpServer, repository: Repository, sources: Sources
) -> None:
    repository.commit()
    ada, bob = ({"username": name, "password": b"s3cret"} for name in (b"ada", b"bob"))
    server.require_basic("ada", "s3cret")
    assert sources.revision(data=ada) == sources.revision(data=dict(ada))
    assert server.count("ls-refs") == 1
    for stranger in (bob, {**ada, "password": b"guess"}, None):
        with pytest.raises(AuthenticationFailed):
            sources.revision(data=stranger)
    assert "s3cret" not in sources.remote(ada).identity
    assert len({sources.remote(data).identity for data in (ada, bob, None)}) == 3


def test_those_who_wait_for_a_question_share_its_failure_and_the_next_asks_again(
    server: GitHttpServer, repository: Repository, sources: Sources
) -> None:
    commit = repository.commit()
    server.hang, server.fail_with = True, 403
    begun: list[int] = []

    def attempt(number: int) -> str:
        begun.append(number)
        try:
            return sources.revision()
        except AuthenticationFailed:
            return "refused"

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = [pool.submit(attempt, n) for n in range(WORKERS)]
        wait_for(lambda: server.count() == 1 and len(begun) == WORKERS)
        time.sleep(0.5)
        server.hang = False
        assert {answer.result() for answer in answers} == {"refused"}
    assert server.count() == 1
    server.fail_with = None
    assert sources.revision().endswith(commit)


def test_who_has_more_time_asks_on(server: GitHttpServer, repository: Repository, sources: Sources) -> None:
    commit = repository.commit()
    server.hang = True
    patient: list[str] = []
    hasty = sources.remote(timeout=1)
    waiting = threading.Thread(target=lambda: patient.append(sources.revision()))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(sources.lists.get, hasty, MAIN.question(), 0.0)
        wait_for(lambda: server.count() == 1)
        waiting.start()
        with pytest.raises(GitTimedOut):
            late.result()
    server.hang = False
    waiting.join()
    assert patient == [f"main@sha1:{commit}"]


def test_who_waits_for_another_s_question_waits_no_longer_than_his_own_time(
    server: GitHttpServer, repository: Repository, sources: Sources
) -> None:
    repository.commit()
    server.hang = True
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(sources.revision)
        wait_for(lambda: server.count() == 1)
        with pytest.raises(GitTimedOut, match=r"not finished within 0\.2 s"):
            sources.lists.get(sources.remote(timeout=0.2), MAIN.question(), 0.0)
        server.hang = False
        slow.result()


def test_a_missing_reference_is_missing_for_him_alone(repository: Repository, sources: Sources) -> None:
    commit = repository.commit()
    assert sources.revision().endswith(commit)
    with pytest.raises(RefNotFound, match="refs/heads/nope"):
        sources.revision(GitReference(branch="nope"))
    assert sources.revision().endswith(commit)


class RecordingRemote:
    """A remote without a server that records its requests."""

    remaining = 1.0

    def __init__(self, identity: str = "a") -> None:
        self.identity = identity
        self.questions: list[Question] = []

    def ask(self, question: Question) -> Refs:
        self.questions.append(question)
        return Refs({})

    def late(self) -> GitTimedOut:
        return GitTimedOut("late")

    def check(self) -> None: ...


def test_what_nobody_waits_for_is_not_asked_along() -> None:
    now = 0.0
    lists, remote = RefLists(clock=lambda: now), RecordingRemote()
    old, new = MAIN.question(), GitReference(tag="v1").question()
    lists.get(remote, old, 0.0)
    now = 7000.0
    lists.get(remote, new, now)
    assert remote.questions[-1] == old.union(new)
    now = 8000.0
    lists.get(remote, new, now)
    assert remote.questions[-1] == new


def test_only_so_many_remotes_and_questions_are_remembered() -> None:
    lists = RefLists(clock=lambda: 1.0)
    for n in range(1100):
        lists.get(RecordingRemote(str(n)), MAIN.question(), 0.0)
    assert len(lists) == 1024
    remote = RecordingRemote()
    for n in range(1100):
        lists.get(remote, GitReference(branch=str(n)).question(), 2.0)
    assert len(remote.questions[-1].patterns) == 1000


@pytest.mark.parametrize(
    ("asked", "wanted", "covered"),
    [
        (GitReference(branch="a"), GitReference(branch="a"), True),
        (GitReference(branch="a"), GitReference(branch="b"), False),
        (GitReference(semver="1"), GitReference(semver=">2"), True),
        (GitReference(branch="a"), GitReference(name="refs/heads/a"), False),
        (GitReference(name="refs/pull/1/head"), GitReference(name="refs/pull/1/head"), True),
    ],
)
def test_what_an_answer_covers(asked: GitReference, wanted: GitReference, covered: bool) -> None:
    assert asked.question().covers(wanted.question()) is covered
    assert asked.question().union(wanted.question()).covers(wanted.question())
    assert asked.question().union(wanted.question()).covers(asked.question())


def wait_for(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)
