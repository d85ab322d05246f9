"""The ground floor: trees of files, YAML as Kubernetes tools read and write it, and what can be wrong with either.

:mod:`.tree` is all that anything here sees of a file system, an archive or a Git commit; :mod:`.yaml` turns texts into
values and back; :mod:`.errors` locates a fault; :mod:`.budget` bounds what may be made of what is read.
"""
