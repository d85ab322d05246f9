"""Reads the custom resources of a cluster with get and list rights only, each kind in one list.

Lists of all namespaces come first, because root causes may be in any; a user without that right reads one namespace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from headgate.insight import Fleet
from headgate.insight.fields import group_of, mapping, text
from headgate.insight.fleet import SOURCE_KINDS
from headgate.kube import METADATA_LIST, Client, Forbidden, NoMatch
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION
from headgate.objects import Obj

__all__ = ["listed", "metadata_of", "other_kinds", "read_fleet", "served_version"]

TIMEOUT = 30.0
"""Seconds for all lists."""
PAGE = 1000
"""Objects of one request; fewer if the answer is too large."""


async def read_fleet(client: Client, namespace: str) -> Fleet:
    """Return all Kustomizations and their sources.

    ``namespace``: the one to read if the user may not list all. Sources of other kinds than GitRepository are read only
    if a Kustomization uses them. Raises :class:`headgate.kube.ApiError` if no Kustomizations can be read, and
    TimeoutError.
    """
    reader = _Reader(client, namespace)
    async with asyncio.timeout(TIMEOUT):
        sources, kustomizations = await asyncio.gather(
            reader.optional(GIT_REPOSITORY), reader.required(KUSTOMIZATION)
        )
        others = await asyncio.gather(*(reader.optional(kind) for kind in other_kinds(kustomizations)))
    objects = [*sources, *kustomizations, *(obj for found in others for obj in found)]
    return Fleet.of(objects, namespaces=reader.namespaces, unread=reader.unread)


def other_kinds(kustomizations: Iterable[Obj]) -> list[str]:
    """The kinds of sources in use besides GitRepository."""
    used = {text(mapping(each, "spec", "sourceRef").get("kind")) for each in kustomizations}
    return sorted(used & {*SOURCE_KINDS} - {GIT_REPOSITORY})


async def served_version(client: Client, kind: str) -> str:
    """The API version in which the cluster serves a custom resource. Raises :class:`NoMatch`."""
    return (await client.mapper.served(group_of(kind), kind, "v1", since=time.monotonic())).api_version


async def listed(
    client: Client,
    api_version: str,
    kind: str,
    namespace: str | None,
    accept: str | None = None,
    selector: str = "",
) -> list[Obj]:
    """All objects of a kind, with ``apiVersion`` and ``kind``."""
    found: list[Obj] = []
    pages = client.list_pages(
        api_version, kind, namespace=namespace, limit=PAGE, accept=accept, label_selector=selector or None
    )
    async for page in pages:
        found += [{**item, "apiVersion": api_version, "kind": kind} for item in page["items"]]
    return found


async def metadata_of(client: Client, kind: str, namespace: str) -> list[Obj]:
    """Names and labels of the custom resources of one namespace."""
    return await listed(client, await served_version(client, kind), kind, namespace, METADATA_LIST)


class _Reader:
    def __init__(self, client: Client, namespace: str) -> None:
        self._client, self._namespace = client, namespace
        self.namespaces: set[str] | None = None
        self.unread: dict[str, str] = {}

    async def required(self, kind: str) -> list[Obj]:
        version = await served_version(self._client, kind)
        try:
            return await listed(self._client, version, kind, None)
        except Forbidden:
            found = await listed(self._client, version, kind, self._namespace)
            self.namespaces = {self._namespace}
            return found

    async def optional(self, kind: str) -> list[Obj]:
        try:
            return await self.required(kind)
        except Forbidden:
            self.unread[kind] = "you may not list them"
        except NoMatch:
            # No such kind: no such objects.
            pass
        return []
