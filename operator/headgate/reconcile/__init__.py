"""The shell around the pure core: it watches, decides what to do next, and does it.

kustomization   reconciles Kustomizations
receiver        reconciles Receivers, and turns webhook calls into requests
environment     reports to Git what the cluster runs
source          reconciles GitRepositories, and downloads artifacts of other controllers
target          the target cluster and account of a Kustomization, and its objects there
reporting       status, events, notifications, measurements, unexpected errors
configs         wakes the users of a ConfigMap or Secret that changes
core            queue, workers, store, source trees, rules for waking

Each uses only those below it. Read in this order:

1. :mod:`.core.queue`: keys wait here, once each, until a worker takes them;
2. :mod:`.core.controller`: workers take keys and call one reconciler with each;
3. :mod:`.core.wakeups`: which event puts which keys into the queues;
4. :mod:`.source.reconciler` and :mod:`.kustomization.reconciler`: the work of a reconciler, from top to bottom.
"""
