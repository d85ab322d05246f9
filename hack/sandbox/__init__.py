"""Headgate at work on a test cluster, for ``make demo`` and for whatever else drives a whole installation.

operator.py      ``headgate run`` as a process of its own, on loopback, that never outlives us
fleet.py         the example repository on a local Git server, and clusters/production rewritten to follow it
observe.py       pure: what is to be seen of the custom resources, as rows
screen.py        the rows on a terminal, redrawn in place; as lines elsewhere
hints.py         what to try once everything is Ready
"""
