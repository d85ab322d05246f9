"""Typed models of the custom resources, and the rules for their status. Pure.

Specs are parsed into frozen data classes (:class:`Kustomization`, :class:`GitRepository`), where a value
that got past the CRD raises :class:`InvalidSpec`. Statuses stay raw mappings, as they are sent to the API
server, and are edited through :mod:`.conditions`, :mod:`.inventory` and :mod:`.history`.
"""

from __future__ import annotations

from headgate.api.errors import ApiModelError, InvalidSpec, InvalidStatus
from headgate.api.gitrepository import GitReference, GitRepository, GitRepositorySpec
from headgate.api.kustomization import Kustomization, KustomizationSpec
from headgate.api.meta import ObjectKey, Reference, timestamp
from headgate.api.revision import Revision
from headgate.api.source import SOURCE_KINDS, Artifact, Source
from headgate.durations import DurationInvalid, format_duration, parse_duration

__all__ = [
    "SOURCE_KINDS",
    "ApiModelError",
    "Artifact",
    "DurationInvalid",
    "GitReference",
    "GitRepository",
    "GitRepositorySpec",
    "InvalidSpec",
    "InvalidStatus",
    "Kustomization",
    "KustomizationSpec",
    "ObjectKey",
    "Reference",
    "Revision",
    "Source",
    "format_duration",
    "parse_duration",
    "timestamp",
]
