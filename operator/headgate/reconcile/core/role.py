"""Marks the pod of the leader, so that the Service of artifacts selects it alone.

An operator on standby is ready too: otherwise a rolling update would wait forever, as the new pod becomes the leader
only when the old one is gone. But it has no artifacts, so the Service selects pods with the label :data:`ROLE`. An
operator that begins its standby first removes the label: its container may have restarted in the pod of a leader.
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
"""The delays between attempts when the API server does not accept the change."""

_log = logging.getLogger("headgate.election")


class PodRole:
    """The role of one pod."""

    def __init__(self, client: Client, namespace: str, pod: str) -> None:
        self._client = client
        self._ref = ObjectRef("v1", "Pod", pod, namespace)
        self._problem: str | None = "the role of this pod is not known yet"

    def unsettled(self) -> str | None:
        """Why the pod's label may be wrong; None if it is right. A readiness check."""
        return self._problem

    async def mark(self, *, leads: bool) -> None:
        """Set or remove the label, and retry until the API server accepts it."""
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
