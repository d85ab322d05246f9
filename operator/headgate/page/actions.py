"""Reconcile, suspend and resume, with the caller's own token: the API server decides whether the caller may.

The operator's own rights are never used for this. The changes are those of ``headgate reconcile``, ``suspend`` and
``resume``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headgate.api.labels import REQUESTED_AT
from headgate.insight.classify import SUSPEND_REASON
from headgate.insight.fields import group_of
from headgate.kube import ApiError, Client, ObjectRef, Unauthorized
from headgate.names import KUSTOMIZATION
from headgate.objects import Obj
from headgate.page.access.identity import AccessRefused, Identity, LoginRequired, NotAllowed

__all__ = ["ACTIONS", "ActionFailed", "Actions"]

ACTIONS = ("reconcile", "suspend", "resume")
LONGEST_REASON = 300
FIELD_MANAGER = "headgate-page"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class ActionFailed(AccessRefused):
    """The API server did not make the change; the message is the server's."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Actions:
    """Changes of Kustomizations."""

    client_of: Callable[[Identity], Client]
    """A client that acts as somebody, with that one's own token."""

    async def do(self, identity: Identity, action: str, namespace: str, name: str, reason: str) -> str:
        """Return what has been done, in words. Raises :class:`AccessRefused`."""
        if not identity.token:
            raise NotAllowed("Changes need your own token. Log in with one.")
        if not _NAME.fullmatch(namespace) or not _NAME.fullmatch(name):
            raise ActionFailed("There is no such Kustomization.", 404)
        reason = " ".join(reason.split())
        if action == "suspend" and not reason:
            raise ActionFailed("Say why: a reason is required.", 400)
        if len(reason) > LONGEST_REASON or not reason.isprintable():
            raise ActionFailed(f"A reason has at most {LONGEST_REASON} printable characters.", 400)
        client = self.client_of(identity)
        try:
            served = await client.mapper.served(
                group_of(KUSTOMIZATION), KUSTOMIZATION, "v1", since=time.monotonic()
            )
            ref = ObjectRef(served.api_version, KUSTOMIZATION, name, namespace)
            await client.patch(ref, _change(action, reason), field_manager=FIELD_MANAGER)
        except Unauthorized:
            raise LoginRequired("The API server no longer accepts your token. Log in again.") from None
        except ApiError as error:
            raise ActionFailed(
                f"The API server did not make the change: {error}", error.status or 503
            ) from None
        return _DONE[action].format(f"{namespace}/{name}")


_DONE = {
    "reconcile": "A reconcile of Kustomization {} is requested.",
    "suspend": "Kustomization {} is suspended.",
    "resume": "Kustomization {} is resumed.",
}


def _change(action: str, reason: str) -> Obj:
    if action == "reconcile":
        # Flux writes a time; any value that the object does not have yet is a request.
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}Z"
        return {"metadata": {"annotations": {REQUESTED_AT: stamp}}}
    suspends = action == "suspend"
    annotations: dict[str, Any] = {SUSPEND_REASON: reason if suspends else None}
    return {"metadata": {"annotations": annotations}, "spec": {"suspend": True if suspends else None}}
