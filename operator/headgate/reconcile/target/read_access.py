"""Read access: with whose rights Headgate reads an object, and so what its messages may reveal.

The operator can read every object of a cluster; a Kustomization may act as a service account that can read few. What
the operator reveals of an object (health, the value of an expression, who changed which field) must not exceed what
that account could find out itself. So:

* Health, drift and the fields of other Kustomizations go through :class:`ReadAccess`, which requests the object from
  the API server as the account. Only a response with the object proves read access: no permission, no object, too many
  requests, a server error and no response at all prove nothing.
* If the API server showed an object to the account in the same attempt (the response to an apply or a read), no further
  request is necessary for :data:`FRESH` seconds, as long as its UID is the same. That an object is in the build, was
  skipped, has labels, or was applied in another attempt proves nothing.
* The operator's own watches only say *when* to read.
* :func:`may_refer` decides about references into another namespace.

Without a service account the operator's own rights count (or those of the kubeconfig), as in Flux.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from headgate.kube import ApiError, Client, ObjectRef, ServerTimeout
from headgate.objects import Obj

FRESH: Final = 60.0
"""Seconds for which a response of the API server in an attempt proves that the account may read the object."""
TIMEOUT: Final = 5.0
"""The timeout of one read, in seconds."""
AT_ONCE: Final = 8
"""The limit for simultaneous reads of one Kustomization."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An object that the API server showed to the account."""

    uid: str
    at: float
    """The time on the monotonic clock."""


class ReadAccess:
    """The read access of one attempt of a Kustomization to a cluster. Made for each attempt: it forgets nothing."""

    def __init__(self, client: Client, namespace: str = "", account: str = "") -> None:
        """``account``: the service account in ``namespace`` to impersonate; empty: the client's own user."""
        self.account = account
        self._shown: dict[ObjectRef, Shown] = {}
        self.client = (
            client.impersonate(f"system:serviceaccount:{namespace}:{account}", on_seen=self._note)
            if account
            else client
        )
        """Acts as the account; all requests of the Kustomization go through it."""

    def _note(self, ref: ObjectRef, obj: Obj) -> None:
        uid = obj["metadata"].get("uid") if isinstance(obj.get("metadata"), dict) else None
        if isinstance(uid, str):
            self._shown[ref] = Shown(uid, time.monotonic())

    @property
    def is_limited(self) -> bool:
        """Whether the account may be able to read less than the operator."""
        return bool(self.account)

    def shown(self, ref: ObjectRef) -> Shown | None:
        """The object as the API server showed it to the account in this attempt; None if it did not."""
        return self._shown.get(ref)

    def is_fresh(self, ref: ObjectRef, uid: str) -> bool:
        """Whether the API server showed this very object to the account a moment ago."""
        shown = self._shown.get(ref)
        return shown is not None and shown.uid == uid and time.monotonic() - shown.at < FRESH

    async def read(self, ref: ObjectRef) -> Obj:
        """The object as it is now. Raises :class:`~headgate.kube.ApiError`, also if the API server does not respond."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await self.client.get(ref)
        except TimeoutError as error:
            raise ServerTimeout(f"no answer from the API server within {TIMEOUT:g}s") from error

    async def visible(self, refs: Iterable[ObjectRef]) -> frozenset[ObjectRef]:
        """Those objects that the API server shows to the account now; all of them without an account."""
        if not self.is_limited:
            return frozenset(refs)
        found: set[ObjectRef] = set()
        waiting = iter(refs)

        async def worker() -> None:
            for ref in waiting:
                with suppress(ApiError):
                    await self.read(ref)
                    found.add(ref)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        return frozenset(found)


def may_refer(namespace: str, other: str, *, no_cross_namespace: bool) -> bool:
    """Whether a custom resource of ``namespace`` may name an object of the namespace ``other``.

    Applies to sources and to the objects that Receivers request, where Headgate cannot act as an account.
    """
    return not no_cross_namespace or namespace == other
