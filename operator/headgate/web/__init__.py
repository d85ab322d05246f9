"""What the operator serves over HTTP: artifacts, health probes, metrics and webhooks.

server      several applications, each on an address of its own
connections how many connections an address may have, and for how long
descriptors how many file descriptors there are for them
artifacts   the artifact files, read only
probes      /healthz and /readyz
metrics     /metrics, under the names that Flux's dashboards use
hooks       the paths that Receivers are called at
callers     whether a call is what it claims to be
"""
