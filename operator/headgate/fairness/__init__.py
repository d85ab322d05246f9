"""Quotas of namespaces for what they share: threads, slots on the event loop, turns, and room for events.

order     whose turn it is; pure, and the rule for all below
pools     threads, one pool for each kind of waiting
places    the same for coroutines
pace      how often one key may have a turn when somebody requests it without pause
backlog   what waits to be sent, and what is remembered, with limits
shares    an amount, such as bytes, divided by the same rule as threads
turns     what waits, by namespace

The work queue (:mod:`headgate.reconcile.core.queue`) applies the order to workers. Connections
(:mod:`headgate.web.connections`) are not shared by turns: a new one replaces an idle one, and nobody knows whose they
are.
"""
