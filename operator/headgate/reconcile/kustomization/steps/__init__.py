"""The steps of an attempt: each function takes the value of the previous step and returns the next one.

    Attempt ─locate─► Located ─prepare─► Prepared ─gather─► Gathered ─build─► Built
                                   └───► Unaffected: the revision changes nothing here
    Built ─apply─► Applied ─prune─► InPlace ─begin─► Waiting ─end─► Healthy ─succeed─► (reported)
                                       └─ nothing to wait for ──────►┘

A module holds one step, or two that belong together, with the values that they return; :mod:`.inventory` maintains
the inventory during :mod:`.apply`. Each step raises
:class:`~headgate.reconcile.kustomization.errors.Postponed` or :class:`~headgate.reconcile.kustomization.errors.Failed`
to end the attempt. All values are frozen, and each has the
:class:`~headgate.reconcile.kustomization.attempt.Attempt` in its newest form.
"""
