"""The client of API servers: authentication, REST mapping, verbs on raw JSON objects, watches.

    async with await Client.connect() as client:
        web = await client.get(ObjectRef("apps/v1", "Deployment", "web", "staging"))

client                 the verbs
refs                   the identity of an object
mapper                 the path that serves a kind: discovery and its cache
reflector, watch       a cache of all objects of a kind; one stream of changes
kept                   the limit for all reflectors of a cluster
transport, encoding    one request and its answer; values as JSON bytes
resolver               host names, in threads
access                 the address of the API server, and credentials
inline, impersonation  certificates inside a kubeconfig, and the user that it impersonates
errors, causes         the exceptions, and why a connection failed
warnings               the warnings in an answer

What needs an HTTP client is imported when it is first used: commands that need no cluster should not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headgate.kube.errors import (
    AccessFailed,
    AlreadyExists,
    AnswerTooLarge,
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NoMatch,
    NotFound,
    ServerError,
    ServerTimeout,
    StatusCause,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from headgate.kube.refs import ObjectRef, ref_of
from headgate.ondemand import on_demand

if TYPE_CHECKING:
    from headgate.kube.access import Bearer, Login, Renewal
    from headgate.kube.client import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, METADATA_LIST, Client
    from headgate.kube.mapper import RestMapper, ServedResource
    from headgate.kube.reflector import Reflector
    from headgate.kube.transport import Answer, RequestObserver
    from headgate.kube.warnings import warnings_in
    from headgate.kube.watch import WatchEvent

__all__ = [
    "APPLY_PATCH",
    "JSON_PATCH",
    "MERGE_PATCH",
    "METADATA_LIST",
    "AccessFailed",
    "AlreadyExists",
    "Answer",
    "AnswerTooLarge",
    "ApiError",
    "BadRequest",
    "Bearer",
    "Client",
    "Conflict",
    "Forbidden",
    "Gone",
    "Invalid",
    "Login",
    "NoMatch",
    "NotFound",
    "ObjectRef",
    "Reflector",
    "Renewal",
    "RequestObserver",
    "RestMapper",
    "ServedResource",
    "ServerError",
    "ServerTimeout",
    "StatusCause",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "WatchEvent",
    "ref_of",
    "warnings_in",
]

__getattr__ = on_demand(
    __name__,
    {
        "access": ("Bearer", "Login", "Renewal"),
        "client": ("APPLY_PATCH", "JSON_PATCH", "MERGE_PATCH", "METADATA_LIST", "Client"),
        "mapper": ("RestMapper", "ServedResource"),
        "reflector": ("Reflector",),
        "transport": ("Answer", "RequestObserver"),
        "warnings": ("warnings_in",),
        "watch": ("WatchEvent",),
    },
)
