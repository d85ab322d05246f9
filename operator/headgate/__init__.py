"""Headgate: a Kubernetes operator for Flux ``GitRepository`` and ``Kustomization`` objects.

Each package imports only those below it. docs/architecture.md shows the layers and follows a commit through them.

cli         arguments and printing
promotion   what a change does to each environment; promotions and rollbacks
serve       connects to the cluster, serves the addresses, runs the program while it leads
program     creates, starts and stops all parts
feed        hands over to the status page what the reconcilers know
handlers    from Kopf's watch events to the work queues
page        the status page: what the operator knows, in a browser

reconcile   work queues, workers, reconcilers; who wakes whom
settings    each option of ``headgate run``, declared once
apply       server-side apply in stages, pruning, drift
git         from a remote to a source tree and an artifact
symptoms    what a failing managed object, its pods and warnings about it say
web         artifacts, probes, metrics and webhooks over HTTP
kube        the client of API servers

insight     why an object is not Ready, and what to do about it
overlay     writes fields of a Kustomization into a kustomization file
kustomize   the build engine
postbuild   decryption, and substitution of variables
health      the health of any object

api         models of the custom resources, and the rules of their status
cel         users' expressions, evaluated in separate processes
documents   trees of files, YAML, located errors, budgets

loop        the event loop: pauses, background work, watchdog
watching    keeps Kopf's watches open, whatever the API server answers
fairness    quotas of namespaces: threads, turns, queues of events
backoff     how long to wait before a retry
borders     the base of errors that cross a border
caching     caches of the hot path
causes      why network operations fail, in plain words
durations   Go's notation of durations
identity    a service account as an identity at a cloud
names       API groups, field managers and file names of Flux and kustomize
objects     raw objects, and comparison of their versions
ondemand    names of a package that are imported at their first use
panics      panics of libraries in Rust as ordinary errors
peers       addresses that the operator must not connect to
subject     which object a task reconciles, for the log
visible     texts of others, with escapes for what a reader would not see
"""

__version__ = "0.1.0"
