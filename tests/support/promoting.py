"""Promotions of tests: environments with evidence that a test sets, on a remote that is real.

story = Story(tmp_path, people)
story.runs("staging", commit)                 # everything Ready there since two days
with story.world() as world:
    computed = compute(world, "production")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.api.running import RunningKustomization
from headgate.promotion.clone import Clone, RefUpdate
from headgate.promotion.clone.mirror import mirror
from headgate.promotion.clone.pushing import push
from headgate.promotion.config.model import Environment, Environments
from headgate.promotion.errors import EvidenceMissing
from headgate.promotion.evidence.model import Evidence, EvidenceOrigin
from headgate.promotion.fleet import Fleet as Renderings
from headgate.promotion.fleet import RefState
from headgate.promotion.plans.compute import Computed, compute
from headgate.promotion.plans.execute import Executed, PullRequestWish, execute
from headgate.promotion.plans.world import World, source_of
from tests.support.fleets import Files, Fleet
from tests.support.signing import Person

SOURCE = ObjectKey("flux-system", "flux-system")
KUSTOMIZATIONS = (ObjectKey("flux-system", "infrastructure"), ObjectKey("flux-system", "apps"))
STAGING = Environment("staging", "clusters/staging")
PRODUCTION = Environment("production", "clusters/production", after=("staging",))


class Story:
    """A fleet, its environments, and what they run."""

    def __init__(
        self,
        folder: Path,
        person: Person,
        monkeypatch: pytest.MonkeyPatch,
        *environments: Environment,
        files: Files | None = None,
    ) -> None:
        person.at_work(monkeypatch)
        self.person = person
        self.fleet = Fleet(folder, files)
        self.environments = environments or (STAGING, PRODUCTION)
        self.evidence: dict[str, Evidence] = {}
        self.now = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
        self.requested: list[PullRequestWish] = []
        self.forge_fails = False
        self.silent: set[str] = set()
        """Environments of which nobody says what they run; the others run what they follow, until a test says it."""

    def policy(self, name: str, **fields: Any) -> None:
        """Change the policy of an environment."""
        self.environments = tuple(
            replace(each, **fields) if each.name == name else each for each in self.environments
        )

    def runs(
        self,
        name: str,
        commit: str,
        *,
        since: timedelta = timedelta(days=2),
        age: float = 0.0,
        keys: Sequence[ObjectKey] = KUSTOMIZATIONS,
        source: ObjectKey = SOURCE,
        apps: str = "",
        **fields: Any,
    ) -> None:
        """An environment runs a commit; its Kustomization ``apps`` has the commit ``apps`` and these fields."""
        begun = self.now - since
        running = []
        for key in keys:
            given: dict[str, Any] = {"ready": True, "commit": commit, "attempted": commit, "since": begun}
            given |= {"digest": f"sha256:{commit}", "digest_since": begun, "source": source}
            if key.name == "apps":
                given |= {"commit": apps, "attempted": apps, "digest": apps} if apps else {}
                given |= fields
            running.append(RunningKustomization(key, **given))
        self.evidence[name] = Evidence(
            name,
            EvidenceOrigin.CONTEXT,
            name,
            self.now - timedelta(seconds=age),
            {source: commit},
            tuple(running),
            {},
        )

    def observe(self, world: World, environment: Environment) -> Evidence:
        """What a test has said of an environment; a target runs what it follows."""
        name = environment.name
        if name in self.evidence:
            return self.evidence[name]
        is_before = any(name in each.after for each in self.environments)
        source = (
            None if is_before or name in self.silent else source_of(environment, world.render(environment))
        )
        follows = None if source is None else world.follows(source)
        if source is None or follows is None:
            raise EvidenceMissing(f"nobody says what '{name}' runs")
        taken = {source.key: follows.commit}
        return Evidence(name, EvidenceOrigin.CONTEXT, f"context '{name}'", self.now, taken, (), {})

    @contextmanager
    def world(self) -> Iterator[World]:
        """What the remote has now."""
        with Clone.open(self.fleet.work) as clone, mirror(clone) as copy, Renderings(copy) as renderings:
            world = World(
                copy,
                Environments(tuple(self.environments)),
                lambda each, refs: renderings.render(each, RefState(refs, copy.default_branch())),
                lambda each: self.observe(world, each),
                self.now,
                f"{self.person.name} <{self.person.email}>",
            )
            yield world

    def compute(self, name: str = "production", **options: Any) -> Computed:
        """The plan of a promotion now."""
        with self.world() as world:
            return compute(world, name, **options)

    def promote(self, name: str = "production", **options: Any) -> Executed:
        """Promote."""
        with self.world() as world:
            return execute(world, compute(world, name, **options), self.request)

    def request(self, world: World, wish: PullRequestWish) -> tuple[str, ...]:
        """Push the branch of a pull request, and open it at a forge that may be out of order."""
        if wish.commit != wish.expected:
            update = RefUpdate(f"refs/heads/{wish.branch}", wish.commit, wish.expected, rewrite=True)
            push(world.clone, [update])
        if self.forge_fails:
            from headgate.promotion.errors import ForgeError

            raise ForgeError("the forge is out of order")
        self.requested.append(wish)
        return ("opened",)

    def merge(self, wish: PullRequestWish) -> str:
        """Merge a pull request as one commit, and return the commit."""
        self.fleet.git("fetch", "-q", "origin")
        self.fleet.git("merge", "-q", "--ff-only", f"origin/{wish.branch}")
        self.fleet.git("push", "-q", "origin", "HEAD:refs/heads/main", f":refs/heads/{wish.branch}")
        return self.fleet.head()

    def refused(self, **options: Any) -> dict[str, str]:
        """The guards that refuse now, and what they say; nothing on the remote changes."""
        before = self.fleet.remote_refs()
        computed = self.compute(**options)
        assert self.fleet.remote_refs() == before
        return {each.guard.value: each.message for each in computed.plan.verdicts if each.refuses}
