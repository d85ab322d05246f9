"""The user's clone of the repository: revisions, trees, refs, and what is pushed.

    with Clone.open(Path(".")) as clone:
        head = clone.resolve("1.3.0")
        tree = clone.tree(head)                        # read by the build engine, without a checkout
        for commit in clone.commits(clone.resolve("1.2.0"), head):
            print(commit.message)

clone      finds the clone; its revisions, refs, history and files
commits    a commit as a value
trees      the tree of a commit and the working tree, as the build engine reads them
making     new commits and tags, written to the clone's objects without a ref
pushing    refs of the remote: read, and changed only if they are what they were
mirror     a temporary copy of the remote, for promotions
command    Git on the clone
urls       whether two URLs name one repository

Reading uses neither the network nor the user's configuration; signing and pushing use the user's configuration, keys
and credentials. No hook runs.
"""

from headgate.promotion.clone.clone import Clone
from headgate.promotion.clone.pushing import RefUpdate

__all__ = ["Clone", "RefUpdate"]
