"""The client: authentication, REST mapping, verbs on raw JSON objects, watches.

async with await Client.connect() as client:
    web = await client.get(ObjectRef("apps/v1", "Deployment", "web", "staging"))
"""

from headgate.kube.access import Bearer, Login, Renewal
from headgate.kube.client import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, Client
from headgate.kube.errors import (
    AccessFailed,
    AlreadyExists,
    ApiError,
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NoMatch,
    NotFound,
    ServerError,
    ServerTimeout,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from headgate.kube.mapper import Resource, RestMapper
from headgate.kube.reflector import Reflector
from headgate.kube.refs import ObjectRef, ref_of
from headgate.kube.transport import Answer, Observer
from headgate.kube.warnings import warnings_in
from headgate.kube.watch import WatchEvent

__all__ = [
    "APPLY_PATCH",
    "JSON_PATCH",
    "MERGE_PATCH",
    "AccessFailed",
    "AlreadyExists",
    "Answer",
    "ApiError",
    "BadRequest",
    "Bearer",
    "Cause",
    "Client",
    "Conflict",
    "Forbidden",
    "Gone",
    "Invalid",
    "Login",
    "NoMatch",
    "NotFound",
    "ObjectRef",
    "Observer",
    "Reflector",
    "Renewal",
    "Resource",
    "RestMapper",
    "ServerError",
    "ServerTimeout",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "WatchEvent",
    "ref_of",
    "warnings_in",
]
