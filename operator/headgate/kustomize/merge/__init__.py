"""Patches, as kustomize applies them.

    merged = strategic_merge(target, patch, Schema.builtin(), Budget())

walk        strategic merge of mappings, following the schema
lists       merges lists element by element, where the schema says so
irregular   merges lists whose elements are not each identified by a key
merger      what the two ask of each other
directives  ``$patch`` in a mapping or a list
jsonpatch   JSON patches (RFC 6902)

A strategic merge patch is a partial object: mappings are merged field by field, null removes a field, other values
replace. Lists are replaced, except where the schema names a merge strategy: then elements with the same key are merged
and new ones come first. ``$patch: delete | replace | merge`` in a mapping, or as an element of a merged list,
directs how it is taken. The directives ``$setElementOrder/…``, ``$deleteFromPrimitiveList/…`` and
``$retainKeys`` are kubectl's: kustomize does not know them and keeps them as fields, and so does this package.
Types without a schema, which are custom resources, have all their lists replaced.

Reference: ``kyaml/yaml/merge2`` and ``kyaml/yaml/walk`` of kustomize. Where these modify a list in place the
outcome can differ from what the directive says (``$patch: replace`` of a whole object or of an element leaves
what was there); this is kept, since what users deploy today must not change.
"""

from headgate.kustomize.merge.walk import strategic_merge

__all__ = ["strategic_merge"]
