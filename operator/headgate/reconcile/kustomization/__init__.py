"""Reconciles Kustomizations.

:mod:`.reconciler` has the life cycle of an attempt, from top to bottom. It calls :mod:`.steps`, which take and
return frozen values, and ends in success or with one of :mod:`.errors`. Below the steps, in the order of imports:

    finalize                    deletes a Kustomization and its objects
    memory                      what is kept between attempts
    prerequisites, dependencies what must exist before an attempt builds
    health, waiting             the health of objects, and the result of a health check
    report, postponement        what is reported about an attempt, and when
    build                       from a source tree to the objects to apply
    attempt, settled            values: one attempt, and the last that succeeded
"""
