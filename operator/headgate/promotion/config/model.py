"""Environments and their policy, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headgate.api.windows import Window
from headgate.git.refs.reference import GitReference
from headgate.promotion.errors import EnvironmentUnknown

__all__ = ["Approvals", "Environment", "Environments", "Window"]

CONFIG_FILE = "headgate.yaml"
"""At the root of the repository. Policy is read from the remote's default branch."""
DEFAULT_REPORTERS = ".headgate/reporters"
DEFAULT_PROMOTERS = ".headgate/promoters"


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who must approve the difference that a promotion makes."""

    count: int
    signers: str
    """Path of an ``allowed_signers`` file of OpenSSH in the repository."""
    not_author: bool = False
    """Whether approvals by authors of the promoted commits do not count."""


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: a cluster folder and what must hold before a change reaches it."""

    name: str
    cluster: str
    """The directory with the environment's GitRepository and Kustomizations, such as ``clusters/production``."""
    after: tuple[str, ...] = ()
    """Names of the environments that must run a change before; empty for the first ones."""
    soak: float = 0.0
    """Seconds that the content must have run in each environment of ``after``."""
    windows: tuple[Window, ...] = ()
    """When it accepts promotions; empty: always."""
    approvals: Approvals | None = None
    expect: tuple[str, ...] = ()
    """Intended differences from other environments: ``Kind:field.path``, with ``*`` and ``**``."""
    fields: tuple[str, ...] = ()
    """What a promotion copies, for environments that follow the same branch: ``file:field.path``."""
    require_proven: bool = False
    """Whether an object that changed but never ran in an environment of ``after`` refuses the promotion."""
    context: str = ""
    """The kubeconfig context of its cluster; empty if flags or reports say what it runs."""
    follows: GitReference | None = None
    """What its GitRepository follows, if that object is not in Git; None: as the cluster folder says."""
    source: str = ""
    """``namespace/name`` of the GitRepository that promotions move; empty: the one that the folder holds."""


@dataclass(frozen=True, slots=True)
class Environments:
    """All environments of a repository, each after those that it names in ``after``."""

    all: tuple[Environment, ...]
    reporters: str = DEFAULT_REPORTERS
    """Path of an ``allowed_signers`` file of OpenSSH: whose reports count. Its principals are names of environments."""
    promoters: str = ""
    """Path of an ``allowed_signers`` file: who may promote and roll back. Empty: the usual one, if it exists."""
    status_authors: tuple[str, ...] = ()
    """Accounts of the forge whose commit statuses count; empty: all that may write them."""
    declared: bool = True
    """Whether ``headgate.yaml`` declares them; otherwise they are the cluster folders that were found."""
    where: str = CONFIG_FILE
    _by_name: Mapping[str, Environment] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {each.name: each for each in self.all})

    def __getitem__(self, name: str) -> Environment:
        """The environment of this name; raises :class:`EnvironmentUnknown`."""
        found = self._by_name.get(name)
        if found is None:
            names = ", ".join(each.name for each in self.all) or "none"
            raise EnvironmentUnknown(f"no environment is named '{name}'; there are: {names}")
        return found
