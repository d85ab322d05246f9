"""Reads the custom resources of clusters by kubeconfig contexts, all at once; with get and list rights only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from headgate.kube import AccessFailed, ApiError, Client
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE_VERSION
from headgate.objects import Obj

__all__ = ["ClusterObjects", "read_contexts"]

TIMEOUT = 30.0
"""Seconds for one cluster, its exec plugin included."""


@dataclass(frozen=True, slots=True)
class ClusterObjects:
    """What one cluster has, or why that is not known."""

    context: str
    sources: tuple[Obj, ...] = ()
    kustomizations: tuple[Obj, ...] = ()
    failure: str = ""
    """One sentence; empty if the cluster was read."""


def read_contexts(contexts: Mapping[str, str], kubeconfig: str | None = None) -> dict[str, ClusterObjects]:
    """Return the objects of each environment's cluster; ``contexts``: the name of the context by environment.

    ``kubeconfig``: a path, or several as ``KUBECONFIG`` has them; None for the user's. Raises nothing: a cluster that
    cannot be read says why.
    """
    return asyncio.run(_read_all(contexts, kubeconfig)) if contexts else {}


async def _read_all(contexts: Mapping[str, str], kubeconfig: str | None) -> dict[str, ClusterObjects]:
    # A context that several environments share is read once.
    names = sorted(set(contexts.values()))
    found = dict(zip(names, await asyncio.gather(*(_read(name, kubeconfig) for name in names)), strict=True))
    return {environment: found[name] for environment, name in contexts.items()}


async def _read(context: str, kubeconfig: str | None) -> ClusterObjects:
    try:
        async with asyncio.timeout(TIMEOUT):
            client = await Client.connect(kubeconfig, context)
            async with client:
                sources, kustomizations = await asyncio.gather(
                    client.list(SOURCE_VERSION, GIT_REPOSITORY),
                    client.list(KUSTOMIZATION_VERSION, KUSTOMIZATION),
                )
    except TimeoutError:
        return ClusterObjects(context, failure=f"context '{context}' did not answer within {TIMEOUT:g} s")
    except AccessFailed as error:
        return ClusterObjects(context, failure=f"context '{context}': {error}")
    except ApiError as error:
        return ClusterObjects(context, failure=f"context '{context}' cannot be read: {error.message}")
    return ClusterObjects(context, tuple(sources), tuple(kustomizations))
