"""Two renderings of an environment compared: what is added, removed and changed, and what is dangerous. Pure.

model   the values
"""
