"""The inventory in the status during an apply: the cluster never has an object that no status names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headgate.api import inventory as inv
from headgate.api import reasons
from headgate.fairness.pools import aside
from headgate.kube import ApiError, ObjectRef
from headgate.reconcile.kustomization.attempt import Attempt
from headgate.reconcile.kustomization.errors import Failed, Postponed
from headgate.reconcile.reporting.measure import Measure
from headgate.reconcile.reporting.unexpected import is_too_large

MIB = 1 << 20


async def entries_of(attempt: Attempt) -> frozenset[inv.Entry]:
    """The entries of the inventory, of which there may be many."""
    status = attempt.session.status
    size = len((status.get("inventory") or {}).get("entries") or ())
    return await aside(attempt.key.namespace, size, lambda: inv.from_status(status))


async def keep(attempt: Attempt, objects: int, entries: Callable[[], frozenset[inv.Entry]]) -> None:
    """Put entries into the status; ``objects`` is their approximate number."""
    attempt.session.status |= await aside(attempt.key.namespace, objects, lambda: inv.listed(entries()))


class Recorder:
    """Records the objects of one attempt before they are written."""

    def __init__(self, attempt: Attempt, measure: Measure, limit: int, objects: int) -> None:
        """``limit``: bytes that an inventory may have; ``objects``: the number of built objects."""
        self._attempt, self._measure = attempt, measure
        self._limit, self._objects = limit, objects

    async def check_size(self, entries: frozenset[inv.Entry], going: int = 0) -> int:
        """The size of an inventory in bytes; raises :class:`Failed` if it exceeds the limit.

        ``going`` of the entries remain only until their objects are deleted.
        """
        size = await aside(self._attempt.key.namespace, len(entries), lambda: inv.size_of(entries))
        if size > self._limit:
            self._measure.inventory_refused()
            why = f"the limit is {self._limit / MIB:.1f} MiB, see --max-inventory-size"
            if going:
                why += f"; {going} of the objects will be deleted: delete them in an earlier commit"
            raise Failed(reasons.RECONCILIATION_FAILED, _too_large(len(entries), size, why))
        return size

    async def record(self, refs: Sequence[ObjectRef]) -> None:
        """Store the names of objects before they are written.

        Raises :class:`Failed` if they exceed the limit, :class:`Postponed` if the Kustomization is gone, and
        :class:`headgate.kube.ApiError`.
        """
        attempt, session = self._attempt, self._attempt.session
        former = session.status.get("inventory")
        noted = await entries_of(attempt)
        new = await aside(attempt.key.namespace, len(refs), lambda: inv.of_refs(refs))
        if new <= noted:
            return
        entries = new | noted
        size = await self.check_size(entries)
        await keep(attempt, self._objects, lambda: entries)
        try:
            is_there = await session.write()
        except ApiError as error:
            if not is_too_large(error):
                raise
            # Unchanged, because otherwise the API server would refuse the report of this failure for the same reason.
            session.status.pop("inventory")
            if former is not None:
                session.status["inventory"] = former
            self._measure.inventory_refused()
            why = (
                "the API server refuses it with the rest of the object; etcd's limit is 1.5 MiB for an object"
            )
            raise Failed(reasons.RECONCILIATION_FAILED, _too_large(len(entries), size, why)) from error
        if not is_there:
            raise Postponed(reasons.RECONCILIATION_FAILED, "it is gone", retry_after=None, silent=True)


def _too_large(count: int, size: int, why: str) -> str:
    return (
        f"inventory of {count} objects is too large to be stored ({size / MIB:.1f} MiB; {why}): "
        "split the Kustomization into several; Headgate applies nothing that it cannot record"
    )
