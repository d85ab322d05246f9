"""Tokens of service accounts of this cluster, made by the API server for whoever is to trust them."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from headgate.kube import Client

LIFETIME = 3600
"""Seconds a token is asked for."""

_OWN_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")


def is_account_name(name: str) -> bool:
    """Whether it can be the name of a service account; what else is put into a path may lead elsewhere."""
    return _NAME.fullmatch(name) is not None


async def account_token(client: Client, namespace: str, account: str, audience: str) -> str:
    """A token of an account for an audience. Raises :class:`headgate.kube.ApiError`."""
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [audience], "expirationSeconds": LIFETIME},
    }
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = await client.request("POST", path, body=body, content_type="application/json")
    return str(answer["status"]["token"])


def own_account() -> tuple[str, str] | None:
    """Namespace and name of the operator's own service account, as its token says; None where it has none."""
    try:
        payload = _OWN_TOKEN.read_text().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        _, _, namespace, account = str(claims["sub"]).split(":")
    except (OSError, ValueError, KeyError, IndexError):
        return None
    return namespace, account
