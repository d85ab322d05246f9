"""The shell around the pure core: it watches, decides what to do next, and does it.

Read in this order:

1. :mod:`.core.queue`: keys wait here, once each, until a worker takes them;
2. :mod:`.core.controller`: workers take keys and call one reconciler with each;
3. :mod:`.source.reconciler` and :mod:`.kustomization.reconciler`: what a reconciler does, from top to bottom;
4. :mod:`.operator`: who wakes whom.
"""
