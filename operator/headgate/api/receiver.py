"""Receiver, ``notification.toolkit.fluxcd.io/v1``: the fields of its spec that a webhook server uses.

Flux's notification-controller defines the kind (``api/v1/receiver_types.go``). Its types ``gcr``, ``cdevents`` and
``generic-oidc`` are not supported: they require tokens of issuers that are unknown here.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from headgate.api import labels
from headgate.api.fields import MAX_ENTRIES, Fields
from headgate.api.meta import LocalReference, ObjectKey
from headgate.names import NOTIFICATION_GROUP, SOURCE_VERSION
from headgate.objects import Obj

API_VERSION: Final = f"{NOTIFICATION_GROUP}/v1"
KIND: Final = "Receiver"
PATH: Final = "/hook/"
DEFAULT_INTERVAL: Final = 600.0
"""Seconds after which the Secret is read again."""
EVERY: Final = "*"
"""The name for all objects with the labels of ``matchLabels``."""

TYPES: Final = (
    *("generic", "generic-hmac", "github", "gitlab", "bitbucket"),
    *("harbor", "dockerhub", "quay", "nexus", "acr"),
)
_SOURCES = ("Bucket", "GitRepository", "HelmChart", "HelmRepository", "OCIRepository")
_API_VERSIONS = {
    **dict.fromkeys(_SOURCES, SOURCE_VERSION),
    "ImageRepository": "image.toolkit.fluxcd.io/v1",
    "ArtifactGenerator": "source.extensions.fluxcd.io/v1beta1",
}
"""The default API version of each kind, for the kinds for which Flux has one."""


_GROUP = re.compile(r"([a-z0-9-]+\.)+fluxcd\.io/[a-z0-9]+")
"""API versions of the objects that a call may request to reconcile: the operator may annotate more kinds than that."""


@dataclass(frozen=True, slots=True)
class ReceiverResource:
    """Objects that a webhook call requests to reconcile."""

    kind: str
    name: str
    namespace: str
    """Empty: the Receiver's namespace."""
    api_version: str
    match_labels: tuple[tuple[str, str], ...]
    filter: str
    """A CEL expression over ``res`` and ``req``; empty for none."""

    @staticmethod
    def parse(fields: Fields) -> ReceiverResource:
        """From an entry of ``spec.resources``."""
        kind, name = fields.required_text("kind"), fields.required_text("name")
        api_version = fields.text("apiVersion") or _API_VERSIONS.get(kind, "")
        if not api_version:
            raise fields.invalid("apiVersion", f"must be specified for kind {kind!r}")
        if not _GROUP.fullmatch(api_version):
            raise fields.invalid("apiVersion", "must be one of Flux's, such as source.toolkit.fluxcd.io/v1")
        labels = tuple(fields.string_map("matchLabels").items())
        if name == EVERY and not labels:
            raise fields.invalid("matchLabels", "must be set when the name is '*'")
        return ReceiverResource(
            kind, name, fields.text("namespace"), api_version, labels, fields.text("filter")
        )


@dataclass(frozen=True, slots=True)
class ReceiverSpec:
    """The spec; times in seconds."""

    type: str
    resources: tuple[ReceiverResource, ...]
    secret_ref: LocalReference
    events: tuple[str, ...] = ()
    """Accepted kinds of events; empty: all."""
    resource_filter: str = ""
    interval: float = DEFAULT_INTERVAL
    suspend: bool = False

    @staticmethod
    def parse(fields: Fields) -> ReceiverSpec:
        """From ``spec``."""
        sort = fields.required_text("type")
        if sort not in TYPES:
            served = ", ".join(TYPES)
            raise fields.invalid(
                "type", f"{sort!r} needs Flux's notification-controller; Headgate serves {served}"
            )
        return ReceiverSpec(
            type=sort,
            resources=fields.objects("resources", ReceiverResource.parse),
            secret_ref=fields.required_object("secretRef", LocalReference.parse),
            events=fields.strings("events"),
            resource_filter=fields.text("resourceFilter"),
            interval=fields.duration("interval", DEFAULT_INTERVAL),
            suspend=fields.flag("suspend"),
        )


@dataclass(frozen=True, slots=True)
class Receiver:
    """A Receiver's identity and spec. Its status is read and written raw."""

    key: ObjectKey
    requested_at: str | None
    spec: ReceiverSpec

    @classmethod
    def from_object(cls, obj: Obj, max_entries: int = MAX_ENTRIES) -> Receiver:
        """From a raw object, with at most ``max_entries`` in each list; raises :class:`headgate.api.InvalidSpec`."""
        meta = obj["metadata"]
        return cls(
            key=ObjectKey(meta["namespace"], meta["name"]),
            requested_at=labels.requested_at(obj),
            spec=ReceiverSpec.parse(Fields(obj.get("spec"), "spec", max_entries)),
        )

    def path(self, token: bytes) -> str:
        """The path of its webhook calls, unguessable without the token."""
        return PATH + hashlib.sha256(token + f"{self.key.name}{self.key.namespace}".encode()).hexdigest()
