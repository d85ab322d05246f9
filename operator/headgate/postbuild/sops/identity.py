"""A service account of the cluster, for key services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headgate.postbuild.sops.keys import KeyRefused

__all__ = ["WorkloadIdentity"]


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """The service account in ``spec.decryption.serviceAccountName``, whose tokens key services exchange."""

    namespace: str
    name: str
    token: Callable[[str], str] = field(repr=False)
    """Returns a token of the account for an audience (a TokenRequest); raises :class:`KeyRefused`."""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def annotation(self, key: str) -> str:
        """Return an annotation that a key service needs; raises :class:`KeyRefused` when it is absent."""
        value = self.annotations.get(key)
        if not value:
            raise KeyRefused(f"the service account {self.namespace}/{self.name} has no annotation {key}")
        return value
