"""Headgate: a Kubernetes operator for Flux ``GitRepository`` and ``Kustomization`` objects.

Each package uses only those below it. docs/architecture.md has the layers, and follows a commit through them.

cli         arguments and printing
serve       connects to the cluster, serves the addresses, runs the program while it leads
program     makes all parts, begins and ends them
handlers    Kopf's watch events to the work queues

reconcile   work queues, workers, reconcilers; who wakes whom
settings    each option of ``headgate run``, declared once
apply       server-side apply in stages, pruning, drift
git         from a remote to a tree and an artifact
web         artifacts, probes, metrics and webhooks over HTTP
kube        the client of API servers

overlay     fields of a Kustomization into a kustomization file
kustomize   the build engine
postbuild   decryption, and substitution of variables
health      the health of any object

api         models of the custom resources, and the rules for their status
cel         users' expressions, evaluated in separate processes
documents   trees of files, YAML, errors with places, budgets

loop        the event loop: pauses, background work, watchdog
fairness    quotas of namespaces: threads, turns, queues of events
backoff     how long to wait before a retry
borders     the base of errors that cross a border
caching     caches of the hot path
causes      why something on the network failed, in plain words
durations   Go's notation of durations
names       of Flux and kustomize: API groups, field managers, files
objects     raw objects, and which of two versions is newer
peers       addresses that nobody may lead the operator to
"""

__version__ = "0.1.0"
