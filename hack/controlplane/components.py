"""The command lines of the local control plane, and the files they read.

Every flag that is not obvious says why it is there. All listeners are on 127.0.0.1.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from controlplane.ports import LOOPBACK

TRUSTED_AUDIENCE, TRUSTED_PREFIX = "remote", "home:"
"""Audience that tokens of the trusted cluster must be for, and what comes before the names of their users."""

STAGES = Path(__file__).parent / "stages.yaml"

ETCD, APISERVER = "etcd", "kube-apiserver"
CONTROLLERS, SCHEDULER, KWOK = "kube-controller-manager", "kube-scheduler", "kwok"
COMPONENTS = (ETCD, APISERVER, CONTROLLERS, SCHEDULER, KWOK)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one control plane keeps its files and listens."""

    folder: Path
    etcd_port: int
    etcd_peer_port: int
    api_port: int

    @property
    def server(self) -> str:
        return f"https://{LOOPBACK}:{self.api_port}"

    @property
    def certificates(self) -> Path:
        return self.folder / "certificates"

    @property
    def certificate(self) -> Path:
        """The API server's own, self-signed: written by it when it starts."""
        return self.certificates / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def trusted(self) -> Path:
        """The kubeconfig of another cluster, if there is one whose service accounts are users here."""
        return self.folder / "trusted.kubeconfig"

    @property
    def trusted_certificate(self) -> Path:
        return self.certificates / "trusted.crt"

    @property
    def signing_key(self) -> Path:
        return self.folder / "service-account.key"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens.csv"


def prepare(layout: Layout) -> str:
    """Write what the components read before they start; returns the administrator's token."""
    token = secrets.token_hex(24)
    layout.certificates.mkdir()
    layout.tokens.write_text(f'{token},admin,admin,"system:masters"\n')
    layout.tokens.chmod(0o600)
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(layout.signing_key)],
        check=True,
        capture_output=True,
    )
    if layout.trusted.exists():
        authority = _trusted(layout)["certificate-authority-data"]
        layout.trusted_certificate.write_bytes(base64.b64decode(authority))
    return token


def _trusted(layout: Layout) -> dict[str, str]:
    cluster: dict[str, str] = json.loads(layout.trusted.read_text())["clusters"][0]["cluster"]
    return cluster


def write_kubeconfig(layout: Layout, token: str) -> None:
    """The administrator's kubeconfig, once the API server has written its certificate.

    The certificate is inside, not a path: clients that refuse an unverified server need it, and the file stays
    useful when it is copied.
    """
    authority = base64.b64encode(layout.certificate.read_bytes()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "headgate",
        "clusters": [
            {
                "name": "headgate",
                "cluster": {"server": layout.server, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "headgate", "context": {"cluster": "headgate", "user": "admin"}}],
    }
    layout.kubeconfig.touch(0o600)
    layout.kubeconfig.write_text(json.dumps(config, indent=2) + "\n")


def arguments(component: str, layout: Layout) -> list[str]:
    """The arguments of one component."""
    return {
        ETCD: _etcd,
        APISERVER: _apiserver,
        CONTROLLERS: _controllers,
        SCHEDULER: _scheduler,
        KWOK: _kwok,
    }[component](layout)


def _etcd(layout: Layout) -> list[str]:
    client = f"http://{LOOPBACK}:{layout.etcd_port}"
    peer = f"http://{LOOPBACK}:{layout.etcd_peer_port}"
    return [
        "--name=default",
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # nothing here is worth a disk's time
        "--log-level=warn",
    ]


def _apiserver(layout: Layout) -> list[str]:
    trust = []
    if layout.trusted.exists():
        trust = [
            f"--oidc-issuer-url={_trusted(layout)['server']}",
            f"--oidc-client-id={TRUSTED_AUDIENCE}",
            f"--oidc-ca-file={layout.trusted_certificate}",
            "--oidc-signing-algs=ES256",  # that of the keys made by prepare()
            "--oidc-username-claim=sub",
            f"--oidc-username-prefix={TRUSTED_PREFIX}",
        ]
    return [
        f"--etcd-servers=http://{LOOPBACK}:{layout.etcd_port}",
        f"--secure-port={layout.api_port}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        f"--cert-dir={layout.certificates}",
        f"--service-account-key-file={layout.signing_key}",
        f"--service-account-signing-key-file={layout.signing_key}",
        f"--service-account-issuer={layout.server}",  # where its keys can be fetched, for those that trust it
        *trust,
        f"--token-auth-file={layout.tokens}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/16",  # thousands of Services
        "--allow-privileged=true",
        "--endpoint-reconciler-type=none",  # 127.0.0.1 is not allowed in Endpoints
        # Priority and fairness shares these out; a benchmark should wait for the processor, not for a seat.
        "--max-requests-inflight=800",
        "--max-mutating-requests-inflight=400",
        "--profiling=false",
    ]


def _controllers(layout: Layout) -> list[str]:
    return [
        f"--kubeconfig={layout.kubeconfig}",
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.certificate}",
        "--use-service-account-credentials=true",
        "--controllers=*,-node-ipam-controller",
        "--leader-elect=false",
        "--secure-port=0",
        # A machine that was asleep or busy must not find its nodes NotReady: kwok would not make their pods
        # Ready again.
        "--node-monitor-grace-period=24h",
        # The defaults are for clusters that share their API server; here they would be what a benchmark measures.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--concurrent-deployment-syncs=10",
        "--concurrent-replicaset-syncs=10",
        "--concurrent-job-syncs=10",
    ]


def _scheduler(layout: Layout) -> list[str]:
    return [
        f"--kubeconfig={layout.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    ]


def _kwok(layout: Layout) -> list[str]:
    return [f"--kubeconfig={layout.kubeconfig}", "--manage-all-nodes=true", f"--config={STAGES}", "--v=WARN"]
