"""A service account of the cluster, whose tokens a cloud or a Vault server exchanges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["IdentityRefused", "WorkloadIdentity"]


class IdentityRefused(Exception):
    """The account cannot be used; the message says why, without secrets."""


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """The service account that ``spec.decryption`` or the ConfigMap of ``spec.kubeConfig`` names."""

    namespace: str
    name: str
    token: Callable[[str], str] = field(repr=False)
    """Returns a token of the account for an audience (a TokenRequest); raises :class:`IdentityRefused`."""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def annotation(self, key: str) -> str:
        """Return an annotation that a cloud needs; raises :class:`IdentityRefused` when it is absent."""
        value = self.annotations.get(key)
        if not value:
            raise IdentityRefused(f"the service account {self.namespace}/{self.name} has no annotation {key}")
        return value
