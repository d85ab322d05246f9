"""Shares of what namespaces have in common: threads, places on the event loop, turns, and room for events.

:mod:`.order` decides whose turn it is, and is pure. :mod:`.pools` applies it to threads, :mod:`.places` to coroutines;
:mod:`.backlog` bounds what waits to be sent and what is remembered.
"""
