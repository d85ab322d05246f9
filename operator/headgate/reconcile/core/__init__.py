"""What every reconciler works with.

wakeups       who is woken by what: events to keys
queue         keys wait here, by urgency and in fair order
controller    workers, and the one place where unexpected errors end
store, links  the newest custom resources, and who refers to whom
inventories   which Kustomizations have an object in their inventory
trees         the source trees of the current revisions
finalizers    adds and removes our finalizer
drift         back-off for objects that somebody keeps changing
election      leader election
role          marks the pod that leads
"""
