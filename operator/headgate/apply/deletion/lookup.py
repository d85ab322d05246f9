"""Looks up definitions for a deletion: a kind that the API server does not serve may have one nevertheless."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from headgate.apply.objects.definitions import is_usable
from headgate.kube import METADATA_LIST, ApiError, Client, Forbidden, NoMatch, NotFound
from headgate.kube.refs import ObjectRef

CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


class DefinitionLookup:
    """The definitions of a cluster. Read once in a run, however many unknown kinds the inventory has.

    The response may be as old as the run. A definition that was created meanwhile has no objects that the run must
    delete, and an object of a definition that was deleted meanwhile is a survivor for one more run.
    """

    def __init__(self, client: Client) -> None:
        self._client, self._lock = client, asyncio.Lock()
        self._names: dict[str, list[str]] | None = None
        """By group."""
        self._usable: dict[str, dict[str, str]] = {}
        self._error: ApiError | None = None

    async def usable(self, group: str) -> dict[str, str]:
        """The names of a group's usable definitions, by kind; raises :class:`ApiError`.

        An account that may not read definitions has discovery only. A definition that is being deleted takes its
        objects along.
        """
        async with self._lock:
            if self._error is not None:
                raise self._error.with_traceback(None)
            try:
                if self._names is None:
                    self._names = await self._list()
                if group not in self._usable:
                    self._usable[group] = await self._read(self._names.get(group, ()))
            except ApiError as error:
                self._error = error
                raise
            return self._usable[group]

    async def _list(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        with suppress(Forbidden, NotFound, NoMatch):
            async for page in self._client.list_pages(*CRD, accept=METADATA_LIST):
                for item in page["items"]:
                    name = item["metadata"]["name"]
                    names.setdefault(name.partition(".")[2], []).append(name)
        return names

    async def _read(self, names: Iterable[str]) -> dict[str, str]:
        kinds: dict[str, str] = {}
        for name in names:
            with suppress(Forbidden, NotFound, NoMatch):
                crd = await self._client.get(ObjectRef(*CRD, name))
                if is_usable(crd):
                    kinds[crd["spec"]["names"]["kind"]] = name
        return kinds
