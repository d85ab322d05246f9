"""Trees as the build engine and the archive see them.

listed    what all of them share: users are counted, directories are listed
commit    one commit
compose   several trees as one: the repository, its submodules, its includes
tartree   a downloaded artifact
ignore    .sourceignore, spec.ignore, the defaults
"""
