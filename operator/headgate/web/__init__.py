"""What the operator serves over HTTP: artifacts, health probes, metrics and webhooks.

server        several applications, each at its own address
aside         such a server in a thread, with an event loop for itself
connections   how many connections an address may have, and for how long
descriptors   how many file descriptors there are for them
artifacts     the artifact files, read only
probes        /healthz and /readyz
metrics       /metrics, under the names that Flux's dashboards use
own_metrics   the metrics that no controller of Flux has
hooks         the paths at which Receivers are called
callers       whether a call is what it claims to be
"""
