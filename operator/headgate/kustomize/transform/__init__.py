"""The transformers: one module for each thing a kustomization can do to its resources.

Each is a function over a :class:`~headgate.kustomize.resources.resmap.ResMap` that changes it in place.
"""
