"""Arguments of the form KIND/NAME or KIND/NAMESPACE/NAME, and their completion from the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from headgate.cli.cluster.options import ClusterOptions
    from headgate.insight import Ref

__all__ = ["complete", "kind_of", "object_argument", "parsed"]

COMPLETION_TIMEOUT = 3.0
"""Seconds that somebody waits for names."""
_KINDS = {
    "Kustomization": ("ks", "kustomization", "kustomizations"),
    "GitRepository": ("gitrepository", "gitrepositories", "gitrepo", "git", "source"),
    "OCIRepository": ("ocirepository", "ocirepositories", "ocirepo", "oci"),
    "Bucket": ("bucket", "buckets"),
    "ExternalArtifact": ("externalartifact", "externalartifacts", "ea"),
}
_KIND_OF = {alias: kind for kind, aliases in _KINDS.items() for alias in aliases}


def kind_of(word: str) -> str:
    """Return the kind of custom resource that a word means; empty if it is none."""
    return _KIND_OF.get(word.lower(), "")


def parsed(text: str, cluster: ClusterOptions) -> Ref:
    """Return the object that an argument names; a name alone is that of a Kustomization.

    Raises :class:`click.BadParameter`.
    """
    from headgate.insight import Ref
    from headgate.insight.fields import group_of

    parts = text.split("/")
    if len(parts) == 1:
        parts = ["ks", *parts]
    kind = kind_of(parts[0].partition(".")[0])
    if not kind:
        known = ", ".join(_KINDS)
        raise click.BadParameter(f"{parts[0]!r} is not one of {known}", param_hint="KIND/NAME")
    if len(parts) > 3 or not all(parts):
        raise click.BadParameter(f"{text!r} is not KIND/NAME or KIND/NAMESPACE/NAME", param_hint="KIND/NAME")
    if len(parts) == 3 and cluster.namespace not in (None, parts[1]):
        raise click.BadParameter(
            f"{text!r} is not in namespace {cluster.namespace!r}", param_hint="KIND/NAME"
        )
    namespace = parts[1] if len(parts) == 3 else cluster.own_namespace()
    return Ref(kind, namespace, parts[-1], group_of(kind))


def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the objects of the cluster that begin so; nothing if it does not answer soon."""
    import asyncio
    import logging

    logging.disable()
    try:
        found = asyncio.run(_names(context.params, incomplete))
    except Exception:  # A completion prints no error into the line of the user.
        return []
    return [CompletionItem(each) for each in found]


object_argument = click.argument("name", metavar="[KIND/NAME]", required=False, shell_complete=complete)


async def _names(given: dict[str, Any], incomplete: str) -> list[str]:
    import asyncio

    from headgate.cli.cluster.options import ClusterOptions, connected
    from headgate.cli.cluster.reading import metadata_of

    options = ClusterOptions(
        given.get("kubeconfig"), given.get("context"), given.get("namespace"), False, "name"
    )
    word, slash, _ = incomplete.partition("/")
    kind = kind_of(word) if slash else "Kustomization"
    if not kind:
        return []
    prefix = f"{word}/" if slash else "ks/"
    async with asyncio.timeout(COMPLETION_TIMEOUT):
        async with await connected(options) as client:
            found = await metadata_of(client, kind, options.own_namespace())
    names = sorted(str(each["metadata"]["name"]) for each in found)
    return [prefix + name for name in names if (prefix + name).startswith(incomplete) or not slash]
