"""The API server's verbs on raw JSON objects.

    client = await Client.connect()
    web = await client.get(ObjectRef("apps/v1", "Deployment", "web", "staging"))
    await client.apply(desired, field_manager="kustomize-controller")
    tenant = client.impersonate("system:serviceaccount:staging:tenant")

Objects are plain dictionaries; the :class:`~headgate.kube.mapper.RestMapper` has the path of each kind. All errors are
:class:`~headgate.kube.errors.ApiError`. One connection pool serves all clients of a cluster. No Python client library
meets all requirements: raw objects, server-side apply with dry runs and warnings, a different user for each request on
shared connections, and limits on the answers of untrusted servers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from multidict import CIMultiDict

from headgate import __version__
from headgate.kube.access import ClusterAccess, Login, NoCredentials, Renewal
from headgate.kube.encoding import encode, encode_for_apply
from headgate.kube.errors import AccessFailed, AnswerTooLarge, BadRequest, Unreachable
from headgate.kube.kept import Kept
from headgate.kube.mapper import RestMapper, ServedResource
from headgate.kube.refs import ObjectRef, ref_of
from headgate.kube.transport import (
    MAX_BODY,
    MAX_IN_FLIGHT,
    TIMEOUT,
    Answer,
    RequestLabel,
    RequestObserver,
    Transport,
)
from headgate.kube.watch import SILENCE, WatchEvent, watch
from headgate.objects import Obj
from headgate.peers import PeerRules

USER_AGENT = f"headgate/{__version__}"
PAGE = 500
"""Objects per page of a list."""

JSON = "application/json"
APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

Params = Mapping[str, str | int]

OnSeen = Callable[[ObjectRef, Obj], None]
"""Receives each object that the API server returns, under the version and kind of the request."""

METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""For :meth:`Client.list_pages`: items without their content."""
LOG_SILENCE = 24 * 3600.0
"""Seconds that a pod may write nothing while its log is followed."""


class Client:
    """Requests to one cluster as one user. Made with :meth:`connect`."""

    def __init__(
        self,
        transport: Transport,
        mapper: RestMapper | None = None,
        headers: Sequence[tuple[str, str]] = (),
        on_seen: OnSeen | None = None,
    ) -> None:
        self._transport, self._on_seen = transport, on_seen
        self._headers = _headers(headers)
        self.mapper = mapper or RestMapper(self._discover, transport.kept)
        self.acts_as = str(self._headers.get("Impersonate-User", ""))
        """The impersonated user; empty for the user of the credentials."""
        self.cluster = transport.server
        """Identifies this cluster: the server's URL."""
        self.kept = transport.kept
        """The memory of all its reflectors together; None without a limit."""

    @classmethod
    async def connect(
        cls,
        kubeconfig: str | Mapping[str, Any] | None = None,
        context: str | None = None,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_body: int = MAX_BODY,
        kept: Kept | None = None,
        observer: RequestObserver | None = None,
        renewal: Renewal | None = None,
        peers: PeerRules | None = None,
    ) -> Client:
        """Connect by a kubeconfig (path or content), else ``$KUBECONFIG``, else as a pod, else ``~/.kube/config``.
        ``renewal`` creates tokens that replace those in the kubeconfig. ``max_body`` limits the bytes of an answer;
        ``kept`` limits the memory of reflectors and discovery together. ``peers``: for an untrusted kubeconfig, see
        :class:`~headgate.kube.transport.Transport`.

        Raises :class:`~headgate.kube.access.AccessFailed`. Sends nothing yet.
        """
        access = ClusterAccess(kubeconfig, context, renewal)
        endpoint = await access.load()
        return cls(
            Transport(
                access,
                endpoint,
                user_agent=USER_AGENT,
                max_in_flight=max_in_flight,
                max_body=max_body,
                kept=kept,
                observer=observer,
                peers=peers,
            ),
            headers=endpoint.impersonation,
        )

    @classmethod
    async def connect_for_others(
        cls,
        kubeconfig: str | None = None,
        context: str | None = None,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        max_body: int = MAX_BODY,
        observer: RequestObserver | None = None,
    ) -> Client:
        """Connect to the same API server as :meth:`connect`, without any credentials: see :meth:`bearing`.

        Raises :class:`~headgate.kube.access.AccessFailed`. Sends nothing yet.
        """
        access = NoCredentials(kubeconfig, context)
        endpoint = await access.load()
        return cls(
            Transport(
                access,
                endpoint,
                user_agent=USER_AGENT,
                max_in_flight=max_in_flight,
                max_body=max_body,
                observer=observer,
            )
        )

    def bearing(self, token: str, mapper: RestMapper | None = None) -> Client:
        """A client that acts with somebody's token, on the connections of one made by :meth:`connect_for_others`.

        ``mapper``: where the paths of kinds are known already. Raises :class:`AccessFailed` for a client with
        its own credentials, which could count instead of the token.
        """
        if not self._transport.is_for_others:
            raise AccessFailed("these connections have their own credentials")
        return Client(self._transport, mapper, (("Authorization", f"Bearer {token}"),))

    async def login(self) -> Login:
        """The same access for another client library; call it again when the server refuses the credentials."""
        return await self._transport.login()

    async def close(self) -> None:
        """Close the connections, including those of the impersonating clients of this one."""
        await self._transport.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def impersonate(self, user: str, groups: Sequence[str] = (), *, on_seen: OnSeen | None = None) -> Client:
        """A client that impersonates a user, with the same connections and discovery.

        ``on_seen`` receives each single object that the API server returns to this user. Raises :class:`AccessFailed`
        for a client that impersonates a user already: a request can name only one.
        """
        if self.acts_as:
            raise AccessFailed(f"acts as {self.acts_as!r} already")
        headers = [("Impersonate-User", user), *(("Impersonate-Group", g) for g in groups)]
        return Client(self._transport, self.mapper, headers, on_seen)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: Any = None,
        content_type: str | None = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - the time for one try; tries may follow
    ) -> Any:
        """Send any request, by path; returns the decoded answer. ``body`` is encoded unless it is bytes."""
        label = RequestLabel(_VERBS.get(method, method.lower()), "")
        return (await self._send(method, path, label, params, body, content_type, within=timeout)).body

    async def get(self, ref: ObjectRef) -> Obj:
        """The object as it is now. Raises :class:`NotFound`."""
        resource = await self._of(ref)
        return await self._object("GET", resource, ref, "get")

    async def metadata(self, ref: ObjectRef) -> Obj:
        """The metadata of an object, without its content, such as the data of a Secret. Raises :class:`NotFound`."""
        resource = await self._of(ref)
        answer = await self._send(
            "GET",
            resource.path(ref.namespace, ref.name),
            RequestLabel("get", resource.plural),
            accept=METADATA_ONLY,
        )
        if not isinstance(answer.body, dict):
            raise BadRequest(f"{ref}: the API server's answer is not an object")
        return {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": answer.body.get("metadata") or {},
        }

    async def list_pages(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int = PAGE,
        accept: str | None = None,
    ) -> AsyncIterator[Obj]:
        """The pages of a list, each a decoded ``List`` (``items``, ``metadata.resourceVersion``).

        Items of built-in kinds carry no ``apiVersion`` and ``kind``. Raises :class:`Gone` when a continue token has
        expired.
        """
        resource = await self.mapper.resolve(api_version, kind)
        params = _selectors(label_selector, field_selector) | {"limit": limit}
        while True:
            try:
                answer = await self._send(
                    "GET",
                    resource.path(namespace or ""),
                    RequestLabel("list", resource.plural),
                    params,
                    accept=accept,
                )
            except AnswerTooLarge:
                # A few hundred objects of a megabyte each: request the same again in smaller pages.
                if limit == 1:
                    raise
                params["limit"] = limit = max(1, limit // 8)
                continue
            page = _page(answer.body)
            yield page
            token = page["metadata"].get("continue")
            if not token:
                return
            params["continue"] = token

    async def list(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
    ) -> list[Obj]:
        """All objects of a list at once, with ``apiVersion`` and ``kind`` filled in."""
        found: list[Obj] = []
        async for page in self.list_pages(
            api_version, kind, namespace=namespace, label_selector=label_selector
        ):
            found += [{"apiVersion": api_version, "kind": kind, **item} for item in page["items"]]
        return found

    async def create(self, obj: Obj) -> Obj:
        """Create an object. Raises :class:`AlreadyExists`, :class:`Invalid`, ..."""
        ref = ref_of(obj)
        resource = await self._of(ref)
        answer = await self._send(
            "POST",
            resource.path(ref.namespace),
            RequestLabel("create", resource.plural),
            None,
            obj,
            JSON,
            repeatable=False,
        )
        return self._shown(answer.body, ref)

    async def patch(
        self,
        ref: ObjectRef,
        body: Any,
        *,
        content_type: str = MERGE_PATCH,
        subresource: str = "",
        field_manager: str | None = None,
    ) -> Obj:
        """Patch an object (a merge patch by default) and return the result."""
        resource = await self._of(ref)
        answer = await self._send(
            "PATCH",
            resource.path(ref.namespace, ref.name, subresource),
            RequestLabel("patch", resource.plural),
            {"fieldManager": field_manager} if field_manager else None,
            body,
            content_type,
            repeatable=content_type == MERGE_PATCH,
        )
        return self._shown(answer.body, ref)

    async def apply(self, obj: Obj, *, field_manager: str, dry_run: bool = False) -> Obj:
        """Server-side apply; see :meth:`apply_answer` for the answer with its status."""
        answer = await self.apply_answer(obj, field_manager=field_manager, dry_run=dry_run)
        return self._shown(answer.body, ref_of(obj))

    async def apply_answer(self, obj: Obj, *, field_manager: str, dry_run: bool = False) -> Answer:
        """Server-side apply, with force; status 201 means that the object was (or would be) created.

        A ``metadata.resourceVersion`` in ``obj`` is a precondition: raises :class:`Conflict` when the object has
        another version (but creates an absent object).
        """
        ref = ref_of(obj)
        resource = await self._of(ref)
        params: dict[str, str | int] = {"fieldManager": field_manager, "force": "true"}
        if dry_run:
            params["dryRun"] = "All"
        answer = await self._send(
            "PATCH",
            resource.path(ref.namespace, ref.name),
            RequestLabel("apply", resource.plural),
            params,
            encode_for_apply(obj),
            APPLY_PATCH,
        )
        self._shown(answer.body, ref)
        return answer

    async def delete(
        self,
        ref: ObjectRef,
        *,
        propagation: str = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Request the deletion of an object; finalizers may keep it for a while.

        ``uid`` and ``resource_version`` are preconditions. Raises :class:`NotFound`, :class:`Conflict`.
        """
        resource = await self._of(ref)
        options: Obj = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        preconditions = {
            k: v for k, v in (("uid", uid), ("resourceVersion", resource_version)) if v is not None
        }
        if preconditions:
            options["preconditions"] = preconditions
        await self._send(
            "DELETE",
            resource.path(ref.namespace, ref.name),
            RequestLabel("delete", resource.plural),
            None,
            options,
            JSON,
        )

    async def watch(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the server's
        silence: float = SILENCE,
    ) -> AsyncIterator[WatchEvent]:
        """Yield changes as they arrive, including bookmarks; ends when the server ends it (see :mod:`watch`).

        Raises :class:`Gone` when ``resource_version`` is too old to resume from.
        """
        resource = await self.mapper.resolve(api_version, kind)
        params: dict[str, str | int] = {"watch": "true", "allowWatchBookmarks": "true"}
        params |= _selectors(label_selector, field_selector)
        if resource_version is not None:
            params["resourceVersion"] = resource_version
        if timeout is not None:
            params["timeoutSeconds"] = max(1, int(timeout))
        path = f"{resource.path(namespace or '')}?{urlencode(params)}"
        async with self._transport.stream(
            path, label=RequestLabel("watch", resource.plural), headers=self._headers, silence=silence
        ) as pieces:
            async for event in watch(pieces, self._transport.max_body):
                yield event

    async def log(
        self, namespace: str, pod: str, parameters: Mapping[str, str | int], *, silence: float = LOG_SILENCE
    ) -> AsyncIterator[bytes]:
        """Yield the log of a pod in pieces; ``parameters`` are those of its subresource ``log``."""
        resource = await self.mapper.resolve("v1", "Pod")
        path = f"{resource.path(namespace, pod, 'log')}?{urlencode(parameters)}"
        async with self._transport.stream(
            path, label=RequestLabel("get", "pods/log"), headers=self._headers, silence=silence
        ) as pieces:
            async for piece in pieces:
                yield piece

    async def _of(self, ref: ObjectRef) -> ServedResource:
        resource = await self.mapper.resolve(ref.api_version, ref.kind)
        if resource.namespaced and not ref.namespace:
            raise BadRequest(f"{ref}: a {ref.kind} needs a namespace, and the object has none", status=400)
        return resource

    def _shown(self, body: Any, ref: ObjectRef) -> Obj:
        obj = _typed(body, ref)
        if self._on_seen is not None:
            there = ref_of(obj)
            self._on_seen(ObjectRef(ref.api_version, ref.kind, there.name, there.namespace), obj)
        return obj

    async def _object(self, method: str, resource: ServedResource, ref: ObjectRef, verb: str) -> Obj:
        path = resource.path(ref.namespace, ref.name)
        answer = await self._send(method, path, RequestLabel(verb, resource.plural))
        return self._shown(answer.body, ref)

    async def _send(
        self,
        method: str,
        path: str,
        label: RequestLabel,
        params: Params | None = None,
        body: Any = None,
        content_type: str | None = None,
        *,
        accept: str | None = None,
        within: float = TIMEOUT,
        repeatable: bool | None = None,
    ) -> Answer:
        headers = self._headers
        if content_type or accept:
            headers = CIMultiDict(headers)
            if content_type:
                headers["Content-Type"] = content_type
            if accept:
                headers["Accept"] = accept
        if body is not None and not isinstance(body, bytes):
            body = encode(body)
        return await self._transport.send(
            method,
            f"{path}?{urlencode(params)}" if params else path,
            label=label,
            headers=headers,
            body=body,
            within=within,
            repeatable=method != "POST" if repeatable is None else repeatable,
        )

    async def _discover(self, path: str, accept: str) -> Obj:
        answer = await self._send("GET", path, RequestLabel("get", "discovery"), accept=accept)
        return answer.body if isinstance(answer.body, dict) else {}


def _headers(pairs: Sequence[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict(pairs)


def _selectors(label_selector: str | None, field_selector: str | None) -> dict[str, str | int]:
    params: dict[str, str | int] = {}
    if label_selector:
        params["labelSelector"] = label_selector
    if field_selector:
        params["fieldSelector"] = field_selector
    return params


def _page(body: Any) -> Obj:
    if isinstance(body, dict) and body.get("items") is None:
        body["items"] = []
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("metadata"), dict)
        or not isinstance(body["items"], list)
    ):
        raise Unreachable("the API server answered with something that is not a list of objects")
    return body


def _typed(body: Any, ref: ObjectRef) -> Obj:
    if not isinstance(body, dict):
        raise BadRequest(f"{ref}: the API server's answer is not an object")
    body.setdefault("apiVersion", ref.api_version)
    body.setdefault("kind", ref.kind)
    return body
