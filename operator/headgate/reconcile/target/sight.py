"""With whose rights something is read, and so what may be told of it.

The operator sees every object of a cluster; a Kustomization may act as a service account that sees few. Whatever the
operator tells of an object (health, the value of an expression, who changed which field) must be no more than that
account could find out by itself. So:

* Health, drift and the fields of other Kustomizations go through a :class:`Sight`, which asks the API server as the
  account. Only its answer with the object is sight: no permission, no object, too many requests, an error of the
  server's and no answer at all are none.
* An object that the API server showed to the account in the same attempt (the answer to an apply or to a read) need
  not be asked about again for :data:`FRESH` seconds, as long as it is the same one by its UID. That an object is in the
  build, was skipped, carries labels, or was applied in another attempt shows nothing.
* Watches of the operator's own only tell *when* to look.
* References into another namespace are :func:`may_refer`'s.

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
"""Seconds for which an answer of the API server's in an attempt shows that the account may read the object."""
PATIENCE: Final = 5.0
"""Seconds for one read."""
AT_ONCE: Final = 8
"""Reads of one Kustomization at once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An object that the API server showed to the account."""

    uid: str
    at: float
    """When, on the monotonic clock."""


class Sight:
    """What one attempt of a Kustomization may see of a cluster. Made for each attempt: it forgets nothing."""

    def __init__(self, client: Client, namespace: str = "", account: str = "") -> None:
        """``account``: the service account in ``namespace`` that is acted as; empty: the client's own user."""
        self.account = account
        self._shown: dict[ObjectRef, Shown] = {}
        self.client = (
            client.impersonate(f"system:serviceaccount:{namespace}:{account}", on_seen=self._note)
            if account
            else client
        )
        """Acts as the account; everything that the Kustomization does goes through it."""

    def _note(self, ref: ObjectRef, obj: Obj) -> None:
        uid = obj["metadata"].get("uid") if isinstance(obj.get("metadata"), dict) else None
        if isinstance(uid, str):
            self._shown[ref] = Shown(uid, time.monotonic())

    @property
    def is_limited(self) -> bool:
        """Whether it may be less than what the operator sees."""
        return bool(self.account)

    def shown(self, ref: ObjectRef) -> Shown | None:
        """The object as the account was shown it in this attempt; None where it was not."""
        return self._shown.get(ref)

    def is_fresh(self, ref: ObjectRef, uid: str) -> bool:
        """Whether the account was shown this very object a moment ago."""
        shown = self._shown.get(ref)
        return shown is not None and shown.uid == uid and time.monotonic() - shown.at < FRESH

    async def read(self, ref: ObjectRef) -> Obj:
        """The object as it is now. Raises :class:`~headgate.kube.ApiError`, also for a server that does not answer."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.client.get(ref)
        except TimeoutError as error:
            raise ServerTimeout(f"no answer from the API server within {PATIENCE:g}s") from error

    async def visible(self, refs: Iterable[ObjectRef]) -> frozenset[ObjectRef]:
        """Those objects that the API server shows to the account now; all of them where there is no account."""
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

    It holds for sources and for what Receivers ask to be reconciled, which have no account to ask as.
    """
    return not no_cross_namespace or namespace == other
