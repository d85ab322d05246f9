"""Headgate's own metrics, which Flux's controllers do not have, all named ``headgate_*``."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from math import inf
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from headgate.loop import BUCKETS, LoopTurns

__all__ = ["OwnMetrics"]

STEP_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)

MEASURED_EVERY = 30.0
"""Seconds between two measurements of sizes that are slow to find."""

_log = logging.getLogger("headgate.web")

_CACHES = {
    "parsed_documents": (
        "headgate_parsed_documents",
        "Files whose parsed content is cached for the next build.",
    ),
    "parsed_bytes": ("headgate_parsed_documents_bytes", "Estimated size of this cache in memory."),
    "git_bytes": ("headgate_git_cache_bytes", "Size on disk of the Git caches of all GitRepositories."),
    "live_objects": ("headgate_live_objects", "Managed objects whose present state is cached."),
    "watches": ("headgate_live_watches", "Open watches of managed objects."),
    "source_entries": ("headgate_source_entries", "Files and directories of the sources' current trees."),
    "git_processes": ("headgate_git_processes", "Running Git processes, without their helpers."),
    "held_sources": ("headgate_held_sources", "GitRepositories with a held revision."),
    "remotes": ("headgate_git_remotes", "Git remotes whose last answer is cached."),
}


_POOLS = {
    "places": "Calls that may run at the same time in a pool of threads.",
    "running": "Running calls in the pool.",
    "waiting": "Calls that wait for a slot in the pool.",
}


class CallPool(Protocol):
    """The required methods of a :class:`headgate.fairness.pools.Pool`."""

    name: str

    @property
    def places(self) -> int: ...

    @property
    def running(self) -> int: ...

    @property
    def waiting(self) -> int: ...


class OwnMetrics:
    """See the module's text; a :class:`headgate.reconcile.reporting.measure.Measure`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._steps = self._histogram(
            "headgate_step_duration_seconds",
            "Duration of a build, an apply, a wait for health or a fetch.",
            STEP_BUCKETS,
            "step",
            "result",
        )
        self._skipped = self._counter(
            "headgate_builds_skipped_total",
            "New revisions that changed no inputs of a Kustomization.",
        )
        self._inventories = self._counter(
            "headgate_inventories_refused_total",
            "Attempts that ended because their inventory is too large to be stored.",
        )
        self._refs = self._counter(
            "headgate_git_refs_total",
            "Reads of the refs of a Git remote: asked from the remote, or shared with another GitRepository.",
            "answer",
        )
        self._reports = self._counter(
            "headgate_reports_total", "Reports of what the cluster runs, pushed to Git or not.", "result"
        )
        self._reported_at = self._gauge(
            "headgate_report_timestamp_seconds", "When the last report was pushed, in seconds since 1970."
        )
        self._webhooks = self._counter(
            "headgate_webhook_requests_total", "Webhook calls, by HTTP status of the response.", "code"
        )
        self._request_times = self._histogram(
            "headgate_api_request_duration_seconds",
            "Duration of requests to API servers, by verb and resource.",
            REQUEST_BUCKETS,
            "verb",
            "resource",
        )
        self._connections = self._gauge(
            "headgate_http_connections", "Connections to the operator's own addresses.", "site"
        )
        self._disconnected = self._counter(
            "headgate_http_disconnected_total",
            "Connections to the operator's own addresses that it closed.",
            "site",
            "reason",
        )
        self._expressions = self._counter(
            "headgate_expression_cpu_seconds_total", "Processor time taken by CEL expressions."
        )
        self._refusals = self._counter(
            "headgate_expressions_refused_total",
            "CEL expressions that Headgate did not evaluate, by time limit: expression, attempt or namespace.",
            "limit",
        )
        for limit in ("expression", "attempt", "namespace"):
            self._refusals.labels(limit)
        self._events = self._counter(
            "headgate_events_dropped_total",
            "Events that Headgate did not send, by receiver and reason.",
            "to",
            "reason",
        )
        self._sizes = {cache: self._gauge(name, text) for cache, (name, text) in _CACHES.items()}
        self._pools = {
            name: self._gauge(f"headgate_pool_{name}", text, "pool") for name, text in _POOLS.items()
        }
        self._page_requests = self._counter(
            "headgate_page_requests_total",
            "Requests to the status page, by route and HTTP status of the response.",
            "route",
            "code",
        )
        self._page_streams = self._gauge("headgate_page_streams", "Open status pages that follow changes.")
        self._page_streams_cut = self._counter(
            "headgate_page_streams_cut_total",
            "Status pages that were disconnected because they did not read what changed.",
        )
        for answer in ("asked", "shared"):
            self._refs.labels(answer)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self._registry)

    def loop(self, turns: LoopTurns) -> None:
        """Register the event loop's turns."""
        self._registry.register(_TurnCollector(turns))

    def took(self, step: str, seconds: float, *, failed: bool) -> None:
        """Record the end of a step of a reconcile."""
        self._steps.labels(step, "failed" if failed else "success").observe(seconds)

    def build_skipped(self) -> None:
        """Count a new revision that needed no build."""
        self._skipped.inc()

    def inventory_refused(self) -> None:
        """Count an inventory that was too large to store."""
        self._inventories.inc()

    def refs_wanted(self, *, asked: bool) -> None:
        """Count a request for a remote's refs; ``asked``: sent to the remote."""
        self._refs.labels("asked" if asked else "shared").inc()

    def reported(self, *, failed: bool) -> None:
        """Count a report that was pushed, or could not be."""
        self._reports.labels("failed" if failed else "pushed").inc()
        if not failed:
            self._reported_at.set_to_current_time()

    def expression_took(self, seconds: float) -> None:
        """Count the processor time of a CEL expression."""
        self._expressions.inc(seconds)

    def expression_refused(self, limit: str) -> None:
        """Count a CEL expression that was not evaluated, by the limit that it reached."""
        self._refusals.labels(limit).inc()

    def called(self, status: int) -> None:
        """Count a webhook call by the status of its answer."""
        self._webhooks.labels(str(status)).inc()

    def page_answered(self, route: str, status: int) -> None:
        """Count a request to the status page; see :class:`headgate.page.app.Watch`."""
        self._page_requests.labels(route, str(status)).inc()

    def streams_open(self, count: int) -> None:
        """Record how many status pages follow changes."""
        self._page_streams.set(count)

    def stream_cut(self) -> None:
        """Count a status page that did not read."""
        self._page_streams_cut.inc()

    def pools(self, pools: Iterable[CallPool]) -> None:
        """Register pools of threads; each read of the metrics calls their methods."""
        for pool in pools:
            for name, gauge in self._pools.items():
                gauge.labels(pool.name).set_function(partial(getattr, pool, name))

    def connected(self, site: str, count: int) -> None:
        """Record the number of connections of a site; see :class:`headgate.web.connections.Watch`."""
        self._connections.labels(site).set(count)

    def disconnected(self, site: str, reason: str) -> None:
        """Count a connection that was refused or closed."""
        self._disconnected.labels(site, reason).inc()

    def event_dropped(self, to: str, reason: str) -> None:
        """Count an event that was not sent."""
        self._events.labels(to, reason).inc()

    def sizes(self, **sizes: Callable[[], float]) -> None:
        """Register caches (``live_objects``, ...); each read of the metrics calls them for their sizes."""
        for cache, size in sizes.items():
            self._sizes[cache].set_function(size)

    def measured_sizes(self, **sizes: Callable[[], float]) -> None:
        """Register caches (``git_bytes``, ...) whose sizes are slow to find; no reader waits for them."""
        for cache, size in sizes.items():
            self._sizes[cache].set_function(Measured(size).value)


class Measured:
    """A number that a separate thread computes after a read, at most every ``every`` seconds."""

    def __init__(
        self,
        find: Callable[[], float],
        every: float = MEASURED_EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find, self._every, self._clock = find, every, clock
        self._lock = threading.Lock()
        self._last, self._due, self._is_finding = 0.0, float("-inf"), False

    def value(self) -> float:
        """The last computed number; 0 before the first. Never blocks."""
        with self._lock:
            if not self._is_finding and self._clock() >= self._due:
                self._is_finding = True
                threading.Thread(target=self._measure, name="measure", daemon=True).start()
            return self._last

    def _measure(self) -> None:
        found: float | None = None
        try:
            found = self._find()
        except OSError as error:
            _log.warning("cannot determine a size for the metrics: %s", error)
        finally:
            with self._lock:
                self._last = self._last if found is None else found
                self._due, self._is_finding = self._clock() + self._every, False


class _TurnCollector(Collector):
    """A histogram of turns, which the event loop counts itself at the lowest cost."""

    def __init__(self, turns: LoopTurns) -> None:
        self._turns = turns

    def collect(self) -> Iterator[HistogramMetricFamily]:
        counted = accumulate(self._turns.counts)
        buckets = [
            (floatToGoString(limit), count)  # type: ignore[no-untyped-call]
            for limit, count in zip((*BUCKETS, inf), counted, strict=True)
        ]
        yield HistogramMetricFamily(
            "headgate_loop_turn_seconds",
            "Duration of turns of the event loop; everything else waits for the end of a turn.",
            buckets=buckets,
            sum_value=self._turns.total,
        )
