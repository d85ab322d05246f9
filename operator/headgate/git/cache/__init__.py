"""Git objects on disk.

bare    repositories that hold the few commits in use of each source
blobs   file contents, read from one of them
"""
