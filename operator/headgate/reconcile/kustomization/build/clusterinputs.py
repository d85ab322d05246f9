"""What a build gets from the cluster besides the source, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from headgate.postbuild import Masks, Variables
from headgate.reconcile.kustomization.build.decryption import Keys

NOTHING_READ = ""
"""The version if the build needs nothing from the cluster."""


@dataclass(frozen=True, slots=True)
class ClusterInputs:
    """What one build reads from the cluster."""

    version: str = NOTHING_READ
    """Differs when anything that was read has changed."""
    variables: Variables | None = None
    """None if the spec asks for no substitution."""
    keys: Keys | None = None
    """None if the spec asks for no decryption."""
    lacking: str = ""
    """Why variables are missing although the spec asks for them; objects that use none can be built nevertheless."""

    @property
    def masks(self) -> Masks:
        """The masks of the variables' values that no report may quote."""
        return Masks(() if self.variables is None else self.variables.secret)

    @property
    def mask_maker(self) -> Callable[[], Masks]:
        """Makes the masks when they are needed; :class:`Masks` itself if there is nothing to mask."""
        return Masks if self.variables is None else lambda: self.masks
