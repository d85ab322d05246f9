"""One attempt to reconcile a Kustomization, as a frozen value: what reports need to know of it.

The steps (:mod:`headgate.reconcile.kustomization.steps`) return it anew when they find out more: the revision, the
secrets of the build, its digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from headgate.api import Kustomization, ObjectKey, reasons
from headgate.fairness.pools import BUILDS
from headgate.objects import Obj
from headgate.postbuild import Masks
from headgate.reconcile.core.queue import Depth
from headgate.reconcile.reporting.status import StatusSession


class Step(NamedTuple):
    """A step of an attempt, in words and with the reason that an unexpected error in it is reported with."""

    what: str
    reason: str


PREPARING = Step("checking source and dependencies", reasons.RECONCILIATION_FAILED)
BUILDING = Step("building the manifests", reasons.BUILD_FAILED)
APPLYING = Step("applying the objects", reasons.RECONCILIATION_FAILED)
PRUNING = Step("deleting what is no longer in the source", reasons.PRUNE_FAILED)
CHECKING_HEALTH = Step("checking the health of the objects", reasons.HEALTH_CHECK_FAILED)
DELETING = Step("deleting the objects of the deleted Kustomization", reasons.PRUNE_FAILED)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to bring the cluster to one revision."""

    key: ObjectKey
    obj: Obj
    """The raw Kustomization as it was when the attempt began."""
    ks: Kustomization
    session: StatusSession
    requested: str | None
    """The value of the requestedAt annotation that this attempt answers."""
    started: float
    """On the monotonic clock."""
    depth: Depth
    revision: str = ""
    """Empty as long as no source was found."""
    origin: str = ""
    """The revision in the source that the artifact was made from, where the artifact names it."""
    masks: Callable[[], Masks] = Masks
    """Makes the masks of what no report may quote. There may be thousands of values: made when a text needs it."""
    digest: str = ""
    """Of what was built (``sha256:…``); empty before."""

    @property
    def uid(self) -> str:
        """The Kustomization's UID."""
        return str(self.obj["metadata"]["uid"])

    async def masked(self, text: str) -> str:
        """The text without secret values. To look for thousands of them in a long text takes its time."""
        if self.masks is Masks:
            return text
        return await BUILDS.run(self.key.namespace, lambda: self.masks()(text))
