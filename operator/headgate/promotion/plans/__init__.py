"""A promotion or rollback: computed, written down, executed.

model       a plan as a value and as a file
digest      the digest of a rendered difference
versions    the next version of an environment that follows a range
edits       edits of single values in YAML files that keep every other byte
history     commits that a rollback marked as bad
revert      the tree without what a bad promotion brought
approvals   signed approvals of a digest, on refs of the remote
trailers    the audit in messages of commits and tags
"""
