"""Trees as the build engine and the archive read them.

listed    what all trees have in common: a count of users, listings of directories
commit    one commit
compose   several trees as one: the repository, its submodules, its includes
tartree   a downloaded artifact
ignore    .sourceignore, spec.ignore, the defaults
"""
