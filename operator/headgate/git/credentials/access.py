"""Turns credentials into the environment and configuration of one Git command.

No secret reaches an argument list or, on Linux, a disk: an HTTP ``Authorization`` header is configuration in the
environment, keys and certificates are memory files, and ssh reads the passphrase of a key from a helper that prints an
environment variable.
"""

from __future__ import annotations

import os
import shlex
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from headgate.git.command.environment import Config
from headgate.git.command.secretfiles import SecretFiles
from headgate.git.credentials import tunnel
from headgate.git.credentials.proxy import Proxy
from headgate.git.credentials.secret import Credentials
from headgate.git.credentials.tunnel import PROXY_VARIABLE
from headgate.git.url import RemoteUrl

__all__ = ["GitAccess", "grant", "opens_key"]

# Compares the host too, so that a server cannot redirect Git elsewhere and receive the password there. An upgrade to
# https is allowed. The server chooses the text before the last @ of the prompt.
_ASKPASS = """#!/bin/sh
at="$HEADGATE_ASK_HOST': "
plain="$HEADGATE_ASK_SCHEME://"
case "$1" in
"Enter passphrase for "*) [ "$HEADGATE_ASK_FOR" = ssh ] && printf '%s\\n' "$HEADGATE_ASK_PASSWORD" ;;
"Username for '$plain$at" | "Username for 'https://$at") printf '%s\\n' "$HEADGATE_ASK_USERNAME" ;;
"Password for '$plain"*"@$at" | "Password for 'https://"*"@$at") printf '%s\\n' "$HEADGATE_ASK_PASSWORD" ;;
*) exit 1 ;;
esac
"""


_ANSWER = """#!/bin/sh
printf '%s\\n' "$HEADGATE_ASK_PASSWORD"
"""
KEY_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class GitAccess:
    """The URL for Git's argument list, with the environment and configuration for it. Valid within the block of
    ``grant`` only.
    """

    url: str
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    config: Config = field(default=(), repr=False)


@contextmanager
def grant(
    url: RemoteUrl, credentials: Credentials, *, connect_timeout: float, on_demand: bool = False
) -> Iterator[GitAccess]:
    """Give access to ``url`` with ``credentials`` for as long as the block runs.

    The first request has the user name and password, and redirects are refused, because Git would repeat the
    credentials to the host of a redirect. With ``on_demand`` Git follows a redirect and asks for credentials when the
    server does; only the host of ``url`` then receives them. A bearer token cannot be given on demand.
    """
    with SecretFiles() as files:
        if url.is_ssh:
            if credentials.as_user:
                environment = _ssh_of_user(connect_timeout)
            else:
                environment = _ssh(credentials, files, connect_timeout)
            yield GitAccess(url.for_git(credentials.username), environment)
        else:
            environment = _ask(url, credentials, files) if on_demand else {}
            config = [*_tls(credentials, files), *_header(credentials, on_demand), *_proxy(credentials)]
            yield GitAccess(url.for_git(), environment, config)


def opens_key(credentials: Credentials) -> bool:
    """Return whether the passphrase opens the SSH key; true where that cannot be checked. Slow."""
    if not credentials.passphrase:
        return True
    with SecretFiles() as files:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "SSH_ASKPASS": files.add_program(_ANSWER),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": "none",
            "HEADGATE_ASK_PASSWORD": credentials.passphrase,
        }
        command = ["ssh-keygen", "-y", "-f", files.add(credentials.identity)]
        try:
            finished = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=KEY_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return True
    return finished.returncode == 0 or b"incorrect passphrase" not in finished.stderr


def _header(credentials: Credentials, on_demand: bool) -> Iterator[tuple[str, str]]:
    if credentials.authorization and not on_demand:
        yield "http.extraHeader", f"Authorization: {credentials.authorization}"
        yield "http.followRedirects", "false"
    else:
        yield "http.followRedirects", "initial"


def _proxy(credentials: Credentials) -> Iterator[tuple[str, str]]:
    if credentials.proxy is not None:
        yield "http.proxy", credentials.proxy.for_curl()


def _ask(url: RemoteUrl, credentials: Credentials, files: SecretFiles) -> dict[str, str]:
    return {
        "GIT_ASKPASS": files.add_program(_ASKPASS),
        "HEADGATE_ASK_FOR": "git",
        "HEADGATE_ASK_SCHEME": url.scheme,
        "HEADGATE_ASK_HOST": url.authority,
        "HEADGATE_ASK_USERNAME": credentials.username,
        "HEADGATE_ASK_PASSWORD": credentials.password,
    }


def _tls(credentials: Credentials, files: SecretFiles) -> Iterator[tuple[str, str]]:
    if credentials.ca:
        yield "http.sslCAInfo", files.add(_system_authorities() + credentials.ca)
    if credentials.client_certificate:
        yield "http.sslCert", files.add(credentials.client_certificate)
        yield "http.sslKey", files.add(credentials.client_key)


def _system_authorities() -> bytes:
    # The Secret's certificate authorities add to those of the system, as in Flux; curl would replace them.
    bundle = ssl.get_default_verify_paths().cafile
    return Path(bundle).read_bytes() + b"\n" if bundle and Path(bundle).is_file() else b""


def _ssh_of_user(connect_timeout: float) -> dict[str, str]:
    """ssh as the user would call it, but without prompts."""
    arguments = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={max(1, int(connect_timeout))}"]
    inherited = {name: os.environ[name] for name in ("HOME", "SSH_AUTH_SOCK") if name in os.environ}
    return {**inherited, "GIT_SSH_COMMAND": shlex.join(arguments), "GIT_SSH_VARIANT": "ssh"}


def _ssh(credentials: Credentials, files: SecretFiles, connect_timeout: float) -> dict[str, str]:
    options = {
        "BatchMode": "no" if credentials.passphrase else "yes",
        "ClearAllForwardings": "yes",
        "ConnectTimeout": str(max(1, int(connect_timeout))),
        "ControlMaster": "no",
        "ControlPath": "none",
        "ForwardAgent": "no",
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "LogLevel": "ERROR",
        "NumberOfPasswordPrompts": "1",
        "PermitLocalCommand": "no",
        "PreferredAuthentications": "publickey",
        "ProxyCommand": _proxy_command(credentials.proxy),
        "ServerAliveInterval": "15",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "UserKnownHostsFile": files.add(credentials.known_hosts),
    }
    arguments = ["ssh", "-F", "/dev/null", "-T", "-i", files.add(credentials.identity)]
    for name, value in options.items():
        arguments += ["-o", f"{name}={value}"]
    environment = {"GIT_SSH_COMMAND": shlex.join(arguments), "GIT_SSH_VARIANT": "ssh"}
    if credentials.proxy is not None:
        environment[PROXY_VARIABLE] = credentials.proxy.for_curl()
    if credentials.passphrase:
        environment |= {
            "SSH_ASKPASS": files.add_program(_ASKPASS),
            "SSH_ASKPASS_REQUIRE": "force",
            "HEADGATE_ASK_FOR": "ssh",
            "HEADGATE_ASK_PASSWORD": credentials.passphrase,
        }
    return environment


def _proxy_command(proxy: Proxy | None) -> str:
    # Runs the file of the program, with only the standard library, so that it starts fast.
    return f"{shlex.join([sys.executable, '-I', '-S', tunnel.__file__])} %h %p" if proxy else "none"
