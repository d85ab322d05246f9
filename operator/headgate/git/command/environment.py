"""The environment and the configuration of a Git command: hardened, or those of the user at a command line.

Hardened is what the operator needs: nothing of the machine counts. A command on the user's own clone that pushes or
signs needs the user's name, keys and credentials; hooks and file system monitors are off there, too, because a
repository should not run programs on its reader's account.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

__all__ = ["REMOTE_COMMANDS", "Config", "inherited_names", "variables_of", "without_inherited"]

Config = Sequence[tuple[str, str]]
"""Git configuration: key and value pairs; later ones take precedence."""

TRANSPORTS = "http:https:ssh"
USER_TRANSPORTS = "file:git:http:https:ssh"
REMOTE_COMMANDS = ("clone", "fetch", "ls-remote", "push")
"""The commands that may use a transport. All others are local: they must not fetch what a partial clone lacks."""

_ENVIRONMENT = {
    "GIT_ASKPASS": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_DEFAULT_REF_FORMAT": "files",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "HOME": os.devnull,
    "LANGUAGE": "C",
    "LC_ALL": "C",
    "SSH_ASKPASS": "",
    "XDG_CONFIG_HOME": os.devnull,
}

_USER_ENVIRONMENT = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LANGUAGE": "C",
    "LC_ALL": "C",
}

_USER_VARIABLES = (
    "GIT_ASKPASS",
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_HTTP_",
    "GIT_PROXY_",
    "GIT_SSH",
    "GIT_SSL_",
)
"""Prefixes of the inherited variables that count for a command of the user. Others could lead to another repository."""

_OFF: Config = (
    ("core.fsmonitor", "false"),
    ("core.hooksPath", os.devnull),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("transfer.bundleURI", "false"),
)

_CONFIG: Config = (
    *_OFF,
    # Limits the memory for large files and for repacking, whatever the repository holds.
    ("core.bigFileThreshold", "16m"),
    ("core.deltaBaseCacheLimit", "32m"),
    ("core.packedGitLimit", "256m"),
    ("core.packedGitWindowSize", "16m"),
    ("pack.threads", "2"),
    ("pack.windowMemory", "64m"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    # A pack for every fetch, so that the number of packs says when to repack a cache.
    ("fetch.unpackLimit", "1"),
    ("protocol.version", "2"),
    ("transfer.credentialsInUrl", "die"),
)

_USER_CONFIG: Config = (*_OFF, ("push.followTags", "false"), ("push.recurseSubmodules", "no"))


def variables_of(command: str, config: Config, *, as_user: bool = False) -> dict[str, str]:
    """Return the variables for ``git <command>`` with this further configuration."""
    fixed, configured = (_USER_ENVIRONMENT, _USER_CONFIG) if as_user else (_ENVIRONMENT, _CONFIG)
    transports = (USER_TRANSPORTS if as_user else TRANSPORTS) if command in REMOTE_COMMANDS else ""
    inherited = _inherited_config() if as_user else []
    return {**fixed, "GIT_ALLOW_PROTOCOL": transports, **_numbered([*inherited, *configured, *config])}


def without_inherited(variables: Mapping[str, str], *, as_user: bool = False) -> list[str]:
    """Return a command prefix that unsets inherited variables which would change Git's behavior.

    GitPython passes on the environment of this process and can only add to it.
    """
    inherited = inherited_names(variables, as_user=as_user)
    return ["env", *(part for name in inherited for part in ("-u", name))] if inherited else []


def inherited_names(variables: Mapping[str, str], *, as_user: bool = False) -> list[str]:
    """Return the names of inherited variables that would change Git's behavior."""
    kept = _USER_VARIABLES if as_user else ()
    return sorted(
        name
        for name in os.environ
        if name not in variables
        and not name.startswith(kept)
        and (name.startswith("GIT_") or (name == "SSH_AUTH_SOCK" and not as_user))
    )


def _inherited_config() -> list[tuple[str, str]]:
    """The configuration that the user gave in the environment, as CI systems do."""
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    pairs = range(int(count)) if count.isdecimal() and len(count) < 4 else range(0)
    keys = [
        (os.environ.get(f"GIT_CONFIG_KEY_{i}"), os.environ.get(f"GIT_CONFIG_VALUE_{i}", "")) for i in pairs
    ]
    return [(key, value) for key, value in keys if key]


def _numbered(config: Config) -> dict[str, str]:
    variables = {"GIT_CONFIG_COUNT": str(len(config))}
    for index, (key, value) in enumerate(config):
        variables[f"GIT_CONFIG_KEY_{index}"] = key
        variables[f"GIT_CONFIG_VALUE_{index}"] = value
    return variables
