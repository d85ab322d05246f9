"""Marks the pod of the operator that leads, so that the Service of artifacts leads to it alone.

One that stands by is ready too: otherwise a rolling update would wait for ever, as the new pod leads only when the
old one is gone. But it has no artifacts, so the Service selects pods with the label :data:`ROLE`. Whoever begins to
stand by takes it off first, as the container of a former leader may have been started anew in the same pod.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count

from headgate.backoff import Doubling
from headgate.kube import ApiError, Client, ObjectRef

__all__ = ["LEADER", "ROLE", "PodRole"]

ROLE, LEADER = "headgate/role", "leader"
PAUSES = Doubling(1.0, 15.0)
"""Before the next try when the API server does not take it."""

_log = logging.getLogger("headgate.election")


class PodRole:
    """The role of one pod."""

    def __init__(self, client: Client, namespace: str, pod: str) -> None:
        self._client = client
        self._ref = ObjectRef("v1", "Pod", pod, namespace)
        self._problem: str | None = "the role of this pod is not known yet"

    def unsettled(self) -> str | None:
        """Why the pod's label may not say what is so; None when it does. A readiness check."""
        return self._problem

    async def mark(self, *, leads: bool) -> None:
        """Set or remove the label, however often that has to be tried."""
        self._problem = "the role of this pod is not written yet"
        for failures in count(1):
            try:
                labels = {ROLE: LEADER if leads else None}
                await self._client.patch(self._ref, {"metadata": {"labels": labels}})
            except ApiError as error:
                self._problem = f"the label {ROLE} of {self._ref} cannot be written: {error}"
                _log.warning("%s", self._problem)
                await asyncio.sleep(PAUSES.after(failures))
            else:
                self._problem = None
                return
