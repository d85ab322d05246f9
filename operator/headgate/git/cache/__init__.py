"""Git objects on disk.

bare    bare repositories that hold the few commits in use of each source
blobs   contents of files, read from one of them
"""
