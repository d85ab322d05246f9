"""What the operator serves over HTTP: artifacts, health probes and metrics.

server      several applications, each on an address of its own
artifacts   the artifact files, read only
probes      /healthz and /readyz
metrics     /metrics, under the names that Flux's dashboards use
"""
