"""From a fetched commit to the tree that becomes the artifact.

shape        the commit with sparse checkout, submodules, includes and ignore rules
submodules   repositories inside this one
"""
