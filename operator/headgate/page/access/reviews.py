"""What the API server says of callers: who has a token (TokenReview), and what somebody may do (SubjectAccessReview).

Both reviews are requests of the operator itself. An answer counts for at most ``--ui-access-cache``; many callers who
need the same cause one request. When no answer arrives, nobody sees anything (:class:`Undecided`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cachetools import LRUCache

from headgate.insight.fields import mapping, text
from headgate.kube import ApiError, Forbidden
from headgate.names import GIT_REPOSITORY, KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.page.access.answers import Answers, Dated
from headgate.page.access.identity import Identity, Undecided

__all__ = ["RESOURCES", "Reviews", "Scope", "Server"]

TIMEOUT = 10.0
"""Seconds for one review."""
MAX_TOKENS, MAX_RIGHTS, MAX_SCOPES = 2_000, 50_000, 1_000
"""Limits for the answers that are kept."""
AT_ONCE = 16
"""Limit for simultaneous reviews of rights."""
VERBS = ("list", "get")
"""What somebody must be allowed for each kind in a namespace to see the namespace."""
RESOURCES: Mapping[str, tuple[str, str]] = {
    KUSTOMIZATION: (KUSTOMIZE_GROUP, "kustomizations"),
    GIT_REPOSITORY: (SOURCE_GROUP, "gitrepositories"),
    "OCIRepository": (SOURCE_GROUP, "ocirepositories"),
    "Bucket": (SOURCE_GROUP, "buckets"),
    "ExternalArtifact": (SOURCE_GROUP, "externalartifacts"),
}
"""API group and resource of each kind that the page shows."""
ALWAYS = (KUSTOMIZATION, GIT_REPOSITORY)
"""Kinds that count in each namespace, whether it has some or not."""
_ALL = ""
"""Instead of a namespace: all of them."""

_log = logging.getLogger("headgate.page")


class Server(Protocol):
    """The API server; :class:`headgate.kube.Client` implements it."""

    async def request(
        self, method: str, path: str, *, body: Any = None, content_type: str | None = None
    ) -> Any: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What somebody may see."""

    namespaces: frozenset[str] | None
    """None: all."""
    until: float
    """Time of the clock until which this counts."""


@dataclass(frozen=True, slots=True)
class _Right:
    identity: Identity
    verb: str
    kind: str
    namespace: str


class Reviews:
    """Asks the API server, and keeps its answers for ``seconds``. For one event loop."""

    def __init__(
        self,
        server: Callable[[], Server],
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = TIMEOUT,
    ) -> None:
        self._server, self._timeout = server, timeout
        self._identities: Answers[str, Identity | None] = Answers(
            self._review_token, seconds, MAX_TOKENS, clock
        )
        self._rights: Answers[_Right, bool] = Answers(self._review_right, seconds, MAX_RIGHTS, clock)
        self._scopes: LRUCache[Identity, tuple[Mapping[str, Collection[str]], Scope]] = LRUCache(MAX_SCOPES)
        """Each with the kinds that it is about."""
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)

    def is_known(self, token: str) -> bool:
        """Whether an answer about the token is known, so that asking costs nothing."""
        return self._identities.known(token) is not None

    async def identity(self, token: str) -> Dated[Identity | None]:
        """Who has the token; None if the API server does not accept it. Raises :class:`Undecided`."""
        return await self._identities.get(token)

    async def scope(self, identity: Identity, kinds: Mapping[str, Collection[str]]) -> Scope:
        """The namespaces that somebody may see, of those in ``kinds``: by namespace, which kinds have objects there.

        Who sees a namespace may get and list all kinds there. Raises :class:`Undecided`.
        """
        # Each open page asks at each change: with many namespaces, reading each answer takes milliseconds.
        known = self._scopes.get(identity)
        if known is not None and self._clock() < known[1].until and known[0] == kinds:
            return known[1]
        scope = await self._scope(identity, kinds)
        self._scopes[identity] = dict(kinds), scope
        return scope

    async def _scope(self, identity: Identity, kinds: Mapping[str, Collection[str]]) -> Scope:
        everywhere = {*ALWAYS, *(kind for there in kinds.values() for kind in there)}
        allowed, until = await self._sees(identity, _ALL, everywhere)
        if allowed:
            return Scope(None, until)
        names = sorted(kinds)
        found = await asyncio.gather(*(self._sees(identity, name, {*ALWAYS, *kinds[name]}) for name in names))
        visible = frozenset(name for name, (seen, _) in zip(names, found, strict=True) if seen)
        return Scope(visible, min([until, *(each for _, each in found)]))

    async def _sees(self, identity: Identity, namespace: str, kinds: Collection[str]) -> tuple[bool, float]:
        until = float("inf")
        # The kinds that everybody needs come first: most who may not see a namespace cost one question.
        for kind in sorted(kinds, key=lambda each: (each not in ALWAYS, each != KUSTOMIZATION, each)):
            for verb in VERBS:
                right = await self._rights.get(_Right(identity, verb, kind, namespace))
                until = min(until, right.until)
                if not right.value:
                    return False, until
        return True, until

    async def _review_token(self, token: str) -> Identity | None:
        review = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token},
        }
        answer = await self._post("/apis/authentication.k8s.io/v1/tokenreviews", review)
        status = mapping(answer, "status")
        if status.get("authenticated") is not True:
            if text(status.get("error")):
                _log.info("the API server does not accept the token of a caller of the page")
            return None
        return _identity(mapping(status, "user"), token)

    async def _review_right(self, right: _Right) -> bool:
        group, resource = RESOURCES[right.kind]
        attributes = {"verb": right.verb, "group": group, "resource": resource}
        if right.namespace != _ALL:
            attributes["namespace"] = right.namespace
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {**right.identity.as_subject(), "resourceAttributes": attributes},
        }
        async with self._slots:
            answer = await self._post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        status = mapping(answer, "status")
        return status.get("allowed") is True and status.get("denied") is not True

    async def _post(self, path: str, review: Mapping[str, Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._server().request(
                    "POST", path, body=review, content_type="application/json"
                )
        except Forbidden as error:
            _log.error(
                "the operator may not review callers of the page: add deploy/status-page/rbac: %s", error
            )
        except ApiError as error:
            _log.warning("callers of the page cannot be reviewed: %s", error)
        except TimeoutError:
            _log.warning(
                "callers of the page cannot be reviewed: no answer of the API server within %gs",
                self._timeout,
            )
        raise Undecided("The API server does not say what you may see. Try again later.")


def _identity(user: Mapping[str, Any], token: str) -> Identity | None:
    name, groups, extra = user.get("username"), user.get("groups") or [], user.get("extra") or {}
    if not isinstance(name, str) or not name or not isinstance(groups, list) or not isinstance(extra, dict):
        return None
    uid = user.get("uid") or ""
    return Identity(
        name,
        tuple(str(each) for each in groups),
        uid if isinstance(uid, str) else "",
        tuple(sorted((str(k), tuple(str(v) for v in values or ())) for k, values in extra.items())),
        token,
    )
