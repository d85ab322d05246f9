"""Whether a Kustomization has the same objects at two commits, and makes no Kustomization; found without a build."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headgate.api import InvalidSpec
from headgate.promotion.errors import CloneError
from headgate.promotion.fleet.rendering import RenderedSource
from headgate.promotion.fleet.sources import SourceShape, Trees, shape_of

__all__ = ["Sameness"]

_MAKERS = (
    # The group of Flux's Kustomizations and GitRepositories, and ways of YAML to write it otherwise.
    r"toolkit\.fluxcd\.io",
    r"\\[xuU]",
    r"\\$",
    # Names in other encodings than UTF-8.
    "\udcff\udcfe|\udcfe\udcff",
)
_COMPOSERS = (
    # Lines in which a variable may become the kind of an object, or an object.
    r"^[^:#]*\$[^:]*:",
    r"(apiVersion|kind|items)[^:]*:.*\$",
    r"^[-[:space:]]*\$",
)


class Sameness:
    """Compares what Kustomizations can read; caches the shapes of sources."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._shapes: dict[int, tuple[RenderedSource, SourceShape]] = {}

    def holds(self, spec: Mapping[str, Any], before: RenderedSource, after: RenderedSource) -> bool:
        """Whether a Kustomization of this spec makes the same from both sources, and no Kustomization."""
        if before.resolved is None or after.resolved is None:
            return False
        try:
            shapes = (self._shape(before), self._shape(after))
        except InvalidSpec:
            return False
        if shapes[0] != shapes[1] or not shapes[0].is_plain:
            return False
        commit = before.resolved.commit
        changed = self._trees.changed(commit, after.resolved.commit)
        if ".sourceignore" in changed.names:
            return False
        try:
            reach = self._trees.reaches(commit, shapes[0]).of(spec)
        except CloneError:
            return False
        if reach is None or reach.meets(changed) or _computes(spec):
            return False
        substituted = spec.get("postBuild") is not None
        marked = self._trees.files_with(commit, (*_MAKERS, *_COMPOSERS) if substituted else _MAKERS)
        return marked is not None and not reach.meets(marked)

    def _shape(self, source: RenderedSource) -> SourceShape:
        """The shape of a source; raises :class:`headgate.api.InvalidSpec`."""
        known = self._shapes.get(id(source))
        if known is None or known[0] is not source:
            known = self._shapes[id(source)] = source, shape_of(source)
        return known[1]


def _computes(spec: Mapping[str, Any]) -> bool:
    """Whether a Kustomization may itself turn an object into a Kustomization."""
    texts = list(_texts(spec.get("patches")))
    return any("fluxcd" in text or "\\" in text for text in texts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
