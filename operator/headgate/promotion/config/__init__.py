"""``headgate.yaml`` at the root of a repository: the environments, their order and their policy. Pure.

model   the values
"""
