"""The artifact of a source.

archive   a tree as a tar.gz whose bytes depend on the tree alone
pieces    compressed parts, so that unchanged ones can be copied from the previous archive
storage   artifacts on disk: publishing, verification, garbage collection
"""
