"""Whether a definition is ready for the objects that need it: a CRD is served, a namespace accepts objects. Pure."""

from __future__ import annotations

from headgate.objects import Obj


class DefinitionNeverReady(Exception):
    """The definition cannot become ready in its present state; the message says why."""


_GOING = "it is being deleted; Headgate creates it again when it is gone"


def is_crd(obj: Obj) -> bool:
    """Whether the object is a CustomResourceDefinition."""
    return obj.get("kind") == "CustomResourceDefinition" and str(obj.get("apiVersion")).startswith(
        "apiextensions.k8s.io/"
    )


def is_usable(live: Obj) -> bool:
    """Whether :func:`awaited` has nothing to wait for."""
    try:
        return awaited(live) is None
    except DefinitionNeverReady:
        return False


def awaited(live: Obj) -> str | None:
    """What a live definition still lacks; None if objects can use it, or if it is not a definition.

    Raises :class:`DefinitionNeverReady` for a CRD whose names belong to another CRD, and for one that is being deleted.
    """
    if is_crd(live):
        conditions = {c.get("type"): c for c in (live.get("status") or {}).get("conditions") or ()}
        accepted = conditions.get("NamesAccepted")
        if accepted and accepted.get("status") == "False":
            raise DefinitionNeverReady(f"its names are not accepted: {accepted.get('message')}")
        if live["metadata"].get("deletionTimestamp"):
            raise DefinitionNeverReady(_GOING)
        established = conditions.get("Established") or {}
        return None if established.get("status") == "True" else "it is not established yet"
    if live.get("kind") == "Namespace" and live.get("apiVersion") == "v1":
        phase = (live.get("status") or {}).get("phase")
        if phase == "Terminating" or live["metadata"].get("deletionTimestamp"):
            raise DefinitionNeverReady(_GOING)
        return None if phase == "Active" else "it is not active yet"
    return None
