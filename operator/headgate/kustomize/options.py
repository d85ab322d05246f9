"""The options of a build."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from headgate.documents.contentcache import ContentCache
from headgate.documents.tree import Tree
from headgate.kustomize.giturl import GitUrl

LoadRestrictor = Literal["root-only", "none"]
Reorder = Literal["none", "legacy"]


class RemoteFetcher(Protocol):
    """Gives a build access to the URLs in its kustomization files."""

    def repository(self, url: GitUrl) -> Tree:
        """Return the tree of a Git repository at the revision in the URL.

        Raises a BuildError when it is not available. The tree's root is that of the repository; the build itself enters
        the directory that the URL names.
        """
        ...

    def file(self, url: str) -> bytes | None:
        """Return the content at an HTTP URL, or None when the URL does not name a file."""
        ...


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """Limits that no legitimate build reaches, so that a hostile one cannot exhaust the process.

    ``depth`` limits the nesting of bases, ``resources`` and ``kustomizations`` count over the whole build,
    ``bytes_read`` is the sum of all reads of files; ``bytes_written`` is what patches, replacements, names, labels and
    the like write into objects (see :mod:`headgate.documents.budget`).
    """

    depth: int = 128
    kustomizations: int = 50_000
    resources: int = 200_000
    bytes_read: int = 512 * 1024 * 1024
    bytes_written: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build.

    ``load_restrictor``: with "root-only" a kustomization file reads files only in or below its own directory.

    ``reorder``: "legacy" sorts the output by kind unless ``sortOptions`` are given; "none" keeps the load order.

    ``allow_remote``: provides remote bases; None refuses them.

    ``unknown_fields``: what to do with an unknown field in the kustomization file that is built: "error", as in
    ``kustomize build``, or "ignore", because Flux rewrites that file with the fields it knows. In other kustomization
    files it is always an error.

    ``cache``: parsed files that builds share; None caches for this build only.
    """

    load_restrictor: LoadRestrictor = "root-only"
    reorder: Reorder = "none"
    allow_remote: RemoteFetcher | None = None
    unknown_fields: Literal["error", "ignore"] = "error"
    limits: BuildLimits = BuildLimits()
    cache: ContentCache | None = None
