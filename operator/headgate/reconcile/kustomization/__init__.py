"""Reconciles Kustomizations.

:mod:`.reconciler` has the life cycle of an attempt, from top to bottom. It is made of :mod:`.steps`, which take and
return frozen values, and ends well or with one of :mod:`.errors`. Below the steps, in the order of imports:

    finalize                    what happens when a Kustomization is deleted
    memory                      what survives an attempt
    prerequisites, dependencies what has to be there before an attempt builds
    health, waiting             the health of objects, and the verdict on a wait for it
    report, postponement        what is reported of an attempt, and when
    build                       from a source's tree to the objects to apply
    attempt, settled            values: one attempt, and the last that succeeded
"""
