"""What the operator serves over HTTP: artifacts, health probes, metrics and webhooks.

server        several applications, each at its own address
aside         a server in a separate thread with its own event loop
connections   limits on the number and duration of connections to an address
descriptors   how many file descriptors connections may use
artifacts     the artifact files, read only
probes        /healthz and /readyz
metrics       /metrics, under the names that Flux's dashboards use
own_metrics   the metrics that only Headgate has
hooks         the paths of Receivers
callers       whether a webhook call is genuine
"""
