"""The operator's metrics, under the names in Flux's dashboards.

``gotk_reconcile_duration_seconds`` as in Flux's controllers (``fluxcd/pkg``, ``runtime/metrics``),
``controller_runtime_*`` and ``workqueue_*`` as in controller-runtime, ``rest_client_requests_total`` as in client-go,
``process_*`` as in every Prometheus client.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol

from aiohttp import web
from prometheus_client import (
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    exposition,
)
from prometheus_client.openmetrics import exposition as openmetrics

from headgate.fairness import pools
from headgate.web.own_metrics import OwnMetrics

__all__ = ["Metrics", "metrics_app"]

RECONCILE_BUCKETS = tuple(0.01 * (1800 / 0.01) ** (step / 9) for step in range(10))
"""Ten buckets from 10 ms to half an hour."""
RUNTIME_BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9),
    *(1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60),
)
QUEUE_BUCKETS = tuple(10.0**exponent for exponent in range(-8, 4))

OPEN_METRICS = "application/openmetrics-text"
REST = 9.0
"""The metrics are reused for this many times the seconds of their encoding."""
MOST_HOSTS, MOST_RESOURCES = 256, 1024
"""Maximum number of API servers and kinds with separate series: tenants name servers, and servers name kinds."""
OTHERS = "others"
"""The label of all others."""

_METHODS = {
    "get": "GET",
    "list": "GET",
    "watch": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "apply": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
}


class Watched(Protocol):
    """The required methods of a controller."""

    name: str
    workers: int

    def depth(self) -> int:
        """How many keys wait for a worker."""

    def running(self) -> list[float]:
        """The seconds for which each running key has been with its worker."""


class _Names:
    """The first names up to a limit unchanged, all later ones as :data:`OTHERS`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def known(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= self._most:
                return OTHERS
            self._names.add(name)
        return name


class Metrics(OwnMetrics):
    """All metrics of one operator. Thread-safe."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        super().__init__(self.registry)
        self._hosts, self._resources = _Names(MOST_HOSTS), _Names(MOST_RESOURCES)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._durations = self._histogram(
            "gotk_reconcile_duration_seconds",
            "The duration in seconds of a GitOps Toolkit resource reconciliation.",
            RECONCILE_BUCKETS,
            "kind",
            "name",
            "namespace",
        )
        self._reconciles = self._counter(
            "controller_runtime_reconcile_total",
            "Total number of reconciliations per controller.",
            "controller",
            "result",
        )
        self._errors = self._counter(
            "controller_runtime_reconcile_errors_total",
            "Total number of reconciliation errors per controller.",
            "controller",
        )
        self._times = self._histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller.",
            RUNTIME_BUCKETS,
            "controller",
        )
        self._workers = self._gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller.",
            "controller",
        )
        self._active = self._gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller.",
            "controller",
        )
        self._depth = self._gauge("workqueue_depth", "Current depth of workqueue.", "name")
        self._adds = self._counter(
            "workqueue_adds_total", "Total number of adds handled by workqueue.", "name"
        )
        self._retries = self._counter(
            "workqueue_retries_total", "Total number of retries handled by workqueue.", "name"
        )
        self._waits = self._histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested.",
            QUEUE_BUCKETS,
            "name",
        )
        self._works = self._histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            QUEUE_BUCKETS,
            "name",
        )
        self._requests = self._counter(
            "rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host.",
            "code",
            "host",
            "method",
        )
        self._longest = self._gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds has the longest running processor for workqueue been running.",
            "name",
        )
        self._unfinished = self._gauge(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work has been done that is in progress and has not been observed by "
            "work_duration.",
            "name",
        )

    def controller(self, controller: Watched) -> None:
        """Register a controller; each read of the metrics calls its methods."""
        name = controller.name
        self._workers.labels(name).set(controller.workers)
        self._depth.labels(name).set_function(controller.depth)
        self._active.labels(name).set_function(lambda: len(controller.running()))
        self._longest.labels(name).set_function(lambda: max(controller.running(), default=0.0))
        self._unfinished.labels(name).set_function(lambda: sum(controller.running()))
        self._adds.labels(name)
        self._retries.labels(name)
        self._errors.labels(name)
        for result in ("success", "error", "requeue", "requeue_after"):
            self._reconciles.labels(name, result)

    def added(self, controller: str, *, retry: bool = False) -> None:
        """Count a key that was added to a controller's queue; ``retry``: after a failure."""
        self._adds.labels(controller).inc()
        if retry:
            self._retries.labels(controller).inc()

    def waited(self, controller: str, seconds: float) -> None:
        """Record how long a key waited in the queue."""
        self._waits.labels(controller).observe(seconds)

    def worked(self, controller: str, seconds: float, result: str) -> None:
        """Record one reconcile; ``result`` is ``success``, ``error``, ``requeue`` or ``requeue_after``."""
        self._works.labels(controller).observe(seconds)
        self._times.labels(controller).observe(seconds)
        self._reconciles.labels(controller, result).inc()
        if result == "error":
            self._errors.labels(controller).inc()

    def reconciled(self, kind: str, namespace: str, name: str, seconds: float) -> None:
        """Record one reconcile of an object."""
        self._durations.labels(kind, name, namespace).observe(seconds)

    def forget(self, kind: str, namespace: str, name: str) -> None:
        """Drop the series of a deleted object."""
        with contextlib.suppress(KeyError):
            self._durations.remove(kind, name, namespace)

    def requested(self, host: str, verb: str, resource: str, status: int, seconds: float) -> None:
        """Record a request to an API server; ``status`` 0 means that no answer arrived."""
        method = _METHODS.get(verb.lower(), verb.upper())
        host, resource = self._hosts.known(host), self._resources.known(resource)
        self._requests.labels(str(status) if status else "<error>", host, method).inc()
        self._request_times.labels(verb, resource).observe(seconds)


class _Exposition:
    """The metrics as text, encoded once for all concurrent readers, with at most a tenth of one core."""

    def __init__(self, registry: CollectorRegistry, encode: Callable[[CollectorRegistry], bytes]) -> None:
        self._registry, self._encode = registry, encode
        self._lock = asyncio.Lock()
        self._text, self._good_until = b"", float("-inf")

    async def text(self) -> bytes:
        async with self._lock:
            started = time.monotonic()
            if started >= self._good_until:
                self._text = await pools.OTHERS.run(pools.OWN, self._encode, self._registry)
                ended = time.monotonic()
                self._good_until = ended + REST * (ended - started)
            return self._text


def metrics_app(metrics: Metrics) -> web.Application:
    """Return the application that serves ``/metrics`` in the format that the scraper accepts."""
    text = _Exposition(metrics.registry, exposition.generate_latest)
    open_metrics = _Exposition(metrics.registry, openmetrics.generate_latest)

    async def answer(request: web.Request) -> web.Response:
        if OPEN_METRICS in request.headers.get("Accept", ""):
            body, content_type = await open_metrics.text(), openmetrics.CONTENT_TYPE_LATEST
        else:
            body, content_type = await text.text(), exposition.CONTENT_TYPE_PLAIN_0_0_4
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    return app
