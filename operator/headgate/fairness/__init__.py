"""Shares of what namespaces have in common: threads, places on the event loop, turns, and room for events.

:mod:`.order` decides whose turn it is, and is pure. The work queue applies it to workers, :mod:`.pools` to threads,
:mod:`.places` to coroutines; :mod:`.backlog` bounds what waits to be sent and what is remembered. All of them keep what
they have of each namespace in :mod:`.turns`. Connections (:mod:`headgate.web.connections`) are not shared by turns: a
newcomer takes the place of an idle one, and who they belong to is not known.
"""
