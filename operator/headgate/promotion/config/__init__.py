"""``headgate.yaml`` at the root of a repository: the environments, their order and their policy. Pure.

model   the values
parse   reads the file; errors name file, line and field
flags   environments that the command line describes
"""
