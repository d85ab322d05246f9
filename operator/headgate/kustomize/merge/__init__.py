"""Patches, as kustomize applies them.

    merged = strategic_merge(target, patch, Schema.builtin(), Budget())

walk        strategic merge of mappings, following the schema
lists       merges lists element by element, where the schema says so
irregular   merges lists whose elements do not each have their own key
merger      the interface between walk and lists
directives  ``$patch`` in a mapping or a list
jsonpatch   JSON patches (RFC 6902)

A strategic merge patch is a partial object: mappings merge field by field, null removes a field, other values replace.
A list of the patch replaces the list, unless the schema names a merge strategy: then elements with the same key merge
and new ones come first. ``$patch: delete | replace | merge`` in a mapping, or as an element of a merged list, sets how
it applies. The directives ``$setElementOrder/…``, ``$deleteFromPrimitiveList/…`` and ``$retainKeys`` belong to kubectl:
kustomize does not know them and keeps them as fields, and so does this package. Custom resources have no schema, so
patches replace all their lists.

Reference: ``kyaml/yaml/merge2`` and ``kyaml/yaml/walk`` of kustomize. Where these modify a list in place, the result
can contradict the directive (``$patch: replace`` of a whole object or of an element keeps the old content); this
package does the same, because the results of users' current builds must not change.
"""

from headgate.kustomize.merge.walk import strategic_merge

__all__ = ["strategic_merge"]
