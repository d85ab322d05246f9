"""Connects to the cluster of an environment for one comparison, and words its failures for users."""

from __future__ import annotations

import asyncio

from headgate.kube import AccessFailed, ApiError, Client
from headgate.promotion.changes.model import ChangeStage, EnvironmentChange
from headgate.promotion.errors import EvidenceMissing
from headgate.promotion.fleet.rendering import Rendering
from headgate.promotion.live.compare import compare_with_cluster
from headgate.promotion.live.desired import Method

__all__ = ["changes_in_cluster"]


def changes_in_cluster(
    rendering: Rendering,
    method: Method,
    stage: ChangeStage,
    follows: str = "",
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
) -> EnvironmentChange:
    """What the operator would change in the cluster of a kubeconfig's context; writes nothing there.

    Raises :class:`EvidenceMissing` if the cluster cannot be read.
    """

    async def compared() -> EnvironmentChange:
        async with await Client.connect(kubeconfig, context) as client:
            return await compare_with_cluster(client, rendering, method, stage, follows)

    try:
        return asyncio.run(compared())
    except* (AccessFailed, ApiError) as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        where = f" (context {context})" if context else ""
        notes = getattr(error, "__notes__", None)
        what = f"{notes[0]}: " if notes else ""
        message = f"the cluster of environment '{rendering.environment}'{where} cannot be read: {what}{error}"
        failure = EvidenceMissing(message)
    raise failure
