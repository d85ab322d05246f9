"""What a caller may choose about a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from headgate.documents.contentcache import ContentCache
from headgate.documents.tree import Tree
from headgate.kustomize.giturl import GitUrl

LoadRestrictor = Literal["root-only", "none"]
Reorder = Literal["none", "legacy"]


class RemoteFetcher(Protocol):
    """Gives a build access to what its kustomizations name by URL."""

    def repository(self, url: GitUrl) -> Tree:
        """Return the tree of a Git repository at the revision the URL asks for.

        Raises a BuildError when it cannot be had. The tree's root is the repository's; the build itself goes to
        the directory that the URL names.
        """
        ...

    def file(self, url: str) -> bytes | None:
        """Return the content at an HTTP URL, or None when the URL is not that of a file."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that no honest build meets, so that a hostile one cannot exhaust the process.

    ``depth`` bounds how deeply bases nest, ``resources`` and ``kustomizations`` count over the whole build,
    ``bytes_read`` is the sum of all files read, each as often as it is read; ``bytes_written`` is what patches,
    replacements, names, labels and the like write into objects (see :mod:`headgate.documents.budget`).
    """

    depth: int = 128
    kustomizations: int = 50_000
    resources: int = 200_000
    bytes_read: int = 512 * 1024 * 1024
    bytes_written: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build.

    ``load_restrictor``: with "root-only" a kustomization reads files only in or below its own directory.
    ``reorder``: "legacy" sorts the output by kind where no ``sortOptions`` are given; "none" keeps the load order.
    ``allow_remote``: where bases named by URL come from; None refuses them.
    ``unknown_fields``: whether a kustomization file with a field kustomize does not know is an "error", as for
    ``kustomize build``, or in the file that is built the field is left out ("ignore"; Flux rewrites that file with
    the fields it knows). In those it refers to it is always an error.
    ``cache``: what builds that share it keep of files they have parsed; None keeps it for this build only.
    """

    load_restrictor: LoadRestrictor = "root-only"
    reorder: Reorder = "none"
    allow_remote: RemoteFetcher | None = None
    unknown_fields: Literal["error", "ignore"] = "error"
    limits: Limits = Limits()
    cache: ContentCache | None = None
