"""From a fetched commit to the tree that becomes the artifact.

shape        what of the commit, with what else, without what
submodules   other repositories inside of this one
"""
