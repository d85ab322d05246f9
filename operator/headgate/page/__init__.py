"""The status page: what the operator knows, in a browser. Off unless ``--ui-addr`` is set.

The page runs in its own thread with its own event loop, so that it never holds up reconciling. It gets values from the
program and gives none back; it imports neither the reconcilers nor what they use.

knowledge  what the operator knows, as immutable values, on the page's side
"""
