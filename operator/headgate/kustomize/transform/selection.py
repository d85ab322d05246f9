"""Selects resources by a ``target`` selector.

Every part is an anchored regular expression. Names and namespaces match with their original or current value, group,
version and kind only with the current one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from headgate.api.patterns import PatternInvalid, is_literal, literal_prefix, whole
from headgate.caching import LONGEST
from headgate.documents.budget import NODE, READ_AGAIN, SCAN
from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.model.kustomization_file import ObjectSelector
from headgate.kustomize.resources.ids import Gvk
from headgate.kustomize.resources.objects import metadata_of
from headgate.kustomize.resources.resmap import ResMap
from headgate.kustomize.resources.resource import Resource

Predicate = Callable[[str], bool]


class IdPattern(NamedTuple):
    """The identity part of a selector, compiled; None accepts anything."""

    group: Predicate | None
    version: Predicate | None
    kind: Predicate | None
    name: Predicate | None
    namespace: Predicate | None

    def accepts_gvk(self, gvk: Gvk) -> bool:
        """Return whether group, version and kind match."""
        return (
            (self.kind is None or self.kind(gvk.kind))
            and (self.group is None or self.group(gvk.group))
            and (self.version is None or self.version(gvk.version))
        )

    def accepts_name(self, name: str) -> bool:
        """Return whether a name matches."""
        return self.name is None or self.name(name)

    def accepts_namespace(self, namespace: str) -> bool:
        """Return whether a namespace matches."""
        return self.namespace is None or self.namespace(namespace)


_PARTS = IdPattern._fields


def compile_id(selector: ObjectSelector, where: str = "target") -> IdPattern:
    """Compile the identity part of a selector; raises KustomizationError for an invalid expression.

    ``where`` is the field with the selector, for messages.
    """
    part = ""
    try:
        found = []
        for part in _PARTS:
            pattern = getattr(selector, part)
            found.append(whole(pattern) if pattern else None)
        return IdPattern(*found)
    except PatternInvalid as error:
        raise KustomizationError(str(error), field=f"{where}.{part}") from None


def accepts_metadata(resource: Resource, selector: ObjectSelector, where: str = "target") -> bool:
    """Return whether the labels and annotations match; raises KustomizationError for an invalid selector."""
    if not selector.label_selector and not selector.annotation_selector:
        return True
    from headgate.api.labelselector import SelectorInvalid
    from headgate.api.labelselector import matches as labels_match

    metadata = metadata_of(resource.obj)
    for text, there in (
        (selector.label_selector, metadata.get("labels")),
        (selector.annotation_selector, metadata.get("annotations")),
    ):
        # Each condition copies all labels or annotations. A long selector is parsed again for each object.
        resource.budget.charge(
            (2 if len(text) <= LONGEST else READ_AGAIN) * len(text)
            + (2 * SCAN * len(there) if text and isinstance(there, dict) else 0)
        )
    part = "labelSelector"
    try:
        if selector.label_selector and not labels_match(selector.label_selector, resource.labels):
            return False
        part = "annotationSelector"
        return not selector.annotation_selector or labels_match(
            selector.annotation_selector, resource.annotations
        )
    except SelectorInvalid as error:
        raise KustomizationError(str(error), field=f"{where}.{part}") from None


def select(resources: ResMap, selector: ObjectSelector) -> list[Resource]:
    """Return the selected resources, in order."""
    pattern = compile_id(selector)
    offered = candidates(resources, selector.name)
    resources.budget.charge(NODE // 2 * len(offered))
    return [item for item in offered if _accepts(item, pattern, selector)]


def candidates(resources: ResMap, name: str) -> ResMap | list[Resource]:
    """Return the resources that may have, or have had, a matching name; all for an empty expression."""
    if not name:
        return resources
    return resources.named(name) if is_literal(name) else resources.with_prefix(literal_prefix(name))


def _accepts(resource: Resource, pattern: IdPattern, selector: ObjectSelector) -> bool:
    if not pattern.accepts_gvk(resource.gvk):
        return False
    if pattern.name is not None or pattern.namespace is not None:
        original, current = resource.original_id(), resource.id()
        if not (
            pattern.accepts_namespace(original.namespace) or pattern.accepts_namespace(current.namespace)
        ):
            return False
        if not (pattern.accepts_name(original.name) or pattern.accepts_name(current.name)):
            return False
    return accepts_metadata(resource, selector)
