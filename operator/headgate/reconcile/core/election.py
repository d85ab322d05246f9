"""Leader election: one of several operators acts, the others are on standby (``--enable-leader-election``).

The leader holds a ``Lease`` (``coordination.k8s.io/v1``) and renews it. A candidate may take a lease when it has seen
no renewal for the lease's duration by its own clock: clocks of different machines are never compared. A leader that
cannot renew in time ends the program, before another candidate may begin to act. Rules, times and option names are
those of client-go's leader election, which Flux's controllers use.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import socket
import time
import uuid
from datetime import UTC, datetime

from headgate.kube import MERGE_PATCH, AlreadyExists, ApiError, Client, Conflict, NotFound, ObjectRef
from headgate.objects import Obj
from headgate.settings import ElectionSettings

_log = logging.getLogger("headgate.election")

NAME = "headgate-leader-election"
_JITTER = 1.2


class LeadershipLost(Exception):
    """The lease was not renewed in time; another candidate may be the leader."""


def lease_name(label_selector: str) -> str:
    """The name of the lease; operators that select different objects do not compete.

    >>> lease_name("")
    'headgate-leader-election'
    """
    if not label_selector:
        return NAME
    return f"{NAME}-{hashlib.sha256(label_selector.encode()).hexdigest()[:8]}"


class Election:
    """One candidate: :meth:`acquire`, then :meth:`keep` for as long as it acts, then :meth:`release`."""

    def __init__(self, client: Client, name: str, settings: ElectionSettings) -> None:
        self._client, self._settings = client, settings
        self._ref = ObjectRef("coordination.k8s.io/v1", "Lease", name, settings.runtime_namespace)
        self.identity = f"{socket.gethostname()}_{uuid.uuid4()}"
        self.leader = ""
        """The identity of the leader that this candidate saw last."""
        self._seen: tuple[str, float] = ("", 0.0)
        """The version of the lease that this candidate saw last, and when it first saw it, on the monotonic clock."""

    @property
    def leads(self) -> bool:
        """Whether this candidate is the leader, from what it saw last."""
        return self.leader == self.identity

    async def acquire(self) -> None:
        """Stay on standby until this candidate holds the lease."""
        while not await self._try():  # noqa: ASYNC110 - the event is in the cluster
            await asyncio.sleep(self._settings.retry_period * random.uniform(1.0, _JITTER))  # noqa: S311
        _log.info("leading as %s", self.identity)

    async def keep(self) -> None:
        """Renew until cancelled. Raises :class:`LeadershipLost`."""
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(self._settings.retry_period)
            left = renewed + self._settings.renew_deadline - time.monotonic()
            try:
                async with asyncio.timeout(max(0.0, left)):
                    held = await self._try()
            except TimeoutError:
                held = False
            if held:
                renewed = time.monotonic()
            elif not self.leads or time.monotonic() >= renewed + self._settings.renew_deadline:
                raise LeadershipLost(f"leader election lost: {self._ref} was not renewed in time")

    async def release(self) -> None:
        """Release the lease, so that another candidate can take it immediately."""
        if not self.leads:
            return
        try:
            lease = await self._client.get(self._ref)
            if (lease.get("spec") or {}).get("holderIdentity") == self.identity:
                await self._write(
                    lease, {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
                )
        except ApiError as error:
            _log.warning("%s is not released: %s", self._ref, error)
        self.leader = ""

    async def _try(self) -> bool:
        """Take or renew the lease if this candidate or nobody holds it; whether this candidate holds it afterwards."""
        try:
            try:
                lease = await self._client.get(self._ref)
            except NotFound:
                await self._create()
                return True
            spec = lease.get("spec") or {}
            holder = str(spec.get("holderIdentity") or "")
            if lease["metadata"]["resourceVersion"] != self._seen[0]:
                self._seen = lease["metadata"]["resourceVersion"], time.monotonic()
            if holder not in ("", self.identity) and not self._is_over():
                self._follow(holder)
                return False
            await self._take(lease, holder)
        except (Conflict, AlreadyExists):
            # Another candidate was faster; the next request shows which one.
            return False
        except ApiError as error:
            _log.warning("%s: %s", self._ref, error)
            return False
        return True

    def _is_over(self) -> bool:
        return time.monotonic() - self._seen[1] > self._settings.lease_duration

    async def _create(self) -> None:
        meta = {"name": self._ref.name, "namespace": self._ref.namespace}
        kind = {"apiVersion": self._ref.api_version, "kind": self._ref.kind}
        self._follow_written(await self._client.create({**kind, "metadata": meta, "spec": self._spec(0)}))

    async def _take(self, lease: Obj, holder: str) -> None:
        spec = lease.get("spec") or {}
        if holder == self.identity:
            change = {"renewTime": _now()}
        else:
            change = self._spec(int(spec.get("leaseTransitions") or 0) + 1)
        self._follow_written(await self._write(lease, change))

    async def _write(self, lease: Obj, spec: Obj) -> Obj:
        body = {"metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]}, "spec": spec}
        return await self._client.patch(self._ref, body, content_type=MERGE_PATCH)

    def _spec(self, transitions: int) -> Obj:
        now = _now()
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self._settings.lease_duration),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    def _follow_written(self, lease: Obj) -> None:
        self._seen = lease["metadata"]["resourceVersion"], time.monotonic()
        self.leader = self.identity

    def _follow(self, holder: str) -> None:
        if holder != self.leader:
            _log.info("on standby: %s leads", holder)
        self.leader = holder


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
