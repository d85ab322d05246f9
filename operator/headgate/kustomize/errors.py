"""What can go wrong in a build besides its files and documents (:mod:`headgate.documents.errors`).

BuildError
├── KustomizationError      a kustomization file is missing, ambiguous, or says something it cannot say
│   ├── NoKustomization     a directory without a kustomization file, or with several (a TreeError, too)
│   └── CycleError          overlays refer to each other in a circle
├── ResourceError           an object is not a usable Kubernetes object
│   └── IdConflict          two objects claim the same identity
├── PatchError              a patch does not parse, finds no target, or does not apply
├── ReferenceFault          a name reference, variable or replacement cannot be resolved
└── Refused                 the build asks for what this engine does not do on purpose
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
    """The path is a file, or a directory that does not hold exactly one kustomization file."""


class CycleError(KustomizationError):
    """Overlays refer to each other in a circle; ``path`` lists the directories that close it."""

    def __init__(self, message: str, *, path: tuple[str, ...], file: str | None = None) -> None:
        super().__init__(message, file=file)
        self.path = path


class ResourceError(BuildError):
    """An object is not a usable Kubernetes object, or a transformer cannot be applied to it."""


class IdConflict(ResourceError):
    """Two objects claim the same group, version, kind, namespace and name."""


class PatchError(BuildError):
    """A patch does not parse, finds no target, or does not apply to its target."""


class ReferenceFault(BuildError):
    """A name reference, variable or replacement cannot be resolved, or not unambiguously."""


class Refused(BuildError):
    """The build asks for what this engine does not do on purpose: plugins, Helm, bases out of its reach."""
