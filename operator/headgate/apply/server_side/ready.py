"""Waits until applied definitions are ready for the objects that need them."""

from __future__ import annotations

import asyncio
import time

from headgate.apply.changeset import Action
from headgate.apply.errors import ObjectError, describe
from headgate.apply.objects.definitions import DefinitionNeverReady, awaited, is_crd
from headgate.apply.server_side.context import ApplyContext
from headgate.apply.server_side.steps import Done
from headgate.kube import ApiError


def may_be_unready(context: ApplyContext, done: Done) -> bool:
    """Whether other objects may have to wait for this one: it was just written, or was not ready at the last check."""
    if done.action is Action.SKIPPED:
        return False
    known = context.state(done.ref)
    return done.live is not None or (known is not None and not known.usable)


async def until_ready(context: ApplyContext, done: Done, deadline: float) -> ObjectError | None:
    """Wait until a definition is ready for use; an error if that is impossible, or late (monotonic ``deadline``)."""
    client, ref, live = context.client, done.ref, done.live
    pause = 0.02
    try:
        if live is None:
            live = await client.get(ref)
        while (lack := awaited(live)) is not None:
            if time.monotonic() > deadline:
                return ObjectError(ref, f"timeout waiting for {ref}: {lack}")
            await asyncio.sleep(pause)
            pause = min(0.5, pause * 1.5)
            live = await client.get(ref)
        context.known.mark_usable(client.cluster, ref)
        if is_crd(live):
            # Not before: the names of a definition that is not established may belong to another one.
            client.mapper.learn(live)
    except DefinitionNeverReady as error:
        return ObjectError(ref, f"{ref} cannot be used: {error}")
    except ApiError as error:
        return describe(error, ref, "waiting for it", live)
    return None
