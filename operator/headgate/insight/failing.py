"""The failing managed objects of a Kustomization, down to the reason of a pod.

A caller fetches what :func:`suspects` names, and the pods of each, and passes them to :func:`with_evidence`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from headgate.api import reasons
from headgate.health import HealthStatus, compute
from headgate.insight import remedies
from headgate.insight.fields import condition, entries, inventory_of, mapping, number, ref_of, text
from headgate.insight.texts import message_text, short_text
from headgate.insight.values import Cause, Link, Ref, Relation
from headgate.objects import Obj

__all__ = [
    "MAX_SUSPECTS",
    "Evidence",
    "Suspect",
    "links_of",
    "pod_link",
    "selector_of",
    "suspects",
    "with_evidence",
    "with_links",
]

MAX_SUSPECTS = 10
"""Limit for the managed objects of one cause."""
MAX_PODS = 2
"""Limit for the pods of one object."""
MAX_ENTRIES = 20_000

_WORKLOADS = frozenset(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod"))
_STATUS = re.compile(
    r"(?P<kind>[A-Z]\w{0,62})/(?:(?P<namespace>[^\s/\[\]]{1,63})/)?(?P<name>[^\s/\[\]]{1,253})"
    r" status: '(?P<status>\w{1,20})'(?:: (?P<said>.*?))?(?=, [A-Z]\w*/\S+ status: '|\]|\n|\Z)",
)
_REFUSED = re.compile(
    r"^(?P<kind>[A-Z]\w{0,62})/(?:(?P<namespace>[^\s/]{1,63})/)?(?P<name>[^\s/:]{1,253})"
    r"(?: dry-run failed| apply failed| not found|:)(?: \((?P<reason>\w{1,40})\))?",
    re.MULTILINE,
)
_HEALTH_CHECKS = "Running health checks"
_BEGINNING = frozenset(("", "ContainerCreating", "PodInitializing"))


@dataclass(frozen=True, slots=True)
class Suspect:
    """A managed object that a message names, or that a health check waits for."""

    ref: Ref
    api_version: str
    """Empty if neither inventory nor health checks name it: then nobody can fetch it."""
    status: str
    message: str = ""
    reason: str = ""
    is_certain: bool = True
    """Whether the message names it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a caller has fetched about one managed object."""

    obj: Obj | None = None
    pods: Sequence[Obj] = ()
    events: Sequence[Obj] = ()
    """Warnings about it."""


def suspects(kustomization: Obj) -> tuple[Suspect, ...]:
    """Return the managed objects that may be the reason why a raw Kustomization is not Ready."""
    ready = condition(kustomization, reasons.READY)
    message = message_text(text(ready.get("message")))
    known = _known(kustomization)
    found: dict[tuple[str, str, str], Suspect] = {}
    for each in _STATUS.finditer(message):
        identity = (each["kind"], each["namespace"] or "", each["name"])
        found[identity] = _suspect(known, identity, each["status"], each["said"] or "")
    if ready.get("reason") == reasons.RECONCILIATION_FAILED:
        for each in _REFUSED.finditer(message):
            identity = (each["kind"], each["namespace"] or "", each["name"])
            line = message[each.start() :].partition("\n")[0]
            suspect = _suspect(known, identity, "Refused", line)
            found[identity] = replace(suspect, api_version="", reason=each["reason"] or "")
    doing = text(condition(kustomization, reasons.RECONCILING).get("message"))
    if not found and ready.get("status") == "Unknown" and doing.startswith(_HEALTH_CHECKS):
        for identity, api_version in _awaited(kustomization, known).items():
            ref = Ref(*identity, api_version.rpartition("/")[0])
            found[identity] = Suspect(ref, api_version, HealthStatus.UNKNOWN.value, is_certain=False)
    return tuple(found.values())[:MAX_SUSPECTS]


def selector_of(obj: Obj) -> str:
    """Return the label selector of the pods of a raw workload; empty if it has none."""
    labels = mapping(obj, "spec", "selector", "matchLabels")
    return ",".join(f"{key}={value}" for key, value in labels.items() if isinstance(value, str))


def with_evidence(cause: Cause, found: Sequence[tuple[Suspect, Evidence]]) -> Cause:
    """Return the cause with its failing objects and their pods; the remedy of a pod's reason wins."""
    return with_links(cause, links_of(found))


def links_of(found: Sequence[tuple[Suspect, Evidence]]) -> tuple[Link, ...]:
    """Return the objects that fail, each followed by its pods."""
    links: list[Link] = []
    for suspect, evidence in found:
        link = _object_link(suspect, evidence)
        if link is not None:
            pods = (each for each in map(pod_link, evidence.pods) if each is not None)
            links += [link, *islice(pods, MAX_PODS)]
    return tuple(links)


def with_links(cause: Cause, links: Sequence[Link]) -> Cause:
    """Return the cause with these objects and pods; the remedy of a pod's reason wins."""
    pods = (each for each in links if each.relation is Relation.POD)
    remedy = next(filter(None, (remedies.for_pod(each.reason, each.message) for each in pods)), "")
    return replace(cause, objects=tuple(links), remedy=remedy or cause.remedy)


def pod_link(pod: Obj) -> Link | None:
    """Return why a raw Pod is not running, in its own words; None if it says nothing."""
    status = mapping(pod, "status")
    found = (
        _container_fault(status)
        or _unscheduled(pod)
        or (text(status.get("reason")), text(status.get("message")))
    )
    reason, message = found
    if not reason:
        return None
    ref = replace(ref_of(pod), kind="Pod", group="")
    return Link(
        Relation.POD,
        ref,
        short_text(text(status.get("phase"))) or "Unknown",
        short_text(reason),
        message_text(message),
    )


def _container_fault(status: Obj) -> tuple[str, str] | None:
    for name in ("initContainerStatuses", "containerStatuses"):
        for container in entries(status.get(name)):
            waiting = mapping(container, "state", "waiting")
            ended = mapping(container, "state", "terminated")
            before = mapping(container, "lastState", "terminated")
            if text(waiting.get("reason")) not in _BEGINNING:
                last = f"; the last exit: {_exit(before)}" if before else ""
                said = text(waiting.get("message")) or f"container {text(container.get('name'))}"
                if text(before.get("reason")) == "OOMKilled":
                    return "OOMKilled", f"{said}{last}"
                return text(waiting.get("reason")), f"{said}{last}"
            if number(ended.get("exitCode")):
                # What a container wrote to its termination message may hold secrets.
                return text(
                    ended.get("reason")
                ) or "Error", f"container {text(container.get('name'))}: {_exit(ended)}"
    return None


def _exit(ended: Obj) -> str:
    return f"{text(ended.get('reason')) or 'ended'}, exit code {number(ended.get('exitCode'))}"


def _unscheduled(pod: Obj) -> tuple[str, str] | None:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "False":
        return None
    return text(scheduled.get("reason")) or "Unschedulable", text(scheduled.get("message"))


def _object_link(suspect: Suspect, evidence: Evidence) -> Link | None:
    status, message, reason = suspect.status, suspect.message, suspect.reason
    if evidence.obj is not None:
        health = compute(evidence.obj)
        if health.status is HealthStatus.CURRENT and not suspect.is_certain:
            return None
        status, message = health.status.value, health.message or message
    elif not suspect.is_certain:
        return None
    warning = _newest(evidence.events)
    if warning:
        reason = reason or text(warning.get("reason"))
        message = f"{message}; {text(warning.get('reason'))}: {text(warning.get('message'))}"
    return Link(Relation.OBJECT, suspect.ref, status, short_text(reason), message_text(message))


def _newest(events: Iterable[Obj]) -> Obj:
    def seen(event: Obj) -> str:
        return text(event.get("lastTimestamp")) or text(event.get("eventTime"))

    return max((e for e in events if e.get("type") == "Warning"), key=seen, default={})


def _suspect(
    known: Mapping[tuple[str, str, str], str], identity: tuple[str, str, str], status: str, said: str
) -> Suspect:
    api_version = known.get(identity, "")
    return Suspect(Ref(*identity, api_version.rpartition("/")[0]), api_version, status, said)


def _known(kustomization: Obj) -> dict[tuple[str, str, str], str]:
    """The API versions of the managed objects and of those of health checks, by kind, namespace and name."""
    found: dict[tuple[str, str, str], str] = {}
    for entry in islice(inventory_of(kustomization), MAX_ENTRIES):
        found[entry.kind, entry.namespace, entry.name] = entry.api_version
    for check in entries(mapping(kustomization, "spec").get("healthChecks")):
        namespace = text(check.get("namespace"))
        found[text(check.get("kind")), namespace, text(check.get("name"))] = text(check.get("apiVersion"))
    return found


def _awaited(
    kustomization: Obj, known: Mapping[tuple[str, str, str], str]
) -> dict[tuple[str, str, str], str]:
    """The objects that a health check waits for, as far as they are worth a request."""
    checks = {
        (text(each.get("kind")), text(each.get("namespace")), text(each.get("name")))
        for each in entries(mapping(kustomization, "spec").get("healthChecks"))
    }
    waits = mapping(kustomization, "spec").get("wait") is True
    return {
        identity: api_version
        for identity, api_version in known.items()
        if (identity[0] in _WORKLOADS if waits else identity in checks)
    }
