"""Applies objects by server-side apply, stage by stage.

:func:`apply_all` is the story: objects are normalised, labelled with their owner, split into stages, and each
stage goes through :class:`_StageRun`: check, ask (dry run), and when nothing of the stage is refused, apply.
A stage of definitions is then awaited before the next one begins.

Requests for one object: none when it is known to be in place, one to verify it (``full``) or to find it
unchanged after a restart, one when it is the only one that changed, two (dry run, apply) otherwise; one more, to read
it, when something about it is different and fields of it are left to others, or its content is not known.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from headgate.apply import decide, ignore
from headgate.apply.changeset import Action, Change, ChangeSet
from headgate.apply.decide import Step, Verdict
from headgate.apply.definitions import NeverReady, awaited, is_crd
from headgate.apply.drift import digest
from headgate.apply.errors import ApplyFailed, ObjectError, describe, is_immutable, may_be_immutable
from headgate.apply.item import Item
from headgate.apply.known import KnownObjects
from headgate.apply.normalize import normalized, with_labels
from headgate.apply.options import ApplyOptions, marked
from headgate.apply.requests import (
    delete_and_wait,
    migrate,
    server_side_apply,
    take_over,
    would_be_created,
)
from headgate.apply.stages import Stage, by_rank, sort_key, split
from headgate.apply.validation import check
from headgate.fairness.pools import aside
from headgate.kube import (
    Answer,
    ApiError,
    BadRequest,
    Client,
    Conflict,
    Invalid,
    NoMatch,
    NotFound,
    ServerError,
    warnings_in,
)
from headgate.kube.refs import ObjectRef, ref_of
from headgate.loop import Pauses
from headgate.objects import Obj

RESOLVE_TRIES = 5
"""How often an object that keeps changing is read and applied anew for the sake of fields left to others."""

Observe = Callable[[ObjectRef, Obj], None]
"""Is told each object as the API server returned it after our apply, or when it turned out to be in place; and what a
watch showed of it while it was written."""
Record = Callable[[Sequence[ObjectRef]], Awaitable[None]]
"""Stores that these objects are about to be applied; when it raises, nothing of them is sent."""


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What was done, in the order of the stages."""

    changes: ChangeSet = field(default_factory=ChangeSet)
    warnings: list[str] = field(default_factory=list)
    """What of Git was not applied although it is no failure, one line for each object."""
    notices: list[str] = field(default_factory=list)
    """What the API server warns of (deprecated versions, admission policies), one line each, naming the object."""
    uids: set[str] = field(default_factory=set)
    """Of all objects that were applied, or are known to be in place."""
    answered: set[ObjectRef] = field(default_factory=set)
    """Those that the API server answered for in this attempt, under the account that applies them."""


async def apply_all(
    client: Client,
    objects: Iterable[Obj],
    options: ApplyOptions,
    known: KnownObjects,
    observe: Observe | None = None,
    record: Record | None = None,
) -> ApplyResult:
    """Bring the cluster's objects to what ``objects`` say.

    ``record`` is awaited before the first write of each stage, with all objects that are to be written in it, by their
    identity in the cluster: without a namespace where the kind has none.

    Raises :class:`ApplyFailed` with everything that was done before, and all errors of the stage that failed;
    of a stage with an object that is refused in the dry run, nothing is applied.
    """
    result = ApplyResult()
    wanted = list(objects)
    stages = await aside(options.owner.namespace, len(wanted), lambda: _staged(wanted, options))
    for stage, members in stages:
        run = _StageRun(client, options, known, observe, record)
        try:
            await run.apply(members)
            if stage in (Stage.DEFINITIONS, Stage.CLASSES):
                await run.settle()
        finally:
            result.changes.extend(run.changes())
            result.warnings.extend(run.warnings())
            result.notices.extend(run.notices())
            result.uids.update(run.uids())
            result.answered.update(run.answered())
        if run.errors:
            errors = sorted(run.errors, key=lambda e: sort_key(e.ref))
            raise ApplyFailed(result.changes, errors, run.unsure())
    return result


def _staged(objects: Iterable[Obj], options: ApplyOptions) -> list[tuple[Stage, list[Obj]]]:
    labels = options.owner.labels
    desired = [with_labels(o, labels) if _labelable(o) else o for o in normalized(objects)]
    return [(stage, list(members)) for stage, members in split(desired, options.custom_stages)]


def _labelable(obj: Obj) -> bool:
    meta = obj.get("metadata")
    return isinstance(meta, dict) and isinstance(meta.get("labels") or {}, dict)


class _StageRun:
    """One stage: see :meth:`apply`."""

    def __init__(
        self,
        client: Client,
        options: ApplyOptions,
        known: KnownObjects,
        observe: Observe | None,
        record: Record | None,
    ) -> None:
        self._client, self._options, self._known = client, options, known
        self._observe, self._record_intent = observe, record
        self._items: list[Item] = []
        self.errors: list[ObjectError] = []

    def changes(self) -> list[Change]:
        """What is dealt with so far, in order."""
        return [Change(i.ref, i.action) for i in self._items if i.action is not None]

    def unsure(self) -> list[ObjectRef]:
        """What may have been applied, but is not dealt with."""
        return [i.ref for i in self._items if i.action is None and i.maybe_there]

    def uids(self) -> set[str]:
        """Of the live objects, as far as they were seen now or before."""
        seen = (i.live["metadata"]["uid"] if i.live else i.known and i.known.uid for i in self._items)
        return {uid for uid in seen if uid}

    def answered(self) -> set[ObjectRef]:
        """See :attr:`ApplyResult.answered`."""
        return {i.ref for i in self._items if i.action is not None and i.answered}

    def warnings(self) -> list[str]:
        """What was left out of objects."""
        return [
            f"{i.ref}: not applied, as a {i.ref.api_version} {i.ref.kind} has no such field: "
            + ", ".join(sorted({path.lstrip(".") for path in i.left_out}))
            for i in self._items
            if i.left_out
        ]

    def notices(self) -> list[str]:
        """What the API server warns of."""
        return [f"{i.ref}: {text}" for i in self._items for text in i.notices]

    async def apply(self, objects: Sequence[Obj]) -> None:
        """Apply the objects; what is refused ends up in ``errors``."""
        await self._check(objects)
        await self._plan()
        await self._each([i for i in self._items if i.open and i.step is not Step.SEND], self._ask)
        if self.errors:
            return
        if self._record_intent is not None and (writes := [i.ref for i in self._items if i.open]):
            await self._record_intent(writes)
        for group in by_rank([i.ref for i in self._items]):
            await self._each([i for n in group if (i := self._items[n]).open], self._send)
            if self.errors:
                return

    async def settle(self) -> None:
        """Wait until the definitions among the objects are ready for use."""
        deadline = time.monotonic() + self._options.timeout
        waiting = [
            i
            for i in self._items
            if i.action not in (None, Action.SKIPPED)
            and (i.live is not None or i.known is None or not i.known.usable)
        ]
        await self._each(waiting, lambda item: self._settle(item, deadline))

    # Looking, without requests.

    async def _check(self, objects: Sequence[Obj]) -> None:
        pauses = Pauses()
        for obj in objects:
            await pauses.here()
            item = Item(obj, ref_of(obj))
            self._items.append(item)
            problems = check(obj, item.ref)
            if problems:
                item.failed = True
                self.errors += [ObjectError(item.ref, p) for p in problems]
                continue
            try:
                resource = await self._client.mapper.resolve(item.ref.api_version, item.ref.kind)
            except ApiError as error:
                if not marked(obj, self._options.marks.excluded):
                    self._fail(item, error, "dry-run")
                continue
            if resource.namespaced and not item.ref.namespace:
                self._refuse(
                    item,
                    f"{item.ref} namespace not specified: set metadata.namespace or spec.targetNamespace",
                )
            elif not resource.namespaced and item.ref.namespace:
                meta = {k: v for k, v in obj["metadata"].items() if k != "namespace"}
                item.obj = {**obj, "metadata": meta}
                item.ref = ref_of(item.obj)
        size = len(self._items) * (1 + len(self._options.ignore))
        failures = await aside(self._options.owner.namespace, size, self._identify)
        for item, failure in failures:
            self._fail(item, failure, "dry-run")

    def _identify(self) -> list[tuple[Item, BadRequest]]:
        """Work out by what the items are known again, and sort them; those of which that cannot be said."""
        failures = []
        for item in self._items:
            if item.failed:
                continue
            item.rules = ignore.candidates(self._options.ignore, item.obj)
            rules = [r.identity for r in item.rules]
            try:
                item.digest = digest([item.obj, rules, self._options.actor])
            except BadRequest as error:
                failures.append((item, error))
        self._items.sort(key=lambda i: sort_key(i.ref))
        return failures

    async def _plan(self) -> None:
        async for item in Pauses().between(self._items):
            if item.failed:
                continue
            item.known = self._known.get(self._client.cluster, item.ref)
            item.step = decide.first_step(item.obj, item.known, item.digest, self._options)
            if item.step is Step.NOTHING:
                excluded = marked(item.obj, self._options.marks.excluded)
                assert excluded or item.known is not None
                item.action = Action.SKIPPED if excluded or item.known is None else item.known.outcome
        pending = [i for i in self._items if i.open]
        if len(pending) == 1:
            (item,) = pending
            if item.step is Step.ASK and not item.rules and decide.may_send_alone(item.known, item.digest):
                item.step = Step.SEND

    # Asking: dry runs and reads, no changes.

    async def _ask(self, item: Item) -> None:
        try:
            if item.step is Step.LOOK and await self._left_alone(item):
                return
            asked = decide.now()
            answer = await self._patch(item, dry_run=True)
        except ApiError as error:
            await self._refused(item, error, "dry-run")
            return
        clock = decide.server_time(answer.headers.get("Date"), asked)
        verdict = decide.judge_dry_run(item.obj, answer.status, answer.body, clock, self._options)
        item.version = answer.body["metadata"].get("resourceVersion") or ""
        live = answer.body
        if item.rules:
            item.ignored, item.answer = ignore.ignored(item.rules, live), live
            if item.ignored and verdict is Verdict.CHANGE and (present := await self._in_place(item)):
                verdict, live = Verdict.KEEP, present
        if verdict is Verdict.CHANGE and not item.ignored:
            if decide.is_known_content(item.known, answer.body):
                assert item.known is not None
                item.action, item.known.inherited = Action.UNCHANGED, True
                item.known.desired, item.known.owner = item.digest, self._options.owner
                return
            if decide.may_be_inherited(item.known, item.digest):
                inherited = await self._inherited(item, answer.body)
                if inherited is not None:
                    verdict, live, item.inherited = Verdict.KEEP, inherited, True
        if verdict is Verdict.SKIP:
            item.action = Action.SKIPPED
            self._known.forget_of(self._client.cluster, item.ref, self._options.owner)
        elif verdict is Verdict.KEEP:
            self._done(item, Action.CONFIGURED if item.migrated else Action.UNCHANGED, live)
        item.take_over = verdict is Verdict.TAKE_OVER

    async def _in_place(self, item: Item) -> Obj | None:
        """The live object if nothing but fields that are left to others tells it from the dry run's answer."""
        own = self._options.field_manager
        with suppress(ApiError):
            for _ in range(RESOLVE_TRIES):
                assert item.answer is not None
                live = await self._client.get(item.ref)
                if ignore.is_in_place(live, item.answer, item.ignored, own):
                    return live
                item.version = live["metadata"]["resourceVersion"]
                if item.version == item.answer["metadata"]["resourceVersion"]:
                    return None
                # Somebody wrote between the two, so that they do not compare.
                item.answer = (await self._patch(item, dry_run=True)).body
        return None

    async def _inherited(self, item: Item, answer: Obj) -> Obj | None:
        """The live object if our apply would change who owns which field, and nothing else."""
        with suppress(ApiError):
            live = await self._client.get(item.ref)
            if decide.is_inherited(live, answer, self._options.field_manager):
                return live
        return None

    async def _left_alone(self, item: Item) -> bool:
        """Read the live object and skip if it, or that it is there, forbids an apply."""
        try:
            live = await self._client.get(item.ref)
        except NotFound:
            return False
        marks = self._options.marks
        keep = marked(item.obj, marks.if_not_present)
        if not keep and not marked(live, marks.excluded):
            return False
        item.action, item.answered = Action.SKIPPED, True
        owned = self._options.owner.labels.items() <= (live["metadata"].get("labels") or {}).items()
        if keep and owned:
            # Its watch tells when it goes.
            item.ignored = ignore.ignored(item.rules, live)
            self._record(item, live, Action.SKIPPED)
        else:
            self._known.forget_of(self._client.cluster, item.ref, self._options.owner)
        return True

    async def _refused(self, item: Item, error: ApiError, doing: str) -> None:
        """The API server does not take the object: leave it alone, recreate it, or report."""
        live = None
        if not isinstance(error, NotFound | NoMatch) and 0 < error.status <= 500:
            try:
                live = await self._client.get(item.ref)
            except ApiError:
                live = None
        if live is not None:
            if marked(live, self._options.marks.excluded):
                item.action = Action.SKIPPED
                self._known.forget_of(self._client.cluster, item.ref, self._options.owner)
                return
            if self._options.migrate_api_version and not item.migrated and await self._migrate(item, live):
                await self._ask(item)
                return
            if (
                may_be_immutable(error)
                and decide.may_recreate(item.obj, live, self._options)
                and (is_immutable(error) or await self._is_valid(item))
            ):
                item.replaces = live
                return
        self._known.doubt(self._client.cluster, item.ref)
        self._fail(item, error, doing)

    async def _migrate(self, item: Item, live: Obj) -> bool:
        """Whether what is known of the field owners was of another API version, and is of ours now."""
        try:
            item.migrated = await migrate(self._client, live, item.ref.api_version, self._options)
        except ApiError:
            # The refusal that made us try is the better explanation.
            return False
        return item.migrated

    async def _is_valid(self, item: Item) -> bool:
        """Deleting the old object must not be followed by a refusal to create the new one."""
        name = f"headgate-probe-{item.digest.hex()[:8]}"
        return await would_be_created(self._client, item.obj, name, self._options)

    # Doing.

    async def _send(self, item: Item) -> None:
        self._known.sending(self._client.cluster, item.ref)
        try:
            if item.step is Step.SEND and not await self._send_if_unmoved(item):
                await self._ask(item)
            if not item.open:
                return
            if item.replaces is not None:
                # Before the deletion, so that its watch event is not taken for somebody else's doing.
                self._known.forget(self._client.cluster, item.ref)
                await delete_and_wait(self._client, item.replaces, self._options)
            if item.take_over:
                await take_over(self._client, item.ref, self._options)
            if item.ignored and item.version and item.replaces is None:
                await self._finish(item, await self._patch_resolved(item))
            else:
                await self._finish(item, await self._patch(item))
        except ApiError as error:
            self._known.doubt(self._client.cluster, item.ref)
            self._fail(item, error, "apply")
        finally:
            shown = self._known.sent(self._client.cluster, item.ref)
            if shown is not None and self._observe is not None:
                self._observe(item.ref, shown)

    async def _patch_resolved(self, item: Item) -> Answer:
        """Apply with the ignored fields as they are now in the cluster."""
        assert item.answer is not None
        own = self._options.field_manager
        for attempt in range(1, RESOLVE_TRIES + 1):
            try:
                live = await self._client.get(item.ref)
            except NotFound:
                # Deleted since it was asked about: made anew, with all its fields.
                item.payload = None
                return await self._patch(item)
            item.version = live["metadata"]["resourceVersion"]
            item.payload = ignore.resolved(item.obj, live, item.answer, item.ignored, own)
            try:
                return await self._patch(item, version=item.version)
            except Conflict:
                if attempt == RESOLVE_TRIES:
                    raise
        raise AssertionError("unreachable")

    async def _send_if_unmoved(self, item: Item) -> bool:
        """Apply if the live object is the known one; False when that must be asked."""
        assert item.known is not None
        version = item.known.resource_version
        try:
            answer = await self._patch(item, version=version)
        except (Conflict, Invalid, ServerError):
            # Moved on, or refused: the dry run tells which, and what can be done about it.
            return False
        item.version = version
        await self._finish(item, answer)
        return True

    async def _finish(self, item: Item, answer: Answer) -> None:
        live = answer.body
        if answer.status == 201:
            action = Action.CREATED
        elif live["metadata"]["resourceVersion"] == item.version and not (item.take_over or item.migrated):
            action = Action.UNCHANGED
        else:
            action = Action.CONFIGURED
        if decide.wants_takeover(item.obj, live, self._options):
            # Somebody wrote between our question and our apply.
            await take_over(self._client, item.ref, self._options)
            live = (await self._patch(item)).body
            action = action if action is Action.CREATED else Action.CONFIGURED
        self._done(item, action, live)

    def _done(self, item: Item, action: Action, live: Obj) -> None:
        item.action, item.live = action, live
        outcome = Action.SKIPPED if marked(item.obj, self._options.marks.if_not_present) else Action.UNCHANGED
        self._record(item, live, outcome)

    async def _settle(self, item: Item, deadline: float) -> None:
        pause = 0.02
        try:
            if item.live is None:
                item.live = await self._client.get(item.ref)
            while (lack := awaited(item.live)) is not None:
                if time.monotonic() > deadline:
                    return self._refuse(item, f"timeout waiting for {item.ref}: {lack}")
                await asyncio.sleep(pause)
                pause = min(0.5, pause * 1.5)
                item.live = await self._client.get(item.ref)
            self._known.mark_usable(self._client.cluster, item.ref)
            if is_crd(item.live):
                # Not before: the names of a definition that is not established may be another one's.
                self._client.mapper.learn(item.live)
        except NeverReady as error:
            self._refuse(item, f"{item.ref} cannot be used: {error}")
        except ApiError as error:
            self._fail(item, error, "waiting for it")

    # Small parts.

    async def _patch(self, item: Item, *, dry_run: bool = False, version: str | None = None) -> Answer:
        before, item.maybe_there = item.maybe_there, item.maybe_there or not dry_run
        try:
            answer, sent, left_out = await server_side_apply(
                self._client, item.payload or item.obj, self._options, dry_run=dry_run, version=version
            )
        except ApiError as error:
            item.maybe_there = before or (not dry_run and error.maybe_done)
            raise
        item.answered = True
        if item.payload is None:
            item.obj = sent
        else:
            item.payload = sent
        item.left_out += left_out
        item.notices += [text for text in warnings_in(answer.headers) if text not in item.notices]
        return answer

    def _record(self, item: Item, live: Obj, outcome: Action) -> None:
        self._known.record(
            self._client.cluster,
            item.ref,
            item.digest,
            live,
            outcome,
            item.ignored,
            inherited=item.inherited and item.action is Action.UNCHANGED,
            owner=self._options.owner,
        )
        if self._observe is not None:
            self._observe(item.ref, live)

    def _fail(self, item: Item, error: ApiError, doing: str) -> None:
        item.failed = True
        self.errors.append(describe(error, item.ref, doing, item.obj))

    def _refuse(self, item: Item, message: str) -> None:
        item.failed = True
        self.errors.append(ObjectError(item.ref, message))

    async def _each(self, items: Sequence[Item], work: Callable[[Item], Awaitable[None]]) -> None:
        """Work on all items, as many at once as the options allow."""
        queue = iter(items)

        async def worker() -> None:
            for item in queue:
                try:
                    await work(item)
                except Exception as error:
                    error.add_note(str(item.ref))
                    raise

        workers = min(self._options.concurrency, len(items))
        if workers == 1:
            await worker()
        elif workers:
            async with asyncio.TaskGroup() as group:
                for _ in range(workers):
                    group.create_task(worker())
