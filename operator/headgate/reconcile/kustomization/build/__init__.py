"""The build of a Kustomization: from a source's tree, variables and keys to the objects to apply.

:mod:`.builds` is the pure part, which runs in a thread; :mod:`.inputs` reads what it takes from the cluster.
"""
