"""Watches of the in-memory API server: the history of a kind under a selector, as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from tests.model.apiserver import ApiServer
from tests.model.kinds import Target
from tests.model.objects import selected
from tests.model.store import Change

Obj = dict[str, Any]


class TooOld(Exception):
    """The history does not reach back to that version."""


class Watch:
    """What happened since a resource version, as it is taken."""

    def __init__(
        self, server: ApiServer, target: Target, query: Mapping[str, str], *, forgotten: int = 0
    ) -> None:
        """Raises :class:`TooOld` for a version before ``forgotten``."""
        since = int(query.get("resourceVersion") or server.version)
        if since < forgotten:
            raise TooOld
        self._server, self._target, self._query = server, target, query
        self._next = len(server.changes)
        while self._next and server.changes[self._next - 1].version > since:
            self._next -= 1

    def take(self) -> Iterator[bytes]:
        """The lines of what happened since the last call."""
        while self._next < len(self._server.changes):
            change = self._server.changes[self._next]
            self._next += 1
            if change.kind.store == self._target.kind.store:
                yield from self._line(change)

    def _line(self, change: Change) -> Iterator[bytes]:
        before = change.old is not None and self._covers(change.old)
        after = change.new is not None and self._covers(change.new)
        if not (before or after):
            return
        kind = ("MODIFIED" if before else "ADDED") if after else "DELETED"
        shown = change.object if change.new is not None or change.old is None else change.old
        version = str(change.version)
        shown = {**shown, "apiVersion": self._target.kind.api_version}
        shown["metadata"] = {**shown["metadata"], "resourceVersion": version}
        yield orjson.dumps({"type": kind, "object": shown}) + b"\n"

    def _covers(self, obj: Obj) -> bool:
        namespace = self._target.namespace
        return namespace in ("", obj["metadata"].get("namespace", "")) and selected(obj, self._query)
