"""Shared parts of all reconcilers.

wakeups       which event wakes which object: from events to keys
queue         keys wait here, by urgency and in fair order
controller    workers; the one place that handles unexpected errors
store, links  the newest custom resources, and the references between them
inventories   which Kustomizations have an object in their inventory
trees         the source trees of the current revisions
finalizers    adds and removes Headgate's finalizer
drift         back-off for objects that somebody keeps changing
election      leader election
role          marks the pod that leads
"""
