"""Typed models of the custom resources, and the rules for their status. Pure.

Specs become frozen data classes; an invalid value that the CRD did not reject raises :class:`InvalidSpec`. Statuses
stay raw mappings, as the API server receives them.

kustomization, gitrepository, receiver   the custom resources: every field of their specs
source, revision                         kinds of sources, their artifacts and revisions
meta                                     references and keys
fields                                   typed reading of raw fields, with errors that name the field
conditions, history, inventory           edits of a status
running                                  what GitRepositories and Kustomizations run, as their statuses say
report                                   the report of an environment, a JSON document
reasons, labels                          Flux's names: conditions and reasons, labels and annotations
windows                                  recurring windows of time, for promotions
order                                    the order of kinds in which Flux applies and lists objects
labelselector, patterns, quantity        notations of Kubernetes and Go that specs use
errors                                   the exceptions for invalid custom resources
"""

from __future__ import annotations

from headgate.api.errors import InvalidSpec, InvalidStatus
from headgate.api.gitrepository import GitRepository, GitRepositoryRef, GitRepositorySpec
from headgate.api.kustomization import Kustomization, KustomizationSpec
from headgate.api.meta import ObjectKey, Reference, timestamp
from headgate.api.revision import Revision
from headgate.api.source import Artifact

__all__ = [
    "Artifact",
    "GitRepository",
    "GitRepositoryRef",
    "GitRepositorySpec",
    "InvalidSpec",
    "InvalidStatus",
    "Kustomization",
    "KustomizationSpec",
    "ObjectKey",
    "Reference",
    "Revision",
    "timestamp",
]
