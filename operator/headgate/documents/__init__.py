"""The ground floor: file trees, YAML as Kubernetes tools read and write it, and the errors of both.

tree           a folder, a commit or an archive as a tree of files; the record of what a build read from it
yaml           YAML text to values and back, as kustomize does it
plainyaml      YAML from untrusted authors as plain data
errors         what can be wrong, with file, line, object and field
budget         how much work and output one build may cause
contentcache   parsed values, by the id of their content
copying        copies of plain values
"""
