"""Environments that the command line describes. Pure.

--env production                                       the environment of this name
--env production=clusters/production                   a cluster folder that headgate.yaml does not name
--env production=clusters/production,semver=>=1.0.0    one whose GitRepository is not in Git
"""

from __future__ import annotations

from collections.abc import Sequence

from headgate.api.gitrepository import REFERENCE_FIELDS
from headgate.git.errors import RefInvalid
from headgate.git.refs.reference import GitReference
from headgate.promotion.config.model import Environment, Environments
from headgate.promotion.config.parse import check_cluster, check_name
from headgate.promotion.errors import OptionInvalid

__all__ = ["chosen", "described"]


def described(flags: Sequence[str]) -> tuple[Environment, ...]:
    """Return the environments that flags describe; raises :class:`OptionInvalid` for a faulty flag."""
    return tuple(_environment(flag) for flag in flags if "=" in flag)


def chosen(flags: Sequence[str], environments: Environments) -> tuple[Environment, ...]:
    """Return the environments that flags name or describe, in the order of the environments; all without a flag.

    Raises :class:`~headgate.promotion.errors.EnvironmentUnknown` for a name that there is not.
    """
    names = {environments[flag.partition("=")[0]].name for flag in flags}
    return tuple(each for each in environments.all if not flags or each.name in names)


def _environment(flag: str) -> Environment:
    name, _, rest = flag.partition("=")
    cluster, comma, reference = rest.partition(",")
    for problem in (check_name(name), check_cluster(cluster)):
        if problem:
            raise OptionInvalid(f"--env {flag[:100]}: {problem}")
    follows = None
    if comma:
        kind, equals, value = reference.partition("=")
        if kind not in REFERENCE_FIELDS or not equals or not value:
            raise OptionInvalid(
                f"--env {flag[:100]}: after the comma comes one of {', '.join(REFERENCE_FIELDS)}, = and a value"
            )
        follows = GitReference(**{kind: value})
        try:
            follows.check()
        except RefInvalid as error:
            raise OptionInvalid(f"--env {flag[:100]}: {error}") from None
    return Environment(name, cluster.removeprefix("./").rstrip("/"), follows=follows)
