"""``spec.provider``: ``azure`` and ``aws``, credentials from the environment in which the operator runs.

Azure DevOps accepts a token of the pod's workload identity; AWS CodeCommit a user name and password that are an IAM
signature of the repository's URL (https://fluxcd.io/flux/components/source/gitrepositories/#provider). Both come from
the vendors' libraries, which are optional: ``pip install headgate[azure]``, ``headgate[aws]``.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from headgate.causes import network_cause
from headgate.git.errors import AuthenticationFailed, ProviderInvalid
from headgate.git.url import RemoteUrl

__all__ = ["AZURE_HOSTS", "CloudCredentials", "aws", "azure", "check_host"]

AZURE_DEVOPS = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""The scope of Azure DevOps."""
AZURE_HOSTS = ("dev.azure.com", "*.visualstudio.com")
CODECOMMIT = "codecommit"
SIGNATURE_LIFE = 600.0
"""Seconds for which a signature is reused; CodeCommit accepts it for about fifteen minutes."""

_CODECOMMIT_HOST = re.compile(r"git-codecommit(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True)
class CloudCredentials:
    """Basic credentials or a bearer token; ``expires`` is in seconds since 1970."""

    expires: float
    username: str = ""
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)


def check_host(url: RemoteUrl, allowed: Sequence[str]) -> None:
    """Raise :class:`ProviderInvalid` unless the server of the URL may receive the operator's token.

    ``allowed`` are host names in addition to those of Azure DevOps; a leading ``*.`` matches one label.
    """
    if url.scheme != "https":
        raise ProviderInvalid("the provider 'azure' needs an https URL")
    host = url.host.lower().rstrip(".")
    if host not in allowed and "*." + host.partition(".")[2] not in allowed:
        raise ProviderInvalid(
            f"the provider 'azure' sends the operator's token only to {' and '.join(allowed)}, not to '{host}'; "
            "the operator's --azure-devops-host allows more hosts"
        )


def azure(url: RemoteUrl, allowed: Sequence[str] = AZURE_HOSTS) -> CloudCredentials:
    """Return a token for Azure DevOps; raises :class:`ProviderInvalid` or :class:`AuthenticationFailed`."""
    check_host(url, allowed)
    identity = _library("azure.identity", "azure")
    try:
        with identity.DefaultAzureCredential(exclude_interactive_browser_credential=True) as credential:
            token = credential.get_token(AZURE_DEVOPS)
    except Exception as error:
        # The library's errors have no common class, and their messages may be pages long.
        raise _refused("Azure", error) from None
    return CloudCredentials(expires=float(token.expires_on), bearer_token=token.token)


def aws(url: RemoteUrl) -> CloudCredentials:
    """Return a signature for AWS CodeCommit; raises :class:`ProviderInvalid` or :class:`AuthenticationFailed`."""
    if url.scheme != "https":
        raise ProviderInvalid("AWS CodeCommit authentication requires an HTTPS Git URL")
    match = _CODECOMMIT_HOST.fullmatch(url.host)
    if match is None:
        raise ProviderInvalid(f"invalid AWS CodeCommit Git URL: {url.host}")
    session = _library("botocore.session", "aws").Session()
    try:
        found = session.get_credentials()
        frozen = None if found is None else found.get_frozen_credentials()
    except Exception as error:
        raise _refused("AWS", error) from None
    if frozen is None:
        raise AuthenticationFailed("failed to configure authentication options: AWS: no credentials found")
    now = datetime.now(UTC).replace(tzinfo=None)
    username = f"{frozen.access_key}%{frozen.token}" if frozen.token else frozen.access_key
    password = f"{now:%Y%m%dT%H%M%S}Z{_signature(url, match[1], frozen, now)}"
    return CloudCredentials(time.time() + SIGNATURE_LIFE, username, password)


def _signature(url: RemoteUrl, region: str, credentials: Any, now: datetime) -> str:
    """Signature Version 4 of a request with the method ``GIT``, no body and one header.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, as
    ``git-remote-codecommit`` computes it.
    """
    signer = _library("botocore.auth", "aws").SigV4Auth(credentials, CODECOMMIT, region)
    request = _library("botocore.awsrequest", "aws").AWSRequest(method="GIT", url=url.for_git())
    request.context["timestamp"] = f"{now:%Y%m%dT%H%M%S}"
    canonical = f"GIT\n{url.path}\n\nhost:{url.authority}\n\nhost\n"
    return str(signer.signature(signer.string_to_sign(request, canonical), request))


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ProviderInvalid(
            f"the provider '{extra}' needs a library that is not installed: pip install 'headgate[{extra}]'"
        ) from None


def _refused(cloud: str, error: Exception) -> AuthenticationFailed:
    first = str(error).strip().splitlines()
    text = re.sub(r"[\x00-\x1f\x7f]", " ", first[0])[:200] if first else ""
    cause = network_cause(error) or text or "the identity cannot be used"
    return AuthenticationFailed(f"failed to configure authentication options: {cloud}: {cause}")
