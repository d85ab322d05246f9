"""Step 3: apply the built objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headgate.api import inventory as inv
from headgate.apply import ApplyError, ApplyResult, ObjectError, Owner
from headgate.fairness.pools import aside
from headgate.kustomize.resources.places import described
from headgate.reconcile.core.inventories import Inventories
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.build.builds import BuildResult
from headgate.reconcile.kustomization.errors import Failed
from headgate.reconcile.kustomization.report import Reported, Reporter
from headgate.reconcile.kustomization.steps.build import Built
from headgate.reconcile.kustomization.steps.inventory import Recorder, entries_of, keep
from headgate.reconcile.reporting.events import NORMAL
from headgate.reconcile.reporting.measure import APPLY, Measure, timed


@dataclass(frozen=True, slots=True)
class Applied:
    """All built objects are on the cluster, perhaps with others that the Kustomization had before."""

    built: Built
    result: ApplyResult
    changed: bool
    """Whether any object changed."""
    stale: frozenset[inv.Entry]
    """Entries of the old inventory that the build no longer has."""

    @property
    def attempt(self) -> Attempt:
        return self.built.attempt


async def apply(
    built: Built,
    inventories: Inventories,
    reporter: Reporter,
    reported: Reported,
    measure: Measure,
    *,
    max_inventory_size: int,
) -> Applied:
    """Apply the objects; each is recorded in the inventory before it is written.

    ``reported`` has the warnings that were reported before; ``max_inventory_size`` is in bytes.
    """
    attempt, target, objects = built.attempt, built.target, built.result.objects
    namespace, count = attempt.key.namespace, len(objects)
    reporter.progress(attempt, "Detecting drift")
    recorder = Recorder(attempt, measure, max_inventory_size, count)
    before = await entries_of(attempt)
    intended = await aside(namespace, count, lambda: inv.of_objects(objects))
    if not intended <= before:
        await recorder.check_size(intended | before, len(before - intended))
    inventories.keep(attempt.key)
    try:
        with timed(measure, APPLY):
            result = await target.applier.apply(
                attempt.ks, objects, full=attempt.depth is Depth.VERIFY, record=recorder.record
            )
    except ApplyError as error:
        raise await _failure(built, before, error) from error
    finally:
        target.live.watch(attempt.key)
    changed = "\n".join(str(c) for c in result.changes.changed())
    if changed:
        reporter.event(attempt, NORMAL, changed)
    after, stale = await aside(
        namespace,
        len(result.changes) + len(before),
        lambda: (
            after := inv.of_changes(result.changes),
            target.applier.resolved(before) - after,
        ),
    )
    target.applier.moved(Owner(attempt.ks.name, attempt.ks.namespace), before, after)
    inventories.accepted(attempt.key, attempt.obj, result.answered)
    inventories.let_go(attempt.key, stale)
    prunes = attempt.ks.spec.prune
    if not prunes:
        inventories.left(attempt.obj, stale)
    # Stale entries stay recorded until they are pruned: a progress write, or a crash, can come at any moment.
    await keep(attempt, count, lambda: after | stale if prunes else after)
    await reporter.apply_warnings(reported, attempt, result)
    return Applied(built, result, bool(changed), stale)


async def _failure(built: Built, before: frozenset[inv.Entry], error: ApplyError) -> Failed:
    """The failure of the attempt; the inventory now has everything that was, or may have been, applied."""
    attempt, target = built.attempt, built.target
    changes, unsure = error.changes, error.unsure
    await keep(
        attempt,
        len(built.result.objects),
        lambda: target.applier.resolved(inv.of_changes(changes) | inv.of_refs(unsure) | before),
    )
    status = attempt.session.status
    if not status["inventory"]["entries"]:
        del status["inventory"]
    changed = "\n".join(str(c) for c in changes.changed())
    said = f"{_with_places(error.errors, built.result)}\n{changed}" if error.errors else str(error)
    return Failed(error.reason, said)


def _with_places(errors: Sequence[ObjectError], built: BuildResult) -> str:
    """The faults of objects, one per line, each with its file if that is known."""
    wanted = {(e.ref.api_version, e.ref.kind, e.ref.name) for e in errors}
    places: dict[tuple[str, str, str, str], str] = {}
    for obj, place in zip(built.objects, built.places, strict=True):
        kind, meta = (obj["apiVersion"], obj["kind"]), obj["metadata"]
        if place and (*kind, meta["name"]) in wanted:
            # The file of an object without a namespace may name one nevertheless.
            for namespace in ("", meta.get("namespace") or ""):
                places.setdefault((*kind, namespace, meta["name"]), place)
    lines = []
    for each in errors:
        ref = each.ref
        found = places.get((ref.api_version, ref.kind, ref.namespace, ref.name))
        lines.append(f"{each.message} (from {described(found)})" if found else each.message)
    return "\n".join(lines)
