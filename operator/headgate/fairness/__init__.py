"""Quotas of namespaces for shared resources: threads, slots on the event loop, turns, and queues of events.

order     which key is next; pure, and the rule for all others
pools     threads, one pool for each kind of blocking work
places    the same for coroutines
pace      how often one key may have a turn when somebody requests it all the time
backlog   queues of unsent items and caches of recent ones, with limits
shares    an amount, such as bytes, divided by the same rule as threads
turns     items by namespace

The work queue (:mod:`headgate.reconcile.core.queue`) applies the order to workers. It does not apply to connections
(:mod:`headgate.web.connections`): a new one replaces an idle one, because nobody knows to which namespace they belong.
"""
