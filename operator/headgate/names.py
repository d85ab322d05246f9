"""Names of Flux and kustomize that more than one part needs: API groups, kinds, field managers, files."""

from __future__ import annotations

from typing import Final

KUSTOMIZE_GROUP: Final = "kustomize.toolkit.fluxcd.io"
"""API group of Kustomization, and prefix of the keys on managed objects."""
SOURCE_GROUP: Final = "source.toolkit.fluxcd.io"
"""API group of GitRepository and the other sources."""
NOTIFICATION_GROUP: Final = "notification.toolkit.fluxcd.io"
"""API group of Receiver."""
EVENT_GROUP: Final = "event.toolkit.fluxcd.io"
"""Prefix of the annotations that a notification copies from its object."""
PROMOTION_GROUP: Final = "promotion.headgate.dev"
"""Prefix of the annotations that only Headgate knows."""
KUSTOMIZATION_VERSION: Final = f"{KUSTOMIZE_GROUP}/v1"
SOURCE_VERSION: Final = f"{SOURCE_GROUP}/v1"

KUSTOMIZATION: Final = "Kustomization"
"""The kind of the custom resource."""
GIT_REPOSITORY: Final = "GitRepository"
"""The kind of the source that Headgate reconciles."""

KUSTOMIZE_CONTROLLER: Final = "kustomize-controller"
"""Field manager of managed objects, and component of events about Kustomizations."""
KUSTOMIZE_STATUS: Final = "gotk-kustomize-controller"
"""Field manager of a Kustomization's status and finalizer."""
SOURCE_CONTROLLER: Final = "source-controller"
"""The same for sources: component of events, field manager of status and finalizer."""
NOTIFICATION_CONTROLLER: Final = "notification-controller"
"""The same for Receivers, and field manager of the reconcile requests that they send."""

KUSTOMIZATION_FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Names of a kustomization file, in the order in which kustomize searches for them."""
