"""Objects during a build: their identities, their history, and their collection.

resource      one object, with the history that references and generators need
resmap        the ordered collection, with lookups by identity
ids           identities: group, version, kind, name, namespace
index         lookups by keys that follow from a resource
bookkeeping   the annotations in which kustomize keeps the history
provenance    where objects come from, for ``buildMetadata``
sharing       values that several maps of an object share
objects       plain objects: metadata, labels, and names for messages
"""
