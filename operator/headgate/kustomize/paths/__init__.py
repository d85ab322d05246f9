"""Paths of fields in all notations that kustomize has, and the walks along them.

fieldspec             field specifications: fields of kinds that a transformer touches
routes                many of them in one walk over an object
fieldpath             paths as ``vars`` and ``replacements`` write them
search                all the places that a replacement's path leads to: one algorithm
pathmatch, nodepath   the same in an object, and among the nodes of a text
embedded              fields inside JSON or YAML text that a field holds
scalars               text over scalars, as kustomize writes it
"""
