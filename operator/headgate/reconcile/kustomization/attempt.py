"""One attempt to reconcile a Kustomization, as a frozen value that contains what reports need.

The steps (:mod:`headgate.reconcile.kustomization.steps`) return an updated value when they find out more: the revision,
the secrets of the build, its digest.
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


class AttemptStep(NamedTuple):
    """A step of an attempt: in words, and with the reason that reports an unexpected error in it."""

    what: str
    reason: str


PREPARING = AttemptStep("checking source and dependencies", reasons.RECONCILIATION_FAILED)
BUILDING = AttemptStep("building the manifests", reasons.BUILD_FAILED)
APPLYING = AttemptStep("applying the objects", reasons.RECONCILIATION_FAILED)
PRUNING = AttemptStep("deleting what is no longer in the source", reasons.PRUNE_FAILED)
CHECKING_HEALTH = AttemptStep("checking the health of the objects", reasons.HEALTH_CHECK_FAILED)
DELETING = AttemptStep("deleting the objects of the deleted Kustomization", reasons.PRUNE_FAILED)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to apply one revision."""

    key: ObjectKey
    obj: Obj
    """The raw Kustomization at the beginning of the attempt."""
    ks: Kustomization
    session: StatusSession
    requested: str | None
    """The value of the requestedAt annotation that this attempt handles."""
    started: float
    """The time on the monotonic clock."""
    depth: Depth
    revision: str = ""
    """Empty until the source is found."""
    origin: str = ""
    """The origin revision, if the artifact names it."""
    masks: Callable[[], Masks] = Masks
    """Makes the masks of the values that no report may quote. There may be thousands: made when a text needs them."""
    digest: str = ""
    """The digest of the built objects (``sha256:…``); empty before the build."""

    @property
    def uid(self) -> str:
        """The Kustomization's UID."""
        return str(self.obj["metadata"]["uid"])

    async def masked(self, text: str) -> str:
        """The text without secret values. Asynchronous: to search a long text for thousands of values takes time."""
        if self.masks is Masks:
            return text
        return await BUILDS.run(self.key.namespace, lambda: self.masks()(text))
