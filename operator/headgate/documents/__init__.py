"""The ground floor: trees of files, YAML as Kubernetes tools read and write it, and what can be wrong with either.

tree           a folder, a commit or an archive as a tree of files; the record of what a build read of it
yaml           YAML texts to values and back, as kustomize does it
plainyaml      YAML of untrusted authors as plain data
errors         what can be wrong, with file, line, object and field
budget         how much a build may make of what it reads
contentcache   what was parsed, by the id of its content
copying        copies of plain values
"""
