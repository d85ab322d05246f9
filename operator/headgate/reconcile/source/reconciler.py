"""Reconciles one GitRepository: lists the refs of the remote, fetches what is new, stores the artifact.

The list of refs comes first (``ls-remote``): one small request shows which commit the reference names now, and all
GitRepositories with the same remote and credentials share it (:mod:`headgate.git.remote.reflists`). Only if that
commit, or what shapes the artifact (``ignore``, ``include``, ...), differs from what is stored, Headgate fetches.
It verifies signatures before anything else reads the commit. The new tree is available to the Kustomizations'
reconcilers before the status has the new revision, and the response to that write wakes them.

Git runs in threads (:mod:`headgate.fairness.pools`): calls that wait for a remote use another pool than calls that
read and write the disk. A remote that hangs holds one slot of its namespace until its timeout.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from headgate.api import GitRepository, InvalidSpec, ObjectKey, Revision, labels, reasons
from headgate.backoff import Backoff
from headgate.borders import BorderError, Retry
from headgate.fairness.pools import NETWORK, STORAGE
from headgate.git.artifact.storage import ArtifactStorage
from headgate.git.cache.bare import BareCache, Caches
from headgate.git.command.process import Cancellation
from headgate.git.errors import GitError, StorageFailed
from headgate.git.limits import TreeLimits
from headgate.git.refs.reference import GitReference, Resolved
from headgate.git.remote.client import Remote
from headgate.git.remote.reflists import Asking, RefLists
from headgate.git.url import RemoteUrl
from headgate.kube import Client
from headgate.names import GIT_REPOSITORY, SOURCE_CONTROLLER
from headgate.objects import Obj
from headgate.reconcile.core import finalizers
from headgate.reconcile.core.controller import (
    BACKOFF_BASE,
    BACKOFF_MAX,
    GONE,
    NOTHING_MORE,
    RETRIES,
    Outcome,
)
from headgate.reconcile.core.queue import Trigger
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.core.wakeups import Wakeups
from headgate.reconcile.reporting.events import NORMAL, WARNING, EventRecorder
from headgate.reconcile.reporting.measure import FETCH, UNMEASURED, Measure, timed
from headgate.reconcile.reporting.status import StatusSession
from headgate.reconcile.reporting.unexpected import explained, is_passing, is_too_large
from headgate.reconcile.source.errors import SourceError
from headgate.reconcile.source.fetch import SourceFetcher
from headgate.reconcile.source.gate import Closed
from headgate.reconcile.source.held import HeldRevisions
from headgate.reconcile.source.inputs import (
    OBSERVED,
    ReconcileInputs,
    SourceInputs,
    observed,
    requires_verification,
    same_artifacts,
    same_content,
)
from headgate.reconcile.source.present import PresentArtifacts
from headgate.reconcile.source.report import SourceReport, forget_verification, short, summarise
from headgate.reconcile.source.requests import SourceRequests
from headgate.settings import SourceSettings

_log = logging.getLogger("headgate.source")

FAILURES = (reasons.FETCH_FAILED, reasons.INCLUDE_UNAVAILABLE, reasons.STORAGE_OPERATION_FAILED)
"""Conditions whose removal is a recovery."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    """An attempt to produce the artifact, with what it has read before it asks the remote."""

    key: SourceKey
    session: StatusSession
    source: GitRepository
    requested: str | None
    inputs: ReconcileInputs
    remote: Remote
    asking: Asking
    stored: bool
    """Whether the artifact of the status is in storage."""
    had_failed: bool


class SourceReconciler:
    """The reconciler. Shared by all workers; an object is with one worker at a time."""

    def __init__(
        self,
        settings: SourceSettings,
        client: Client,
        store: Store,
        trees: SourceTrees,
        requests: SourceRequests,
        caches: Caches,
        artifacts: ArtifactStorage,
        events: EventRecorder,
        wakeups: Wakeups,
        measure: Measure = UNMEASURED,
    ) -> None:
        self._settings, self._client, self._store, self._trees = settings, client, store, trees
        self._requests, self._artifacts, self._wakeups = requests, artifacts, wakeups
        self._caches = caches
        self._limits = TreeLimits(settings.max_source_entries, settings.max_source_size)
        self._fetcher = SourceFetcher(self._caches, artifacts, self._limits)
        self._inputs = SourceInputs(client, store, trees, settings=settings)
        self._report = SourceReport(events, settings.jitter)
        self._present = PresentArtifacts(self._caches, self._fetcher, self._inputs, trees, wakeups)
        self.held = HeldRevisions(store, self._report)
        self.lists = RefLists(lambda asked: measure.refs_wanted(asked=asked))
        self._measure = measure
        self._backoff: Backoff[ObjectKey] = Backoff(RETRIES)
        self._uncollected: set[ObjectKey] = set()
        """Sources with artifacts past retention whose deletion failed."""

    async def reconcile(self, key: ObjectKey, triggers: tuple[Trigger, ...]) -> Outcome:
        """Store the artifact of the commit that the reference names now."""
        since = self._requests.take_request(key)
        source_key = SourceKey(GIT_REPOSITORY, key.namespace, key.name)
        obj = self._store.source(source_key)
        if obj is None:
            await self._forget(source_key)
            self._backoff.reset(key)
            return GONE
        if obj["metadata"].get("deletionTimestamp"):
            return await self._finalize(source_key, obj)
        held = await finalizers.add(self._client, obj, SOURCE_CONTROLLER)
        if held is None:
            return NOTHING_MORE
        obj = held
        self._store.put_source(obj)
        session = self._session(obj)
        requested = labels.requested_at(obj)
        if (obj.get("spec") or {}).get("suspend"):
            summarise(session, requested)
            await self._present.restore(source_key, session)
            await session.write()
            return NOTHING_MORE
        try:
            source = GitRepository.from_object(obj, self._settings.max_list_entries)
            spec = source.spec
        except InvalidSpec as error:
            return await self._report.failed(key, session, requested, reasons.INVALID_SPEC, str(error), None)
        try:
            if since is None and requested != session.status.get("lastHandledReconcileAt"):
                since = time.monotonic()
            with self._requests.begun(key, obj) as cancellation:
                return await self._attempt(source_key, session, source, requested, since, cancellation)
        except (GitError, SourceError) as error:
            if error.drops_credentials:
                self._inputs.forget(key)
            again = self._next_attempt(key, error, spec.interval)
            if error.silent:
                session.revert()
                return Outcome(after=again)
            outcome = await self._report.failed(
                key,
                session,
                requested,
                error.reason,
                error.message,
                again,
                error.condition,
                waiting=error.retry is Retry.DEPENDENCY,
            )
        finally:
            session.abandon()
        await self._present.restore(source_key, session)
        self._wakeups.source_available(source_key)
        return outcome

    def _session(self, obj: Obj) -> StatusSession:
        return StatusSession(
            self._client, obj, manager=SOURCE_CONTROLLER, on_written=self._wakeups.source_written
        )

    def _next_attempt(self, key: ObjectKey, error: BorderError, interval: float) -> float | None:
        """Seconds until the next reconcile; None: only an event starts it."""
        match error.retry:
            case Retry.ON_CHANGE:
                return None
            case Retry.DEPENDENCY:
                return self._settings.requeue_dependency
            case Retry.SOON:
                again = min(self._backoff.next(key), self._settings.requeue_dependency)
            case Retry.BACK_OFF:
                again = min(self._backoff.next(key), interval)
        return again if error.retry_after is None else max(again, min(error.retry_after, BACKOFF_MAX))

    async def broke_off(self, key: ObjectKey, error: Exception, times: int) -> None:
        """Report that a reconcile ended with an unexpected error, the ``times``-th in a row.

        An error that may pass is reported only if the retry fails, too. Raises :class:`headgate.kube.ApiError`.
        """
        source_key = SourceKey(GIT_REPOSITORY, key.namespace, key.name)
        obj = self._store.source(source_key)
        if obj is None or (times == 1 and is_passing(error)):
            return
        # With the stored status, so that the rest of it stays unchanged.
        session = self._session(obj)
        requested = labels.requested_at(obj)
        what, reason, condition = "reconciling", reasons.GIT_OPERATION_FAILED, reasons.FETCH_FAILED
        if obj["metadata"].get("deletionTimestamp"):
            what, reason = "deleting", reasons.GARBAGE_COLLECTION_FAILED
            condition = reasons.STORAGE_OPERATION_FAILED
        message = f"{what} the GitRepository failed: {explained(error)}"
        if is_too_large(error):
            message += "; its status is too large to be stored: make spec.ignore or spec.include shorter"
        await self._report.failed(key, session, requested, reason, message, BACKOFF_BASE, condition)
        if not obj["metadata"].get("deletionTimestamp"):
            await self._present.restore(source_key, session)
            self._wakeups.source_available(source_key)

    async def _attempt(
        self,
        key: SourceKey,
        session: StatusSession,
        source: GitRepository,
        requested: str | None,
        since: float | None,
        cancellation: Cancellation,
    ) -> Outcome:
        """``since``: the time of a request, which an earlier response of the remote cannot serve."""
        spec = source.spec
        had_failed = any(session.condition(each) is not None for each in FAILURES)
        stored = await self._check_storage(key, session)
        forget_verification(session, source)
        address = RemoteUrl.parse(spec.url)
        credentials = await self._inputs.credentials(source, address)
        inputs = await self._inputs.read(source)
        remote = Remote(
            address,
            credentials,
            timeout=spec.timeout,
            limit=self._settings.max_fetch_timeout,
            max_bytes=self._limits.size,
            cancellation=cancellation,
        )
        if since is None:
            # The next reconcile is due by the time of the response, so that no knowledge is older than the interval.
            since = time.monotonic() - spec.interval / 2
        asking = Asking(self.lists, remote, since)
        try:
            return await self._produce(
                _Attempt(key, session, source, requested, inputs, remote, asking, stored, had_failed)
            )
        except GitError:
            # A retry needs a new response.
            self._requests.request(source.key)
            raise
        finally:
            inputs.close()

    async def _produce(self, attempt: _Attempt) -> Outcome:
        key, session, source, inputs = attempt.key, attempt.session, attempt.source, attempt.inputs
        remote, stored = attempt.remote, attempt.stored
        spec, status = source.spec, session.status
        session.unmark(reasons.INCLUDE_UNAVAILABLE)
        artifact = status.get("artifact")
        included = status.get("includedArtifacts") or []
        why = await self.held.closed(key, session, source)
        if why is None and included and not same_artifacts(included, inputs.included):
            message = "included artifacts differ from last observed includes"
            self._report.outdated(session, reasons.INCLUDE_CHANGE, message)
        sparing = (
            Revision.parse(artifact["revision"]).hash if artifact is not None and why is not None else ""
        )
        commits, resolved = await NETWORK.run(key.namespace, remote.timed, self._resolve, attempt, sparing)
        present = artifact is not None and artifact["revision"] == resolved.revision
        observed_now = observed(source, inputs)
        if not present or not same_content(observed_now, status):
            # Time has passed since the first question.
            why = await self.held.closed(key, session, source)
            if why is not None:
                return await self._hold(attempt, resolved, why)
        self.held.release(session, source)
        unchanged = (
            present
            and observed_now == {name: status.get(name) for name in OBSERVED}
            and not requires_verification(source, status)
        )
        if unchanged and stored and self._trees.has(key, resolved.revision):
            return await self._confirm(attempt, resolved.revision)
        if artifact is not None and artifact["revision"] != resolved.revision:
            self._report.outdated(
                session, reasons.NEW_REVISION, f"new upstream revision '{resolved.revision}'"
            )
        with timed(self._measure, FETCH):
            made = await self._fetcher.make(
                source, remote, resolved, commits, inputs, stored=unchanged and stored
            )
        session.unmark(reasons.FETCH_FAILED)
        if made.verified and spec.verify is not None:
            session.mark(reasons.SOURCE_VERIFIED, "True", reasons.SUCCEEDED, made.verified)
            status["sourceVerificationMode"] = spec.verify.mode
        self._trees.put(key, resolved.revision, made.tree)
        packed, new = made.artifact, False
        if packed is not None:
            new = artifact is None or artifact["digest"] != packed.digest
            if new or not unchanged:
                status["artifact"] = packed.to_status()
            elif artifact is not None:
                # Stored again after a loss, perhaps at another address and under another name.
                artifact["path"], artifact["url"] = packed.path, packed.url
        for name, value in observed_now.items():
            if value is None:
                status.pop(name, None)
            else:
                status[name] = value
        message = f"stored artifact for commit '{short(made.subject)}'"
        outcome = await self._succeed(attempt)
        if not new:
            # After a start, consumers wait for the tree although the status is unchanged.
            self._wakeups.source_available(key)
        if new:
            self._report.emit(session, NORMAL, reasons.NEW_ARTIFACT, message)
        elif attempt.had_failed:
            self._report.emit(session, NORMAL, reasons.SUCCEEDED, message)
        await self._collect(session, source.key)
        return outcome

    async def _confirm(self, attempt: _Attempt, revision: str, *, newest: bool = True) -> Outcome:
        """The artifact of the status stays as it is; ``newest``: the reference names its revision."""
        session, requested = attempt.session, attempt.requested
        if attempt.had_failed:
            message = f"stored artifact for commit '{revision}'"
            self._report.emit(session, NORMAL, reasons.SUCCEEDED, message)
        if newest and (attempt.had_failed or requested != session.status.get("lastHandledReconcileAt")):
            message = f"no changes since last reconciliation: observed revision '{revision}'"
            self._report.emit(session, NORMAL, reasons.GIT_OPERATION_SUCCEEDED, message, trace=True)
        outcome = await self._succeed(attempt)
        if attempt.source.key in self._uncollected:
            await self._collect(session, attempt.source.key)
        return outcome

    async def _hold(self, attempt: _Attempt, resolved: Resolved, why: Closed) -> Outcome:
        """Keep the new revision out, and the present one available."""
        session, source = attempt.session, attempt.source
        message = self.held.hold(session, source, resolved.revision, why)
        artifact = session.status.get("artifact")
        if artifact is None:
            self._backoff.reset(source.key)
            outcome = await self._report.waits(session, source, attempt.requested, message)
        else:
            await self._present.keep(attempt.key, session, source, attempt.remote, stored=attempt.stored)
            outcome = await self._confirm(attempt, artifact["revision"], newest=False)
        return self.held.until_open(outcome, why)

    def _resolve(self, attempt: _Attempt, sparing: str) -> tuple[BareCache, Resolved]:
        """The source's clone cache, and the commit that the reference names now. Blocks.

        ``sparing``: the commit that stays available, also if the source has another URL now; empty if none does.
        """
        key, remote, ref = attempt.key, attempt.remote, attempt.source.spec.ref
        wanted = GitReference.of(ref) if ref else GitReference()
        commits = self._caches.open(key.namespace, key.name, str(remote.url), sparing=sparing)
        return commits, remote.resolve(wanted, commits, attempt.asking)

    async def _collect(self, session: StatusSession, key: ObjectKey) -> None:
        """Delete artifacts past retention.

        A failure does not fail the source, whose artifact exists: it is reported, and the next reconcile retries.
        """
        try:
            collected = await STORAGE.run(
                key.namespace, self._artifacts.collect, session.status["artifact"]["path"]
            )
        except StorageFailed as error:
            self._uncollected.add(key)
            self._report.emit(session, WARNING, reasons.GARBAGE_COLLECTION_FAILED, str(error))
            _log.error("%s: %s", key, error)
        else:
            self._uncollected.discard(key)
            if collected:
                message = f"garbage collected {len(collected)} artifacts"
                self._report.emit(session, NORMAL, reasons.GARBAGE_COLLECTION_SUCCEEDED, message, trace=True)

    async def _succeed(self, attempt: _Attempt) -> Outcome:
        source, asked = attempt.source, attempt.asking.asked
        self._backoff.reset(source.key)
        age = 0.0 if asked is None else time.monotonic() - asked
        # A fetch may take longer than the interval.
        age = min(age, source.spec.interval / 2)
        return await self._report.succeeded(attempt.session, source, attempt.requested, age)

    async def _check_storage(self, key: SourceKey, session: StatusSession) -> bool:
        """Whether the artifact is in storage, unchanged."""
        status = session.status
        session.unmark(reasons.STORAGE_OPERATION_FAILED)
        artifact = status.get("artifact")
        missing = artifact is not None and not (
            self._artifacts.belongs(artifact["path"], key.namespace, key.name)
            and await STORAGE.run(key.namespace, self._artifacts.verify, artifact["path"], artifact["digest"])
        )
        message = "reconciliation in progress"
        if artifact is None:
            message = "building artifact"
        elif missing:
            # The status keeps it until the new one exists: consumers continue with what they have.
            message = "building artifact: disappeared from storage"
        else:
            artifact["url"] = self._artifacts.url(artifact["path"])
        if artifact is None or session.generation != status.get("observedGeneration"):
            session.mark(reasons.READY, "Unknown", reasons.PROGRESSING, message)
        session.mark(reasons.RECONCILING, "True", reasons.PROGRESSING, message)
        session.write_soon()
        return artifact is not None and not missing

    # Start and end.

    async def _finalize(self, key: SourceKey, obj: Obj) -> Outcome:
        await self._forget(key)
        session = self._session(obj)
        try:
            existed = await STORAGE.run(key.namespace, self._artifacts.remove_all, key.namespace, key.name)
        except StorageFailed as error:
            return await self._report.failed(
                key.object,
                session,
                None,
                reasons.GARBAGE_COLLECTION_FAILED,
                str(error),
                self._backoff.next(key.object),
                reasons.STORAGE_OPERATION_FAILED,
            )
        self._backoff.reset(key.object)
        if existed:
            message = "garbage collected artifacts for deleted resource"
            self._report.emit(session, NORMAL, reasons.GARBAGE_COLLECTION_SUCCEEDED, message, trace=True)
        await finalizers.remove(self._client, obj, SOURCE_CONTROLLER)
        return NOTHING_MORE

    async def _forget(self, key: SourceKey) -> None:
        self._trees.drop(key)
        await STORAGE.run(key.namespace, self._caches.drop, key.namespace, key.name)
        self._inputs.forget(key.object)
        self._requests.take_request(key.object)
        self._uncollected.discard(key.object)
        self.held.forget(key.object)
