"""Names of Flux and kustomize that more than one part needs: API groups, field managers, files."""

from __future__ import annotations

from typing import Final

KUSTOMIZE_GROUP: Final = "kustomize.toolkit.fluxcd.io"
"""API group of Kustomization, and prefix of the keys on managed objects."""
SOURCE_GROUP: Final = "source.toolkit.fluxcd.io"
"""API group of GitRepository and the other sources."""
NOTIFICATION_GROUP: Final = "notification.toolkit.fluxcd.io"
"""API group of Receiver."""
EVENT_GROUP: Final = "event.toolkit.fluxcd.io"
"""Prefix of the annotations that a notification takes over from its object."""
KUSTOMIZATION_VERSION: Final = f"{KUSTOMIZE_GROUP}/v1"
SOURCE_VERSION: Final = f"{SOURCE_GROUP}/v1"

KUSTOMIZE_CONTROLLER: Final = "kustomize-controller"
"""Field manager of managed objects, and the component that events about Kustomizations come from."""
KUSTOMIZE_STATUS: Final = "gotk-kustomize-controller"
"""Field manager of a Kustomization's status and finalizer."""
SOURCE_CONTROLLER: Final = "source-controller"
"""The same for sources: component of events, field manager of status and finalizer."""
NOTIFICATION_CONTROLLER: Final = "notification-controller"
"""The same for Receivers, and field manager of the requests that they make."""

KUSTOMIZATION_FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Names of a kustomization file, in the order in which kustomize looks for them."""
