"""From paths that a kustomization file names to the objects in the files there.

loader    files and bases as one kustomization file sees them, within its restrictions
objects   the objects in a file, from a cache that builds share
"""
