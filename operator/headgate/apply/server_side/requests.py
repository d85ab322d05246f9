"""Operations that need more than one request to the API server for one object.

Each function does one thing; :mod:`.ask` and :mod:`.send` call them in order. They raise
:class:`~headgate.kube.ApiError` and are independent of stages and change sets.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from headgate.apply.fields.managers import migration_patch, takeover_patch
from headgate.apply.fields.unknown_fields import paths_in, without
from headgate.apply.objects.normalize import is_built_in
from headgate.apply.options import ApplyOptions
from headgate.apply.server_side.steps import NO_REMARKS, Remarks
from headgate.kube import (
    JSON_PATCH,
    Answer,
    ApiError,
    BadRequest,
    Client,
    Conflict,
    NotFound,
    ServerError,
    warnings_in,
)
from headgate.kube.refs import ObjectRef, ref_of
from headgate.objects import Obj

NOT_SERVED_YET = 5.0
"""Seconds during which the API server may not know a kind yet whose CRD is established."""
TAKEOVER_TRIES = 5
MAX_UNKNOWN_FIELDS = 32
"""The limit for omitted fields of one object. The API server names one of a mapping at a time, so each can cost a
request."""


@dataclass(frozen=True, slots=True)
class ApplyResponse:
    """The response to an apply or its dry run."""

    live: Obj
    """The object after the apply, or as it would be."""
    created: bool
    """The object did not exist before."""
    sent: Obj
    """The last object sent: without the fields that the kind does not have."""
    date: str | None
    """The server's clock."""
    remarks: Remarks = NO_REMARKS


async def server_side_apply(
    client: Client, obj: Obj, options: ApplyOptions, *, dry_run: bool = False, version: str | None = None
) -> ApplyResponse:
    """Apply, and omit the fields that a built-in kind does not have according to the API server.

    ``version`` makes it conditional on the live object's resource version. Raises :class:`BadRequest` for more than
    :data:`MAX_UNKNOWN_FIELDS` unknown fields.
    """
    left_out: list[str] = []
    while True:
        try:
            answer = await _apply_when_served(client, obj, options, dry_run, version)
            notices = warnings_in(answer.headers)
            remarks = Remarks(tuple(left_out), tuple(notices)) if left_out or notices else NO_REMARKS
            return ApplyResponse(answer.body, answer.status == 201, obj, answer.headers.get("Date"), remarks)
        except ServerError as error:
            paths = paths_in(error.message) if is_built_in(obj["apiVersion"]) else []
            reduced = without(obj, paths) if paths else None
            if reduced is None:
                raise
            obj = reduced
            left_out += paths
            if len(left_out) > MAX_UNKNOWN_FIELDS:
                raise BadRequest(_too_many(obj, left_out), status=400, reason="BadRequest") from error


async def _apply_when_served(
    client: Client, obj: Obj, options: ApplyOptions, dry_run: bool, version: str | None
) -> Answer:
    if version is not None:
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}
    deadline = time.monotonic() + NOT_SERVED_YET
    while True:
        try:
            return await client.apply_answer(obj, field_manager=options.field_manager, dry_run=dry_run)
        except NotFound as error:
            # Not the object but the path is missing: its CRD is too new for the API server, or gone.
            if error.details:
                raise
            api_version, kind = obj["apiVersion"], obj["kind"]
            if time.monotonic() > deadline:
                # The cached definition is (no longer) valid: discovery decides at the next use.
                client.mapper.forget(api_version, kind)
                raise
            if not client.mapper.is_learned(api_version, kind):
                client.mapper.forget(api_version, kind)
                await client.mapper.resolve(api_version, kind)
            await asyncio.sleep(0.05)


async def would_be_created(client: Client, obj: Obj, name: str, options: ApplyOptions) -> bool:
    """Whether the object is valid in itself, according to a dry run under another name."""
    probe = {**obj, "metadata": {**obj["metadata"], "name": name}}
    try:
        await client.apply(probe, field_manager=options.field_manager, dry_run=True)
    except ApiError:
        return False
    return True


async def take_over(client: Client, ref: ObjectRef, options: ApplyOptions) -> None:
    """Take over the fields that other managers may not own, so that the next apply removes what Git does not have.

    Does nothing for an object that is gone.
    """
    for attempt in range(TAKEOVER_TRIES):
        try:
            live = await client.get(ref)
            patch = takeover_patch(live, options.managers, options.field_manager)
            if patch:
                await client.patch(ref, patch, content_type=JSON_PATCH, field_manager=options.field_manager)
            return
        except NotFound:
            # Deleted since the dry run: the next apply creates it again.
            return
        except Conflict:
            if attempt == TAKEOVER_TRIES - 1:
                raise


async def migrate(client: Client, live: Obj, api_version: str, options: ApplyOptions) -> bool:
    """Bring the entries of ``managedFields`` to an API version; False if they have it already."""
    patch = migration_patch(live, api_version)
    if patch:
        await client.patch(ref_of(live), patch, content_type=JSON_PATCH, field_manager=options.field_manager)
    return bool(patch)


async def delete_and_wait(client: Client, live: Obj, options: ApplyOptions) -> None:
    """Delete exactly this object and wait until it is gone, for at most ``options.timeout`` seconds."""
    ref, uid = ref_of(live), live["metadata"]["uid"]
    deadline = time.monotonic() + options.timeout
    pause = 0.02
    try:
        await client.delete(ref, uid=uid)
        while (await client.get(ref))["metadata"]["uid"] == uid:
            if time.monotonic() > deadline:
                raise ApiError(
                    f"an immutable field changed, and the object cannot be recreated: {_holds(live)}"
                )
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 1.5)
    except NotFound:
        return


def _too_many(obj: Obj, paths: list[str]) -> str:
    shown = ", ".join(path.lstrip(".") for path in sorted(paths)[:3])
    return (
        f"more than {MAX_UNKNOWN_FIELDS} fields do not exist in {obj['apiVersion']} {obj['kind']}, among them {shown}; "
        "correct or remove them"
    )


def _holds(live: Obj) -> str:
    names = live["metadata"].get("finalizers") or ()
    return (
        f"it is being deleted and waits for its finalizers {', '.join(names)}" if names else "it still exists"
    )
