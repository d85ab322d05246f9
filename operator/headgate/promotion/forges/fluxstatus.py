"""The contexts of commit statuses that Flux's notification-controller writes. Pure.

Unless a Provider has ``commitStatusExpr``, the context is ``<kind>/<name>/<first part of the Provider's uid>``, in
lower case, such as ``kustomization/apps/0c9c2e41``
(https://fluxcd.io/flux/components/notification/providers/#custom-commit-status-messages). It does not have the
namespace of the object. The description is the reason of the event in words, such as ``reconciliation succeeded``. A
success is written only for an event that says that the commit is applied; a failure for each event of severity error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FluxContext", "parse"]

_CONTEXT = re.compile(r"([a-z]+)/([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)/([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class FluxContext:
    """What a context names."""

    kind: str
    """In lower case, such as ``kustomization``."""
    name: str
    provider: str
    """The first eight digits of the Provider's uid: equal for all objects of one cluster that use this Provider."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}/{self.provider}"


def parse(context: str) -> FluxContext | None:
    """Return what a context names; None if it is not one of Flux's.

    >>> parse("kustomization/apps/0c9c2e41").name
    'apps'
    """
    match = _CONTEXT.fullmatch(context)
    return FluxContext(match[1], match[2], match[3]) if match else None
