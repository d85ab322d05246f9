"""Objects during a build: their identities, their history, and their collection.

resource      one object, with the history that references and generators need
resmap        the ordered collection, with lookups by identity
ids           identities: group, version, kind, name, namespace
index         lookups by keys derived from a resource
bookkeeping   the annotations in which kustomize keeps the history
provenance    the origins of objects, for ``buildMetadata``
places        the files that errors name: of an object, and of the patches that changed it
sharing       values that several maps of an object share
objects       plain objects: metadata, labels, and their names in messages
"""
