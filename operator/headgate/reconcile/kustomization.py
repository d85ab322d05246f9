"""Reconciles one Kustomization: source, dependencies, build, apply, prune, health, Ready.

:meth:`KustomizationReconciler.reconcile` is the documented life cycle from top to bottom. Each step either goes
on, or ends the attempt by raising one of two things: :class:`Postponed`, when something it needs is not there
yet, or :class:`Failed`. Neither keeps a worker: the attempt is over, and an event or a timer starts the next.

Only the wait for health spans several calls. It lives in the object's :class:`Memory` as an open
:class:`Attempt`; a change of a watched object, or the deadline, wakes the key and :meth:`_continue` looks again.
A new revision, a new spec or a user's request makes the open attempt stale; it is dropped and a new one begins.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headgate.api import (
    InvalidSpec,
    InvalidStatus,
    Kustomization,
    ObjectKey,
    format_duration,
    labels,
    reasons,
)
from headgate.api import inventory as inv
from headgate.api.source import Artifact
from headgate.apply import Action, ApplyFailed, InvalidIgnoreRule
from headgate.health import HealthExpressions, InvalidHealthExpressions
from headgate.kube import Client, ObjectRef, ref_of
from headgate.kustomize.errors import BuildError
from headgate.reconcile import finalizers
from headgate.reconcile.artifacts import ArtifactError, ArtifactMissing
from headgate.reconcile.attempt import Attempt, Failed, Memory, Postponed, Settled
from headgate.reconcile.builds import (
    BuildRules,
    PathNotFound,
    PostBuildFailed,
    StillEncrypted,
    build_objects,
)
from headgate.reconcile.clusters import PROBE_TIMEOUT, TargetPending
from headgate.reconcile.config import Config
from headgate.reconcile.controller import GONE, NOTHING_MORE, RETRY, WAKE, Outcome
from headgate.reconcile.decryption import DecryptionFailed
from headgate.reconcile.dependencies import InvalidReadyExpression, blocked_by
from headgate.reconcile.events import NORMAL, EventRecorder
from headgate.reconcile.external import ArtifactPending, ExternalSources
from headgate.reconcile.finalize import Finalizer
from headgate.reconcile.inputs import ClusterInputs, InputReader, InputsMissing
from headgate.reconcile.measure import APPLY, BUILD, HEALTH, UNMEASURED, Measure, timed
from headgate.reconcile.queue import Depth, Priority, Trigger
from headgate.reconcile.remote import TargetError
from headgate.reconcile.reporting import Reporter, is_news, settle
from headgate.reconcile.status import StatusSession
from headgate.reconcile.store import GIT_REPOSITORY, SourceKey, Store, source_of
from headgate.reconcile.targets import Target, Targets
from headgate.reconcile.trees import SourceTrees
from headgate.reconcile.waiting import HealthWait, Standing, jobs_with_ttl, judge

Obj = dict[str, Any]

_log = logging.getLogger("headgate.kustomization")

ORIGIN_REVISION = "org.opencontainers.image.revision"
"""Key of an artifact's metadata."""
STATUS_MANAGER = "gotk-kustomize-controller"
"""Field manager of the Kustomizations' status and finalizers."""

DECRYPTING = 4
"""Builds that decrypt at once."""

_STEPS: dict[type[BuildError], str] = {PostBuildFailed: "post build", DecryptionFailed: "decryption"}
"""What failed, by the error; all else is kustomize's."""


class KustomizationReconciler:
    """See the module's text. Shared by all workers; an object is with one worker at a time."""

    def __init__(
        self,
        config: Config,
        client: Client,
        store: Store,
        trees: SourceTrees,
        targets: Targets,
        inputs: InputReader,
        rules: BuildRules,
        external: ExternalSources,
        finalizer: Finalizer,
        events: EventRecorder,
        written: Callable[[Obj], None],
        is_source_pending: Callable[[SourceKey], bool],
        measure: Measure = UNMEASURED,
    ) -> None:
        self._measure = measure
        self._written, self._is_source_pending = written, is_source_pending
        self._config, self._client, self._store, self._trees = config, client, store, trees
        self._targets, self._inputs, self._rules, self._external = targets, inputs, rules, external
        self._finalizer, self._reporter = finalizer, Reporter(events)
        self._decrypting = ThreadPoolExecutor(DECRYPTING, "decryption")
        self._memories: dict[ObjectKey, Memory] = {}

    async def reconcile(self, key: ObjectKey, triggers: tuple[Trigger, ...]) -> Outcome:
        """Do what can be done now for the Kustomization; see :class:`Outcome` for what comes next."""
        memory = self._memories.setdefault(key, Memory())
        self._cancel_report(memory)
        obj = self._store.kustomization(key)
        if obj is None:
            self._close(memory)
            del self._memories[key]
            await self._targets.release(key)
            return GONE
        if obj["metadata"].get("deletionTimestamp"):
            self._close(memory)
            return await self._finalizer.finalize(key, obj)
        held = await finalizers.add(self._client, obj, STATUS_MANAGER)
        if held is None:
            return NOTHING_MORE
        obj = held
        self._store.put_kustomization(obj)
        session = StatusSession(self._client, obj, manager=STATUS_MANAGER, written=self._written)
        requested = (obj["metadata"].get("annotations") or {}).get(labels.REQUESTED_AT)
        try:
            ks = Kustomization.from_object(obj)
        except InvalidSpec as error:
            self._close(memory)
            await self._reporter.invalid(session, requested, str(error))
            return NOTHING_MORE
        if ks.spec.suspend:
            self._close(memory)
            settle(session, requested)
            await session.write()
            return NOTHING_MORE
        depth = max(t.depth for t in triggers)
        if memory.open is not None:
            if depth is Depth.LOOK and self._is_current(memory.open, obj, requested):
                return await self._continue(memory, memory.open)
            self._interrupt(memory, memory.open, triggers)
        attempt = Attempt(key, obj, ks, session, requested, time.monotonic(), depth=depth)
        return await self._attempt(memory, attempt)

    def concerns(self, key: ObjectKey, source: SourceKey) -> bool:
        """Whether the source's present tree can change what the Kustomization applies, or did not apply yet."""
        memory, obj = self._memories.get(key), self._store.kustomization(key)
        tree = self._trees.current(source)
        if memory is None or memory.settled is None or obj is None or tree is None:
            return True
        return not memory.settled.holds_for(obj, tree)

    def tell_drift(self, key: ObjectKey, ref: ObjectRef, what: str) -> None:
        """Tell that an object is no longer as it was applied, who did it and to which fields."""
        obj = self._store.kustomization(key)
        if obj is not None and not obj["spec"].get("suspend"):
            self._reporter.drifted(obj, ref, what)

    # The life cycle.

    async def _attempt(self, memory: Memory, attempt: Attempt) -> Outcome:
        try:
            attempt.expressions = _health_expressions(attempt.obj)
            source = self._find_source(attempt)
            self._check_dependencies(attempt, source)
            if attempt.depth is Depth.LOOK and not self.concerns(attempt.key, source):
                attempt.inputs = await self._read_inputs(attempt)
                assert memory.settled is not None
                if attempt.inputs.version == memory.settled.cluster_inputs:
                    return await self._take_note(memory, attempt)
            memory.settled = None
            self._reporter.progress(attempt, "Fetching manifests")
            await self._build(attempt, source)
            attempt.target = await self._target(attempt)
            await self._apply(attempt)
            await self._prune(attempt)
            if await self._start_health_wait(memory, attempt):
                return await self._continue(memory, attempt)
            return await self._succeed(memory, attempt)
        except Postponed as wait:
            attempt.session.abandon()
            if not wait.silent:
                self._reporter.postponed(memory, attempt, wait)
            again = Trigger(Priority.ROUTINE, "retry", depth=attempt.depth)
            return Outcome(after=wait.after, trigger=again)
        except Failed as failure:
            return await self._fail(attempt, failure)
        except BaseException:
            attempt.session.abandon()
            raise

    def _find_source(self, attempt: Attempt) -> SourceKey:
        key, ks = source_of(attempt.obj), attempt.ks
        if self._config.no_cross_namespace_refs and key.namespace != attempt.key.namespace:
            message = f"can't access '{key.kind}/{key.object}', cross-namespace references have been blocked"
            raise Failed(reasons.ACCESS_DENIED, message, stalled=True)
        source = self._store.source(key)
        if source is None:
            message = f'{key.kind}.source.toolkit.fluxcd.io "{key.name}" not found'
            raise Postponed(
                reasons.ARTIFACT_FAILED, message, after=ks.retry_interval, tell=f"Source '{key}' not found"
            )
        artifact = (source.get("status") or {}).get("artifact")
        retry = self._config.requeue_dependency
        if not artifact:
            message = f"Source artifact not found, retrying in {format_duration(retry)}"
            raise Postponed(reasons.ARTIFACT_FAILED, message, after=retry)
        attempt.revision = artifact["revision"]
        attempt.origin = (artifact.get("metadata") or {}).get(ORIGIN_REVISION, "")
        if key.kind != GIT_REPOSITORY:
            self._fetch_external(key, artifact)
        elif not self._trees.has(key, attempt.revision):
            message = f"Source is not ready, artifact not found, retrying in {format_duration(retry)}"
            pending = self._is_source_pending(key)
            raise Postponed(reasons.ARTIFACT_FAILED, message, after=retry, silent=pending)
        return key

    def _fetch_external(self, key: SourceKey, artifact: Obj) -> None:
        """See that the tree of an artifact that another controller made is there."""
        retry = self._config.requeue_dependency
        try:
            self._external.want(key, Artifact.parse(artifact))
        except ArtifactPending as error:
            # Its arrival, or its failure, wakes us.
            raise Postponed(reasons.ARTIFACT_FAILED, str(error), after=retry, silent=True) from error
        except ArtifactMissing as error:
            message = f"Source is not ready, artifact not found, retrying in {format_duration(retry)}"
            raise Postponed(reasons.ARTIFACT_FAILED, message, after=retry) from error
        except (ArtifactError, InvalidStatus) as error:
            raise Failed(reasons.ARTIFACT_FAILED, str(error)) from error

    def _check_dependencies(self, attempt: Attempt, source: SourceKey) -> None:
        try:
            blocked = blocked_by(
                attempt.obj,
                attempt.revision,
                self._store.kustomization,
                unconcerned=lambda key: not self.concerns(key, source),
                additive=self._config.additive_cel_dependency_check,
                guarded=self._config.no_cross_namespace_refs,
            )
        except InvalidReadyExpression as error:
            raise _misconfigured(error) from error
        if blocked is None:
            return
        retry = self._config.requeue_dependency
        tell = f"Dependencies do not meet ready condition, retrying in {format_duration(retry)}"
        if blocked.cycle:
            tell = blocked.message
        raise Postponed(reasons.DEPENDENCY_NOT_READY, blocked.message, after=retry, tell=tell)

    async def _read_inputs(self, attempt: Attempt) -> ClusterInputs:
        try:
            return await self._inputs.read(attempt.ks, attempt.obj["spec"])
        except InputsMissing as error:
            raise Failed(reasons.BUILD_FAILED, str(error)) from error

    async def _target(self, attempt: Attempt) -> Target:
        try:
            return await self._targets.of(attempt.ks)
        except TargetPending as error:
            after = PROBE_TIMEOUT * 2
            raise Postponed(reasons.RECONCILIATION_FAILED, str(error), after=after, silent=True) from error
        except TargetError as error:
            raise Failed(reasons.RECONCILIATION_FAILED, str(error)) from error

    async def _build(self, attempt: Attempt, source: SourceKey) -> None:
        inputs = attempt.inputs or await self._read_inputs(attempt)
        attempt.inputs = inputs
        with self._trees.use(source, attempt.revision) as tree:
            if tree is None:
                raise Failed(reasons.ARTIFACT_FAILED, f"revision {attempt.revision} is no longer there")
            try:
                with timed(self._measure, BUILD):
                    # What waits for a key service must not take the threads of all others.
                    threads = None if inputs.keys is None else self._decrypting
                    built = await asyncio.get_running_loop().run_in_executor(
                        threads, build_objects, tree, attempt.obj["spec"], inputs, self._rules
                    )
            except PathNotFound as error:
                raise Failed(reasons.ARTIFACT_FAILED, error.message) from error
            except BuildError as error:
                attempt.session.status["lastAttemptedRevision"] = attempt.revision
                self._reporter.progress(attempt, "Building manifests")
                if isinstance(error, StillEncrypted):
                    raise Failed(reasons.RECONCILIATION_FAILED, str(error)) from error
                doing = next(
                    (what for kind, what in _STEPS.items() if isinstance(error, kind)), "kustomize build"
                )
                raise Failed(reasons.BUILD_FAILED, f"{doing} failed: {error}") from error
        attempt.session.status["lastAttemptedRevision"] = attempt.revision
        attempt.built = built
        self._reporter.left_out(attempt)

    async def _apply(self, attempt: Attempt) -> None:
        assert attempt.built is not None
        assert attempt.target is not None
        session, target = attempt.session, attempt.target
        self._reporter.progress(attempt, "Detecting drift")
        before = inv.from_status(session.status)
        intended = await target.applier.intended(attempt.built.objects)
        if not intended <= before:
            # Written before anything is created: what a crash in the next instant would leave behind is
            # found again by this record.
            inv.to_status(session.status, before | intended)
            await session.write()
        try:
            with timed(self._measure, APPLY):
                result = await target.applier.apply(
                    attempt.ks, attempt.built.objects, full=attempt.depth is Depth.VERIFY
                )
        except InvalidIgnoreRule as error:
            raise Failed(reasons.RECONCILIATION_FAILED, str(error)) from error
        except ApplyFailed as error:
            there = before | inv.of_changes(error.changes)
            inv.to_status(session.status, there)
            if not there:
                del session.status["inventory"]
            changed = "\n".join(str(c) for c in error.changes.changed())
            raise Failed(reasons.RECONCILIATION_FAILED, f"{error}\n{changed}") from error
        target.live.watch({(o["apiVersion"], o["kind"]) for o in attempt.built.objects})
        changed = "\n".join(str(c) for c in result.changes.changed())
        attempt.result, attempt.drifted = result, bool(changed)
        if changed:
            self._reporter.tell(attempt, NORMAL, changed)
        after = inv.of_changes(result.changes)
        inv.to_status(session.status, after)
        attempt.stale = before - after

    async def _prune(self, attempt: Attempt) -> None:
        if not attempt.stale or not attempt.ks.spec.prune:
            return
        assert attempt.target is not None
        pruned = await attempt.target.applier.prune(attempt.ks, attempt.stale)
        if len(pruned.changes):
            self._reporter.tell(attempt, NORMAL, str(pruned.changes))
        if pruned.errors:
            status = attempt.session.status
            inv.to_status(status, inv.from_status(status) | pruned.survivors)
            raise Failed(reasons.PRUNE_FAILED, "\n".join(pruned.errors))

    # Waiting for health.

    async def _start_health_wait(self, memory: Memory, attempt: Attempt) -> bool:
        """Open the wait; False when there is nothing to wait for."""
        assert attempt.result is not None
        session = attempt.session
        targets = self._health_targets(attempt)
        if not targets:
            session.unmark(reasons.HEALTHY)
            return False
        assert attempt.target is not None
        if not attempt.ks.spec.wait:
            own = {c.ref for c in attempt.result.changes.entries}
            try:
                await attempt.target.check_sight(r for r in targets if r not in own)
            except TargetError as error:
                message = f"health check failed: {error}"
                session.mark(reasons.HEALTHY, "False", reasons.HEALTH_CHECK_FAILED, message)
                raise Failed(reasons.HEALTH_CHECK_FAILED, message) from error
        attempt.was_healthy = session.is_true(reasons.HEALTHY)
        message = self._reporter.progress(attempt, "Running health checks")
        session.mark(reasons.HEALTHY, "Unknown", reasons.PROGRESSING, message)
        now = time.monotonic()
        attempt.wait = HealthWait(
            uid=attempt.obj["metadata"]["uid"],
            generation=session.generation,
            revision=attempt.revision,
            targets=targets,
            jobs_with_ttl=jobs_with_ttl(attempt.built.objects if attempt.built else ()),
            started=now,
            deadline=now + attempt.ks.timeout,
        )
        memory.open = attempt
        attempt.target.live.follow(attempt.key, targets, attempt.expressions)
        return True

    def _health_targets(self, attempt: Attempt) -> tuple[ObjectRef, ...]:
        spec = attempt.ks.spec
        assert attempt.result is not None
        if spec.wait:
            # Skipped objects were chosen to be left alone; a Kustomization does not wait for itself.
            refs = [c.ref for c in attempt.result.changes.entries if c.action is not Action.SKIPPED]
        else:
            refs = [ObjectRef(h.api_version, h.kind, h.name, h.namespace) for h in spec.health_checks]
        own = ref_of(attempt.obj)
        return tuple(r for r in refs if (r.kind, r.namespace, r.name) != (own.kind, own.namespace, own.name))

    async def _continue(self, memory: Memory, attempt: Attempt) -> Outcome:
        """Look at an open wait: end it, or go on waiting without a worker."""
        wait = attempt.wait
        assert wait is not None
        assert attempt.target is not None
        live, expressions, now = attempt.target.live, attempt.expressions, time.monotonic()
        verdict = judge(
            wait, lambda ref: live.health(ref, expressions), now, fail_fast=self._config.fail_fast
        )
        if verdict.standing is Standing.WAITING:
            attempt.session.write_soon()
            return Outcome(after=wait.deadline - now, trigger=WAKE)
        self._close(memory)
        self._measure.took(HEALTH, now - wait.started, failed=verdict.standing is Standing.FAILED)
        elapsed = format_duration(now - wait.started)
        if verdict.standing is Standing.FAILED:
            said = attempt.masks(verdict.message)
            attempt.session.mark(reasons.HEALTHY, "False", reasons.HEALTH_CHECK_FAILED, said)
            message = f"health check failed after {elapsed}: {said}"
            return await self._fail(attempt, Failed(reasons.HEALTH_CHECK_FAILED, message))
        message = f"Health check passed in {elapsed}"
        new_revision = attempt.session.status.get("lastAppliedRevision") != attempt.revision
        if not attempt.was_healthy or (new_revision and attempt.drifted):
            self._reporter.tell(attempt, NORMAL, message)
        attempt.session.mark(reasons.HEALTHY, "True", reasons.SUCCEEDED, message)
        return await self._succeed(memory, attempt)

    def _is_current(self, attempt: Attempt, obj: Obj, requested: str | None) -> bool:
        """Whether an open attempt is still for what is wanted now."""
        source = self._store.source(source_of(obj)) or {}
        artifact = (source.get("status") or {}).get("artifact") or {}
        return (
            attempt.obj["metadata"]["uid"] == obj["metadata"]["uid"]
            and attempt.session.generation == obj["metadata"].get("generation")
            and attempt.requested == requested
            and attempt.revision == artifact.get("revision")
        )

    def _interrupt(self, memory: Memory, attempt: Attempt, triggers: tuple[Trigger, ...]) -> None:
        origin = next((t.origin for t in triggers if t.origin), str(ref_of(attempt.obj)))
        message = f"Health checks canceled due to new reconciliation triggered by {origin}"
        _log.info("%s: %s", attempt.key, message)
        self._reporter.tell(attempt, NORMAL, message)
        self._close(memory)

    def _close(self, memory: Memory) -> None:
        if memory.open is not None:
            memory.open.session.abandon()
            if memory.open.target is not None:
                memory.open.target.live.unfollow(memory.open.key)
            memory.open = None

    # How an attempt ends.

    async def _succeed(self, memory: Memory, attempt: Attempt) -> Outcome:
        session, ks, built = attempt.session, attempt.ks, attempt.built
        assert built is not None
        memory.settled = Settled(
            attempt.obj["metadata"]["uid"],
            session.generation,
            built.digest,
            built.inputs,
            attempt.inputs.version if attempt.inputs is not None else "",
        )
        if not is_news(attempt):
            # A routine look at what is all in place: nobody needs to hear of it.
            session.revert()
            _log.debug("%s: everything is in place", attempt.key)
            return self._at_interval(ks)
        await self._reporter.succeeded(attempt, built.digest)
        return self._at_interval(ks)

    async def _take_note(self, memory: Memory, attempt: Attempt) -> Outcome:
        """A new revision that changes nothing here is noted, with no build and no request but this."""
        assert memory.settled is not None
        status = attempt.session.status
        if attempt.revision == status.get("lastAppliedRevision") and attempt.session.is_true(reasons.READY):
            return Outcome(keep_timer=True)
        self._measure.build_skipped()
        status["lastAttemptedRevision"] = attempt.revision
        await self._reporter.succeeded(attempt, memory.settled.digest)
        return Outcome(keep_timer=True)

    def _at_interval(self, ks: Kustomization) -> Outcome:
        spread = 1 + self._config.jitter * (2 * random.random() - 1)  # noqa: S311 - spreads load
        return Outcome(after=ks.spec.interval * spread)

    async def _fail(self, attempt: Attempt, failure: Failed) -> Outcome:
        await self._reporter.failed(attempt, failure)
        return NOTHING_MORE if failure.stalled else Outcome(after=attempt.ks.retry_interval, trigger=RETRY)

    def _cancel_report(self, memory: Memory) -> None:
        if memory.report is not None:
            memory.report.cancel()
            memory.report = None


def _health_expressions(obj: Obj) -> HealthExpressions | None:
    entries = obj["spec"].get("healthCheckExprs")
    if not entries:
        return None
    try:
        return HealthExpressions.compile(entries)
    except InvalidHealthExpressions as error:
        raise _misconfigured(error) from error


def _misconfigured(error: ValueError) -> Failed:
    message = f"Reconciliation failed terminally due to configuration error: {error}"
    return Failed(reasons.INVALID_CEL_EXPRESSION, message, stalled=True)
