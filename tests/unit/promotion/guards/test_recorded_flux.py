"""All guards on objects that stock Flux reconciled: its recorded statuses, with the commits of a real remote.

Only names, commits and times differ from what Flux wrote; the few statuses that no recording has are changed in one
field, as the comment of each says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headgate.api import ObjectKey, timestamp
from headgate.promotion.evidence.gather import only_of
from headgate.promotion.evidence.model import Evidence
from headgate.promotion.evidence.objects import evidence_of_objects
from headgate.promotion.guards import Guard
from tests.support.evidence import NOW, Obj, ago, commit, recorded
from tests.support.fleets import URL, config_map, deployment
from tests.support.promoting import SOURCE, Story
from tests.support.signing import Person

STATUSES = Path(__file__).resolve().parents[3] / "data" / "flux-statuses"
DAY, HOUR = 24 * 60, 60
"""In minutes, as all times here."""
Times = tuple[float, float]


@dataclass
class Flux:
    """What stock Flux left in an environment that had ``old`` and then ``new``."""

    old: str
    new: str

    def source(self, trace: str = "wait-all/second", **more: Any) -> Obj:
        """The GitRepository of a trace."""
        return self._adapted(f"{trace}/GitRepository/repo", SOURCE.name, {"url": URL, **more})

    def ready(self, name: str = "apps", *, trace: str = "wait-all/second", **more: Any) -> Obj:
        """The Kustomization of a trace: Ready at ``new``, and at ``old`` before."""
        more = {"turned": 1, "history": ((2 * DAY, 1), (9 * DAY, 2 * DAY)), **more}
        return self.kustomization(f"{trace}/Kustomization/app", name, **more)

    def kustomization(self, path: str, name: str = "apps", **more: Any) -> Obj:
        """The object of a trace, or of tests/data/flux-statuses."""
        source = {"kind": "GitRepository", "name": SOURCE.name}
        return self._adapted(path, name, {"path": f"./{name}/staging", "sourceRef": source}, **more)

    def _adapted(
        self, path: str, name: str, spec: Obj, *, turned: float = 1, history: tuple[Times, ...] = ()
    ) -> Obj:
        """``turned``: when the conditions changed; ``history``: first and last time of each entry."""
        text = json.dumps(_object(path))
        for number, to in ((1, self.old), (2, self.new)):
            text = text.replace(commit(number), to).replace(str(number) * 40, to)
        obj: Obj = json.loads(text)
        obj["metadata"] |= {"name": name, "namespace": SOURCE.namespace}
        obj["spec"] = {**obj["spec"], **spec}
        status = obj["status"]
        for each in status["conditions"]:
            each["lastTransitionTime"] = timestamp(ago(turned))
        for each, (first, last) in zip(status.get("history") or (), history, strict=False):
            each |= {"firstReconciled": timestamp(ago(first)), "lastReconciled": timestamp(ago(last))}
        return obj


def _object(path: str) -> Obj:
    scenario, _, rest = path.partition("/")
    if rest.startswith(("Kustomization/", "GitRepository/")):
        found = json.loads((STATUSES / f"{scenario}.json").read_text())
        (obj,) = (each for each in found if f"{each['kind']}/{each['metadata']['name']}" == rest)
        return dict(obj)
    snapshot, _, name = rest.partition("/")
    return recorded(scenario, snapshot)[name]


@pytest.fixture(scope="module")
def bob(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return Person.make(tmp_path_factory.mktemp("keys"), "bob")


@pytest.fixture
def story(tmp_path: Path, bob: Person, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Production follows 1.3.0; ``main`` has a commit more, which changes ``apps`` only."""
    story = Story(tmp_path, bob, monkeypatch)
    story.now = NOW
    story.policy("production", soak=DAY * 60.0, require_proven=True)
    story.fleet.tag("1.3.0")
    story.fleet.commit(
        {"apps/base/my-app/deployment.yaml": deployment("my-app", image="my-app:2")}, "a new image"
    )
    return story


@pytest.fixture
def flux(story: Story) -> Flux:
    return Flux(story.fleet.first, story.fleet.head())


def seen(environment: str, *objects: Obj, age: float = 0) -> Evidence:
    """What a context says of these objects, as ``headgate promote`` gathers it."""
    sources = [each for each in objects if each["kind"] == "GitRepository"]
    applied = [each for each in objects if each["kind"] == "Kustomization"]
    at = NOW - timedelta(minutes=age)
    found = evidence_of_objects(environment, "context 'one'", sources, applied, URL.__eq__, at)
    return only_of(found, {SOURCE})


def verdicts(story: Story, **options: Any) -> dict[str, str]:
    computed = story.compute(**options)
    assert [each.guard for each in computed.plan.verdicts] == list(Guard)
    return {each.guard.value: each.message for each in computed.plan.verdicts}


def changed(obj: Obj, **fields: Any) -> Obj:
    """With other fields of its status."""
    return {**obj, "status": {**obj["status"], **fields}}


def in_progress(obj: Obj) -> Obj:
    """As kustomize-controller begins to reconcile: only the conditions change, at each interval."""
    generation = obj["metadata"]["generation"]
    message = "Fetching manifests for revision main with a timeout of 10m"
    conditions = [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "Progressing",
            "message": "Reconciliation in progress",
        },
        {"type": "Reconciling", "status": "True", "reason": "Progressing", "message": message},
    ]
    extra = {"lastTransitionTime": timestamp(ago(1)), "observedGeneration": generation}
    return changed(obj, conditions=[{**each, **extra} for each in conditions])


def suspended(obj: Obj) -> Obj:
    return {**obj, "spec": {**obj["spec"], "suspend": True}}


def with_meta(obj: Obj, **fields: Any) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], **fields}}


NOT_READY = "0s of 24h; begins when staging is Ready with this content"
HISTORY = ((DAY, 1), (9 * DAY, HOUR))
"""The old content ran an hour ago, and the new content both before and after it."""

GOOD: dict[str, tuple[Callable[[Flux], Obj], str]] = {
    "Ready at the candidate": (lambda flux: flux.ready(), "48h of 24h"),
    "after a health check": (
        lambda flux: flux.ready(trace="health-exprs/end"),
        "48h of 24h",
    ),
    "exactly long enough": (lambda flux: flux.ready(history=((DAY, 1), (9 * DAY, DAY))), "24h of 24h"),
    "without a history, as an old Flux leaves it": (
        lambda flux: flux.kustomization("suspend-resume/Kustomization/app", turned=3 * DAY),
        "48h of 24h",
    ),
}


@pytest.mark.parametrize(("apps", "soak"), GOOD.values(), ids=GOOD)
def test_what_flux_proves_passes_every_guard(
    story: Story, flux: Flux, apps: Callable[[Flux], Obj], soak: str
) -> None:
    story.evidence["staging"] = seen("staging", flux.source(), flux.ready("infrastructure"), apps(flux))
    assert story.refused() == {}
    found = verdicts(story)
    assert found["candidate"] == flux.new[:12]
    assert found["healthy"] == f"2 Kustomizations Ready at {flux.new[:12]}"
    assert found["soak"] == soak


SOAKS: dict[str, tuple[Callable[[Flux], Obj], str]] = {
    "the first result with this content": (
        lambda flux: flux.ready(history=((HOUR, 1), (9 * DAY, HOUR))),
        "1h of 24h; passes at 2026-06-02 11:00 UTC",
    ),
    "a failure with this content before": (
        lambda flux: flux.ready(trace="wait-recovers/end", history=((HOUR, 1), (9 * DAY, 2 * HOUR))),
        "1h of 24h",
    ),
    "content that came back": (lambda flux: flux.ready(turned=30, history=HISTORY), "30m of 24h"),
    "content that came back, nobody knows when": (
        lambda flux: flux.ready(turned=90, history=HISTORY),
        "1m of 24h",
    ),
    "Ready's transition, without a history": (
        lambda flux: flux.kustomization("suspend-resume/Kustomization/app", turned=10),
        "10m of 24h",
    ),
}


@pytest.mark.parametrize(("apps", "soak"), SOAKS.values(), ids=SOAKS)
def test_the_soak_counts_from_what_the_status_proves(
    story: Story, flux: Flux, apps: Callable[[Flux], Obj], soak: str
) -> None:
    story.evidence["staging"] = seen("staging", flux.source(), flux.ready("infrastructure"), apps(flux))
    refused = story.refused()
    assert list(refused) == ["soak"]
    assert refused["soak"].startswith(soak)


REFUSED: dict[str, tuple[Callable[[Flux], Obj], str]] = {
    "progressing": (lambda flux: in_progress(flux.ready()), "is not Ready (Progressing)"),
    # Flux sets lastAttemptedRevision once it has built the objects.
    "progressing from the old revision": (
        lambda flux: changed(in_progress(flux.ready()), lastAppliedRevision=f"main@sha1:{flux.old}"),
        "is reconciling commit NEW, and last succeeded at OLD",
    ),
    "a failed health check": (
        lambda flux: _first(flux, "health-exprs/failed/Kustomization/app"),
        "is not Ready (HealthCheckFailed)",
    ),
    "a health check that timed out, without a history": (
        lambda flux: _first(flux, "health-timeout/Kustomization/app"),
        "is not Ready (HealthCheckFailed)",
    ),
    "a failed revision after a good one": (
        lambda flux: flux.kustomization("secret-data/end/Kustomization/app"),
        "is not Ready (ReconciliationFailed) at commit NEW, and last succeeded at OLD",
    ),
    "a build that fails": (
        lambda flux: _first(flux, "patch-bad/end/Kustomization/app"),
        "is not Ready (BuildFailed)",
    ),
    "stalled": (
        lambda flux: _first(flux, "ready-expr/end/Kustomization/bad"),
        "is not Ready (InvalidCELExpression)",
    ),
    "a dependency that is not ready": (
        lambda flux: _first(flux, "depends-chain/Kustomization/three"),
        "is not Ready (DependencyNotReady)",
    ),
    "a source that is gone": (
        lambda flux: _first(flux, "source-deleted/end/Kustomization/app"),
        "is not Ready (ArtifactFailed)",
    ),
    "suspended": (lambda flux: suspended(flux.ready()), "is suspended"),
    "half on the old revision": (
        lambda flux: flux.ready(trace="wait-all/end", history=((9 * DAY, 1),)),
        "runs OLD",
    ),
    "a spec that Flux has not seen": (
        lambda flux: with_meta(flux.ready(), generation=2),
        "is not Ready (Progressing)",
    ),
    "a spec that an old Flux has not seen": (
        lambda flux: with_meta(
            flux.kustomization("suspend-resume/Kustomization/app", turned=3 * DAY), generation=4
        ),
        "is not Ready (Progressing)",
    ),
    "being deleted": (
        lambda flux: with_meta(flux.ready(), deletionTimestamp=timestamp(ago(1))),
        "is not Ready (Progressing)",
    ),
}


def _first(flux: Flux, path: str) -> Obj:
    """An object whose trace has one revision, which is ``new`` here."""
    return Flux(flux.new, flux.new).kustomization(path)


@pytest.mark.parametrize(("apps", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_flux_does_not_prove_refuses(
    story: Story, flux: Flux, apps: Callable[[Flux], Obj], problem: str
) -> None:
    """Health refuses, and the soak with it; whatever does not depend on the status says nothing against it."""
    story.evidence["staging"] = seen("staging", flux.source(), flux.ready("infrastructure"), apps(flux))
    problem = problem.replace("NEW", flux.new[:12]).replace("OLD", flux.old[:12])
    assert story.refused() == {
        "healthy": f"at {flux.new[:12]}: staging: Kustomization/flux-system/apps {problem}",
        "soak": NOT_READY,
    }
    assert verdicts(story)["candidate"] == flux.new[:12]


def test_the_old_revision_counts_where_it_has_the_same_content(story: Story, flux: Flux) -> None:
    """Infrastructure is the same in both commits, so that it soaks since the old one."""
    infrastructure = flux.ready("infrastructure", trace="wait-all/end", history=((9 * DAY, 1),))
    story.evidence["staging"] = seen("staging", flux.source(), infrastructure, flux.ready())
    assert story.refused() == {}
    story.fleet.commit({"infrastructure/base/policy.yaml": config_map("policy", {"level": "none"})})
    flux = Flux(flux.old, story.fleet.head())
    story.evidence["staging"] = seen("staging", flux.source(), infrastructure, flux.ready())
    refused = story.refused()
    assert list(refused) == ["healthy", "soak"]
    assert f"infrastructure runs {flux.old[:12]}" in refused["healthy"]


def test_a_kustomization_that_the_cluster_lacks(story: Story, flux: Flux) -> None:
    story.evidence["staging"] = seen("staging", flux.source(), flux.ready("infrastructure"))
    refused = story.refused()
    assert list(refused) == ["healthy", "soak"]
    assert "apps is in Git, but not on the cluster" in refused["healthy"]


def test_objects_that_were_read_long_ago(story: Story, flux: Flux) -> None:
    objects = flux.source(), flux.ready("infrastructure"), flux.ready()
    story.evidence["staging"] = seen("staging", *objects, age=11)
    refused = story.refused()
    assert list(refused) == ["evidence", "healthy", "soak"]
    assert "11m old, and proves nothing" in refused["evidence"]
    assert refused["healthy"].endswith("staging: not known")
    story.evidence["staging"] = seen("staging", *objects, age=9)
    assert story.refused() == {}


def test_a_new_revision_that_nothing_has_applied(story: Story, flux: Flux) -> None:
    """The candidate is what runs, which production has already; the new revision cannot be named either."""
    old: dict[str, Any] = {"trace": "wait-all/end", "history": ((9 * DAY, 1),)}
    objects = flux.source(), flux.ready("infrastructure", **old), flux.ready(**old)
    story.evidence["staging"] = seen("staging", *objects)
    assert list(story.refused()) == ["not-empty"]
    assert story.compute().plan.candidate == flux.old
    refused = story.refused(wanted=flux.new)
    assert refused["candidate"] == f"staging runs {flux.old[:12]}, which does not contain {flux.new[:12]}"
    assert {"healthy", "soak", "proven"} <= set(refused)


def test_a_source_that_never_was_ready(story: Story, flux: Flux) -> None:
    source = flux.source("no-tag/end")
    applied = [
        flux.kustomization("no-tag/end/Kustomization/app", name) for name in ("infrastructure", "apps")
    ]
    story.evidence["staging"] = seen("staging", source, *applied)
    refused = story.refused()
    assert refused["candidate"] == "nobody says which commit of flux-system/flux-system staging runs"
    assert {"healthy", "soak"} <= set(refused)
    assert "evidence" not in refused, "somebody has looked"


def test_a_source_that_fails_later_takes_nothing_back(story: Story, flux: Flux) -> None:
    """Flux keeps the artifact: what runs, runs on."""
    failed = flux.source("no-tag/end")
    failed = changed(failed, artifact=flux.source()["status"]["artifact"])
    story.evidence["staging"] = seen("staging", failed, flux.ready("infrastructure"), flux.ready())
    assert story.refused() == {}


@pytest.mark.parametrize("held", ["GitRepository/flux-system", "Kustomization/apps"])
def test_a_target_that_flux_does_not_reconcile(story: Story, flux: Flux, held: str) -> None:
    story.evidence["staging"] = seen("staging", flux.source(), flux.ready("infrastructure"), flux.ready())
    objects = [
        suspended(each) if f"{each['kind']}/{each['metadata']['name']}" == held else each
        for each in (flux.source(), flux.ready("infrastructure"), flux.ready())
    ]
    story.evidence["production"] = seen("production", *objects)
    kind, _, name = held.partition("/")
    refused = story.refused()
    # It also runs another commit than it follows.
    assert list(refused) == ["base", "not-suspended"]
    assert f"suspended: {kind}/{ObjectKey('flux-system', name)};" in refused["not-suspended"]
