"""From paths in a kustomization file to the objects in the files there.

loader    files and bases as one kustomization file may read them
objects   the objects in a file, from a cache that builds share
"""
