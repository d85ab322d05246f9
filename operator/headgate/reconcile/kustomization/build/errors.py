"""Errors of a build that kustomize does not have, and how a build's error ends the attempt.

BuildError                 an error of kustomize, and of what it reads
└── FluxStepFailed         an error of a step that Flux adds before or after it
    ├── PathNotFound       ``spec.path`` names nothing in the source
    ├── PathIsFile         ``spec.path`` names a file of the source
    ├── DecryptionFailed   something is encrypted and could not be decrypted
    ├── StillEncrypted     a Secret is encrypted and ``spec.decryption`` is not set
    └── PostBuildFailed    variables could not be substituted in a built object
"""

from __future__ import annotations

from typing import ClassVar

from headgate.api import reasons
from headgate.documents.errors import BuildError
from headgate.reconcile.kustomization.errors import Failed


class FluxStepFailed(BuildError):
    """A step failed that Flux adds before or after ``kustomize build``."""

    reason: ClassVar[str] = reasons.BUILD_FAILED
    """The reason of the Ready condition."""
    step: ClassVar[str] = "kustomize build"
    """What failed, in Flux's words."""

    @property
    def report(self) -> str:
        """The message of the Ready condition."""
        return f"{self.step} failed: {self}"


class PathNotFound(FluxStepFailed):
    """``spec.path`` names nothing in the source."""

    reason = reasons.ARTIFACT_FAILED

    @property
    def report(self) -> str:
        return self.message


class PathIsFile(FluxStepFailed):
    """``spec.path`` names a file of the source."""


class DecryptionFailed(FluxStepFailed):
    """Something is encrypted and could not be decrypted."""

    step = "decryption"


class StillEncrypted(FluxStepFailed):
    """An encrypted Secret that nobody decrypts: applied, it would hold ciphertext."""

    reason = reasons.RECONCILIATION_FAILED

    @property
    def report(self) -> str:
        return str(self)


class PostBuildFailed(FluxStepFailed):
    """A built object could not be prepared for the apply."""

    step = "post build"


def failure_of(error: BuildError) -> Failed:
    """The failure of an attempt whose build raised the error."""
    if isinstance(error, FluxStepFailed):
        return Failed(error.reason, error.report)
    return Failed(reasons.BUILD_FAILED, f"kustomize build failed: {error}")
