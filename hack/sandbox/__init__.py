"""Headgate on a test cluster, for ``make demo``, the end-to-end tests and the benchmarks.

operator.py      ``headgate run`` as a child process on loopback that ends with its parent
fleet.py         the example repository on a local Git server, and clusters/production rewritten to follow it
place.py         one cluster of the demo with its operator, followed until it is Ready
story.py         promotion as the demo shows it: diff, promote, break, roll back
observe.py       pure: the state of the custom resources as rows
screen.py        prints the rows: redrawn on a terminal, as lines elsewhere
hints.py         what to try once everything is Ready
"""
