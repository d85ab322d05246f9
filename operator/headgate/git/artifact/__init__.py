"""The artifact of a source.

archive   a tree as a tar.gz whose bytes follow from the tree alone
pieces    compressed parts, so that what has not changed is copied from the last archive
storage   archives on disk: publish, verify, collect
"""
