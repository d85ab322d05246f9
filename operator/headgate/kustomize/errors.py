"""The errors of a build in addition to those of files and documents (:mod:`headgate.documents.errors`).

BuildError
├── KustomizationError      a kustomization file is missing, ambiguous, malformed, or contradicts itself
│   ├── NoKustomization     a directory without a kustomization file, or with several (a TreeError, too)
│   └── CycleError          overlays refer to each other in a cycle
├── ResourceError           an object is not a usable Kubernetes object
│   └── IdConflict          two objects have the same identity
├── PatchError              a patch does not parse, finds no target, or does not apply
├── ReferenceFault          a name reference, variable or replacement cannot be resolved
└── Refused                 the build needs a feature that this engine does not support on purpose
"""

from __future__ import annotations

from headgate.documents.errors import BuildError, TreeError

__all__ = [
    "CycleError",
    "IdConflict",
    "KustomizationError",
    "NoKustomization",
    "PatchError",
    "ReferenceFault",
    "Refused",
    "ResourceError",
]


class KustomizationError(BuildError):
    """A kustomization file is missing, ambiguous, malformed, or contradicts itself."""


class NoKustomization(TreeError, KustomizationError):
    """The path is a file, or a directory without exactly one kustomization file."""


class CycleError(KustomizationError):
    """Overlays refer to each other in a cycle; ``path`` lists its directories."""

    def __init__(self, message: str, *, path: tuple[str, ...]) -> None:
        super().__init__(message)
        self.path = path


class ResourceError(BuildError):
    """An object is not a usable Kubernetes object, or a transformer cannot be applied to it."""


class IdConflict(ResourceError):
    """Two objects have the same group, version, kind, namespace and name."""


class PatchError(BuildError):
    """A patch does not parse, finds no target, or does not apply to its target."""


class ReferenceFault(BuildError):
    """A name reference, variable or replacement cannot be resolved, or is ambiguous."""


class Refused(BuildError):
    """The build needs what this engine does not support on purpose: plugins, Helm, bases out of its reach."""
