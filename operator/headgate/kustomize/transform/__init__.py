"""The transformers: one module for each change that a kustomization file can make to its resources.

names, namespace, labels, images, replicas   the fields of the same name
patches, selection                           patches, and the resources that a selector matches
generators                                   ConfigMaps and Secrets
namerefs, renamed                            references that follow a renamed object
variables, replacements                      values copied from one object to others
valueadd, words                              ValueAddTransformer; unusual spellings in patches
order                                        the order of the output

Each is a function that changes a :class:`~headgate.kustomize.resources.resmap.ResMap` in place.
"""
