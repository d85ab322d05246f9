"""Data keys from AWS KMS, through ``boto3``.

Credentials are the Secret's ``sops.aws-kms``, or those of a service account with the role in its annotation, or the
operator's own. With them, the client assumes a role that the metadata names.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Any

from headgate.causes import network_cause
from headgate.postbuild.sops.cloud import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    NO_CONNECTION,
    OF_CLIENT,
    RETRIES,
    CloudKeys,
    wrapped_key,
)
from headgate.postbuild.sops.errors import ExtraMissing, KeyCredentialsInvalid
from headgate.postbuild.sops.keys import KeyRefused, ServiceSilent
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["AwsKms"]

_ARN = re.compile(r"arn:aws[\w-]*:kms:([a-z0-9-]+):[0-9]+:(?:key|alias)/.+", re.ASCII)
_ROLE = "eks.amazonaws.com/role-arn"


class AwsKms(CloudKeys):
    """A client of KMS in any region; ``credentials`` is the mapping of ``sops.aws-kms``."""

    KIND = "kms"

    def check(self, credentials: Mapping[str, Any]) -> None:
        if not (credentials.get("aws_access_key_id") and credentials.get("aws_secret_access_key")):
            raise KeyCredentialsInvalid("needs aws_access_key_id and aws_secret_access_key")

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        except ImportError:
            raise ExtraMissing("AWS KMS", "aws") from None
        match = _ARN.fullmatch(key.text("arn"))
        if match is None:
            raise KeyRefused("its ARN is malformed")
        context = key.fields.get("context") or {}
        if not isinstance(context, Mapping):
            raise KeyRefused("its encryption context is malformed")
        wrapped = wrapped_key(key)
        try:
            answer = _client(self._session(match[1], key.text("role")), "kms").decrypt(
                KeyId=key.text("arn"),
                CiphertextBlob=wrapped,
                EncryptionContext={str(name): str(value) for name, value in context.items()},
            )
            return bytes(answer["Plaintext"])
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "error")
            raise KeyRefused(f"the service refused ({code})") from None
        except HTTPClientError as error:
            raise ServiceSilent(
                f"the service cannot be reached: {network_cause(error, NO_CONNECTION)}"
            ) from None
        except BotoCoreError as error:
            raise KeyRefused(f"the service could not be used: {network_cause(error, OF_CLIENT)}") from None

    def _session(self, region: str, role: str) -> Any:
        import boto3

        session = boto3.Session(region_name=region)
        if self._credentials is not None:
            session = boto3.Session(
                aws_access_key_id=str(self._credentials["aws_access_key_id"]),
                aws_secret_access_key=str(self._credentials["aws_secret_access_key"]),
                aws_session_token=self._credentials.get("aws_session_token") or None,
                region_name=region,
            )
        elif self._identity is not None:
            answer = _client(session, "sts").assume_role_with_web_identity(
                RoleArn=self._identity.annotation(_ROLE),
                RoleSessionName=_session_name(
                    f"{self._identity.name}.{self._identity.namespace}.{region}.fluxcd.io"
                ),
                WebIdentityToken=self._identity.token("sts.amazonaws.com"),
            )
            session = _temporary(answer, region)
        if role:
            answer = _client(session, "sts").assume_role(
                RoleArn=role, RoleSessionName=_session_name(f"sops@{socket.gethostname()}")
            )
            session = _temporary(answer, region)
        return session


def _session_name(text: str) -> str:
    """Return a name of Flux or SOPS, which trust policies may require, in the characters that AWS accepts."""
    return re.sub(r"[^a-zA-Z0-9=,.@_-]+", "", text)[:64]


def _client(session: Any, service: str) -> Any:
    from botocore.config import Config

    limits = Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=ANSWER_TIMEOUT,
        retries={"total_max_attempts": 1 + RETRIES},
    )
    return session.client(service, config=limits)


def _temporary(answer: Mapping[str, Any], region: str) -> Any:
    import boto3

    given = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=region,
    )
