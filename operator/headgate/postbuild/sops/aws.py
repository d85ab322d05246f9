"""Data keys by AWS KMS, through ``boto3``.

Credentials are the Secret's ``sops.aws-kms``, or a service account's, by the role in its annotation, or the
operator's own. A role in the metadata is assumed on top of them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from headgate.postbuild.sops.errors import BadCredentials, ExtraMissing
from headgate.postbuild.sops.identity import WorkloadIdentity
from headgate.postbuild.sops.keys import KeyRefused
from headgate.postbuild.sops.metadata import MasterKey

__all__ = ["AwsKms"]

_ARN = re.compile(r"arn:aws[\w-]*:kms:([a-z0-9-]+):[0-9]+:(?:key|alias)/.+", re.ASCII)
_SESSION = "headgate-sops"


class AwsKms:
    """A client of KMS in any region; ``credentials`` is the mapping of ``sops.aws-kms``."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, Any] | None = None,
        identity: WorkloadIdentity | None = None,
        ambient: bool = False,
    ) -> None:
        if credentials is not None and not (
            credentials.get("aws_access_key_id") and credentials.get("aws_secret_access_key")
        ):
            raise BadCredentials("needs aws_access_key_id and aws_secret_access_key")
        self._credentials = credentials
        self._identity = identity
        self._ambient = ambient

    def serves(self, key: MasterKey) -> bool:
        return key.kind == "kms" and bool(self._credentials or self._identity or self._ambient)

    def decrypt(self, key: MasterKey) -> bytes:
        """Return the data key; raises :class:`KeyRefused` and :class:`ExtraMissing`."""
        try:
            import boto3
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise ExtraMissing("AWS KMS", "aws") from None
        match = _ARN.fullmatch(key.text("arn"))
        if match is None:
            raise KeyRefused("its ARN is malformed")
        context = key.fields.get("context") or {}
        if not isinstance(context, Mapping):
            raise KeyRefused("its encryption context is malformed")
        try:
            session = self._session(boto3, match[1], key.text("role"))
            answer = session.client("kms").decrypt(
                KeyId=key.text("arn"),
                CiphertextBlob=base64.b64decode(key.enc, validate=True),
                EncryptionContext={str(name): str(value) for name, value in context.items()},
            )
            return bytes(answer["Plaintext"])
        except binascii.Error:
            raise KeyRefused("its data key is no base64") from None
        except ClientError as error:
            raise KeyRefused(
                f"the service refused ({error.response.get('Error', {}).get('Code', 'error')})"
            ) from None
        except BotoCoreError as error:
            raise KeyRefused(f"the service could not be used ({type(error).__name__})") from None

    def _session(self, boto3: Any, region: str, role: str) -> Any:
        if self._credentials is not None:
            session = boto3.Session(
                aws_access_key_id=str(self._credentials["aws_access_key_id"]),
                aws_secret_access_key=str(self._credentials["aws_secret_access_key"]),
                aws_session_token=self._credentials.get("aws_session_token") or None,
                region_name=region,
            )
        elif self._identity is not None:
            answer = (
                boto3.Session(region_name=region)
                .client("sts")
                .assume_role_with_web_identity(
                    RoleArn=self._identity.annotation("eks.amazonaws.com/role-arn"),
                    RoleSessionName=_SESSION,
                    WebIdentityToken=self._identity.token("sts.amazonaws.com"),
                )
            )
            session = _temporary(boto3, answer, region)
        else:
            session = boto3.Session(region_name=region)
        if role:
            answer = session.client("sts").assume_role(RoleArn=role, RoleSessionName=_SESSION)
            session = _temporary(boto3, answer, region)
        return session


def _temporary(boto3: Any, answer: Mapping[str, Any], region: str) -> Any:
    given = answer["Credentials"]
    return boto3.Session(
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
        region_name=region,
    )
