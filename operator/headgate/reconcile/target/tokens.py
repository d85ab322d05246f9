"""Tokens of service accounts of this cluster, issued by the API server for a given audience."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from headgate.kube import AccessFailed, ApiError, Bearer, Client
from headgate.objects import Obj

LIFETIME = 3600
"""The lifetime, in seconds, that Headgate requests for a token."""

_OWN_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


def is_account_name(name: str) -> bool:
    """Whether this is a valid account name; in a URL path or a user name, other text could mean another account."""
    return _NAME.fullmatch(name) is not None


async def token_of(client: Client, namespace: str, account: str, audiences: list[str]) -> Bearer:
    """A token of an account. Raises :class:`~headgate.kube.AccessFailed`."""
    answer = await request_token(client, namespace, account, audiences)
    return Bearer(answer["status"]["token"], float(answer["spec"].get("expirationSeconds") or LIFETIME))


async def request_token(client: Client, namespace: str, account: str, audiences: list[str]) -> Obj:
    """The ``TokenRequest`` with the token. Raises :class:`~headgate.kube.AccessFailed`."""
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": audiences, "expirationSeconds": LIFETIME},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    try:
        answer: Obj = await client.request("POST", path, body=body, content_type="application/json")
    except ApiError as error:
        raise AccessFailed(
            f"failed to create kubernetes token for service account '{namespace}/{account}': {error.message}"
        ) from error
    return answer


def own_account() -> tuple[str, str] | None:
    """Namespace and name of the operator's own service account, according to its token; None if it has none."""
    try:
        payload = _OWN_TOKEN.read_text().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        _, _, namespace, account = str(claims["sub"]).split(":")
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return namespace, account
