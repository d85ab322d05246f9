"""The transformers: one module for each thing that a kustomization file can do to its resources.

names, namespace, labels, images, replicas   the fields of the same name
patches, selection                           patches, and which resources a selector selects
generators                                   ConfigMaps and Secrets
namerefs, renamed                            references that follow a renamed object
variables, replacements                      values copied from one object to others
valueadd, words                              ValueAddTransformer; unusual spellings in patches
order                                        the order of the output

Each is a function over a :class:`~headgate.kustomize.resources.resmap.ResMap` that changes it in place.
"""
