"""The path that serves a kind: the cluster's discovery, requested lazily and cached.

With aggregated discovery (KEP-3352, Kubernetes 1.27 and newer), two requests list all kinds; on older servers the
mapper requests each group and version that is used. An unknown kind causes a new request, at most every
:data:`REFRESH_AFTER` seconds. The mapper learns the kinds of an applied CRD from the CRD itself, so that its objects
need not wait for discovery.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from cachetools import TTLCache

from headgate.kube.errors import ApiError, BadRequest, NoMatch, NotFound, Unavailable, Unreachable
from headgate.kube.kept import Kept
from headgate.objects import Obj

REFRESH_AFTER = 2.0
"""Minimum seconds between two requests because of unknown kinds."""

MAX_KINDS = 10_000
"""Maximum number of kinds of a cluster; ten times that of large ones."""
MAX_VERSIONS = 100
"""Maximum number of versions of one group, or of one CRD."""
OVERHEAD = 512
"""Bytes of memory for a kind in addition to its names."""
LONGEST_NAME = 512
"""Limit in characters for a kind, its plural, or its API version."""

AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)

Fetch = Callable[[str, str], Awaitable[Obj]]
"""GETs a path with an ``Accept`` header and returns the decoded answer."""


@dataclass(frozen=True, slots=True)
class ServedResource:
    """How one kind is served."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of a collection or object, without the namespace for cluster-scoped kinds.

        Raises :class:`BadRequest` for names that a path cannot contain.
        """
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        if self.namespaced and namespace:
            root += f"/namespaces/{_segment(namespace)}"
        root += f"/{self.plural}"
        if name:
            root += f"/{_segment(name)}"
        return f"{root}/{subresource}" if subresource else root


_Versions = dict[tuple[str, str], dict[str, None]]


def _list(versions: _Versions, resource: ServedResource) -> None:
    versions.setdefault((_group_of(resource.api_version), resource.kind), {})[resource.api_version] = None


def _group_of(api_version: str) -> str:
    return api_version.rpartition("/")[0]


def _segment(name: str) -> str:
    if name in (".", "..") or "/" in name or "%" in name:
        raise BadRequest(f"{name!r} cannot be the name of an object", status=400, reason="BadRequest")
    return quote(name, safe=":@")


class RestMapper:
    """The kinds of one cluster. Tasks may share it; concurrent misses cause one refresh."""

    def __init__(self, fetch: Fetch, kept: Kept | None = None) -> None:
        """``kept`` is the memory of the cluster, if it is limited."""
        self._fetch, self._kept, self._weight = fetch, kept, 0
        self._kinds: dict[tuple[str, str], ServedResource] = {}
        self._learned: dict[tuple[str, str], ServedResource] = {}
        self._versions: _Versions = {}
        """The API versions of each (group, kind), the server's preferred one first."""
        self._stale: set[str] = set()
        """API versions whose server does not answer: their kinds are unknown, not absent."""
        self._groups: TTLCache[str, None] = TTLCache(MAX_KINDS, REFRESH_AFTER, timer=time.monotonic)
        """API versions that were requested one by one, and when."""
        self._aggregated: bool | None = None
        self._asked_at = float("-inf")
        self._lock = asyncio.Lock()

    async def resolve(self, api_version: str, kind: str) -> ServedResource:
        """How the cluster serves the kind.

        Raises :class:`NoMatch` when the cluster does not have it, :class:`Unavailable` when the responsible server does
        not answer, or another :class:`ApiError` when discovery fails.
        """
        found = self.known(api_version, kind)
        if found is not None:
            return found
        async with self._lock:
            found = self.known(api_version, kind)
            if found is None and self._may_ask(api_version):
                await self._refresh(api_version)
                found = self.known(api_version, kind)
        if found is not None:
            return found
        if api_version in self._stale:
            raise Unavailable(f"the server for {api_version} is not available now", status=503)
        raise NoMatch(api_version, kind)

    async def served(self, group: str, kind: str, version: str, *, since: float) -> ServedResource:
        """How the cluster serves objects of a kind: in ``version`` if possible, else in another version.

        ``since``: on the monotonic clock; only discovery that was requested later can show that a kind is gone. Raises
        :class:`NoMatch` when the cluster serves the kind in no version, :class:`Unavailable` when a server that would
        know does not answer, or another :class:`ApiError` when discovery fails.
        """
        found = self._any(group, kind, version)
        if found is not None:
            return found
        async with self._lock:
            found = self._any(group, kind, version)
            if found is None and self._asked_at < since:
                await self._refresh_group(group)
                found = self._any(group, kind, version)
        if found is not None:
            return found
        api_version = f"{group}/{version}" if group else version
        if any(_group_of(stale) == group for stale in self._stale):
            raise Unavailable(f"the server for {group or api_version} is not available now", status=503)
        raise NoMatch(api_version, kind)

    async def named(self, word: str) -> list[ServedResource]:
        """The kinds of that name or plural, in lower case, each in its preferred version; all groups.

        On servers without aggregated discovery only those that are known already. Raises :class:`ApiError`.
        """
        async with self._lock:
            if not self._asked_at > float("-inf"):
                await self._refresh("v1")
        keys = [key for key in self._versions if key[1]]
        found = [each[0] for key in keys if (each := self._of(*key))]
        return [each for each in found if word in (each.kind.lower(), each.plural.lower())]

    def is_namespaced(self, group: str, kind: str) -> bool | None:
        """Whether a kind is namespaced; None when no version of the kind is known."""
        found = self._any(group, kind, "")
        return None if found is None else found.namespaced

    def known(self, api_version: str, kind: str) -> ServedResource | None:
        """The kind if it is known already; sends no request."""
        key = (api_version, kind)
        return self._kinds.get(key) or self._learned.get(key)

    def learn(self, crd: Obj) -> None:
        """Add the kinds that a CustomResourceDefinition defines, before discovery has them."""
        spec = crd.get("spec") or {}
        names = spec.get("names") or {}
        group, kind, plural = spec.get("group"), names.get("kind"), names.get("plural")
        if not group or not kind or not plural:
            return
        versions = (spec.get("versions") or ())[:MAX_VERSIONS]
        served = {f"{group}/{v.get('name')}" for v in versions if v.get("served", True)}
        for known in [r for r in self._of(group, kind) if r.api_version not in served]:
            self._drop(known.api_version, kind)
        for api_version in served:
            resource = ServedResource(api_version, kind, plural, spec.get("scope") != "Cluster")
            if len(self._learned) < MAX_KINDS and _is_plausible(resource):
                self._put(self._learned, resource)

    def is_learned(self, api_version: str, kind: str) -> bool:
        """Whether the kind is known from its CRD only: the server may not serve it yet."""
        return (api_version, kind) in self._learned

    def forget(self, api_version: str, kind: str) -> None:
        """Forget a kind whose path the server does not serve: its next use requests discovery again."""
        self._drop(api_version, kind)
        self._groups.pop(api_version, None)
        self._asked_at = float("-inf")

    def invalidate(self) -> None:
        """Kinds were added or removed: the next use requests discovery again."""
        self._kinds.clear()
        self._learned.clear()
        self._versions.clear()
        self._groups.clear()
        self._weigh(0)
        self._asked_at = float("-inf")

    def _of(self, group: str, kind: str) -> list[ServedResource]:
        versions = self._versions.get((group, kind), ())
        return [r for v in versions if (r := self.known(v, kind)) is not None]

    def _any(self, group: str, kind: str, version: str) -> ServedResource | None:
        found = self._of(group, kind)
        wanted = f"{group}/{version}" if group else version
        return next((r for r in found if r.api_version == wanted), found[0] if found else None)

    def _put(self, kinds: dict[tuple[str, str], ServedResource], resource: ServedResource) -> None:
        self._weigh(self._weight + _weight(resource))
        kinds[(resource.api_version, resource.kind)] = resource
        _list(self._versions, resource)

    def _weigh(self, weight: int) -> None:
        """Raises :class:`~headgate.kube.errors.AnswerTooLarge` above the limit."""
        if self._kept is not None:
            self._kept.check(weight - self._weight)
            self._kept.add(weight - self._weight)
        self._weight = weight

    def _drop(self, api_version: str, kind: str) -> None:
        self._kinds.pop((api_version, kind), None)
        self._learned.pop((api_version, kind), None)
        self._versions.get((_group_of(api_version), kind), {}).pop(api_version, None)

    def _may_ask(self, api_version: str) -> bool:
        if self._aggregated is False:
            return api_version not in self._groups
        return time.monotonic() - self._asked_at >= REFRESH_AFTER

    async def _refresh(self, api_version: str) -> None:
        if self._aggregated is not False:
            core, groups = await asyncio.gather(
                self._fetch("/api", AGGREGATED), self._fetch("/apis", AGGREGATED)
            )
            self._aggregated = groups.get("kind") == "APIGroupDiscoveryList"
            if self._aggregated:
                with _expected("/apis"):
                    self._take_aggregated(core, groups)
                self._asked_at = time.monotonic()
                return
        await self._refresh_one(api_version)

    async def _refresh_group(self, group: str) -> None:
        """Request all versions of a group."""
        if self._aggregated is not False:
            await self._refresh("v1")
        if self._aggregated:
            return
        try:
            answer = await self._fetch(f"/apis/{group}" if group else "/api", "application/json")
        except NotFound:
            return
        with _expected(f"/apis/{group}"):
            names = [v["groupVersion"] if group else v for v in (answer.get("versions") or ())[:MAX_VERSIONS]]
        for name in names:
            await self._refresh_one(str(name))

    def _take_aggregated(self, *lists: Obj) -> None:
        kinds: dict[tuple[str, str], ServedResource] = {}
        versions: _Versions = {}
        stale: set[str] = set()
        for group in (item for answer in lists for item in answer.get("items") or ()):
            name = group.get("metadata", {}).get("name") or ""
            for version in group.get("versions") or ():
                api_version = f"{name}/{version['version']}" if name else version["version"]
                if version.get("freshness") == "Stale":
                    stale.add(api_version)
                for entry in version.get("resources") or ():
                    kind = (entry.get("responseKind") or {}).get("kind")
                    if kind:
                        resource = ServedResource(
                            api_version,
                            kind,
                            entry["resource"],
                            entry.get("scope") == "Namespaced",
                            frozenset(entry.get("verbs") or ()),
                        )
                        if _is_plausible(resource):
                            kinds[(api_version, kind)] = resource
                            _list(versions, resource)
                if len(kinds) + len(stale) > MAX_KINDS:
                    raise Unreachable(
                        f"the API server lists more than {MAX_KINDS:,} kinds, which no cluster has"
                    )
        self._weigh(sum(map(_weight, kinds.values())) + sum(map(_weight, self._learned.values())))
        learned = {key: resource for key, resource in self._learned.items() if key not in kinds}
        for resource in learned.values():
            _list(versions, resource)
        self._kinds, self._learned, self._versions, self._stale = kinds, learned, versions, stale

    async def _refresh_one(self, api_version: str) -> None:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        self._stale.discard(api_version)
        try:
            answer = await self._fetch(root, "application/json")
        except NotFound:
            answer = {}
        except ApiError:
            self._stale.add(api_version)
            raise
        with _expected(root):
            for entry in answer.get("resources") or ():
                if "/" not in entry["name"] and len(self._kinds) < MAX_KINDS:
                    resource = ServedResource(
                        api_version,
                        entry["kind"],
                        entry["name"],
                        bool(entry.get("namespaced")),
                        frozenset(entry.get("verbs") or ()),
                    )
                    if _is_plausible(resource):
                        self._put(self._kinds, resource)
        self._groups[api_version] = None


def _weight(resource: ServedResource) -> int:
    """The approximate bytes of memory for a kind."""
    texts = (resource.api_version, resource.kind, resource.plural, *resource.verbs)
    return OVERHEAD + sum(map(len, texts))


def _is_plausible(resource: ServedResource) -> bool:
    """Whether an API server could serve it: the answer may not come from an API server."""
    texts = (resource.api_version, resource.kind, resource.plural)
    return all(
        isinstance(each, str) and len(each) <= LONGEST_NAME for each in (*texts, *resource.verbs)
    ) and (len(resource.verbs) <= MAX_VERSIONS)


@contextmanager
def _expected(path: str) -> Iterator[None]:
    """Turn errors of malformed answers into ApiError: the server may not be an API server."""
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise Unreachable(f"the answer for {path} is not the discovery document of an API server") from error
