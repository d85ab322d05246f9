"""Field paths in all notations of kustomize, and the walks along them.

fieldspec             field specifications: the fields of each kind that a transformer changes
routes                many of them in one walk over an object
fieldpath             paths in ``vars`` and ``replacements``
search                finds all matches of a replacement's path: one algorithm
pathmatch, nodepath   the same in an object, and in the nodes of a text
embedded              fields inside JSON or YAML text that a field holds
scalars               writes text over scalars, as kustomize does
"""
