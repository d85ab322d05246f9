"""Whether what other objects depend on is ready for them: CRDs served, namespaces open. Pure."""

from __future__ import annotations

from headgate.objects import Obj


class DefinitionNeverReady(Exception):
    """The definition cannot become ready as it is; the message says why."""


_GOING = "it is being deleted; it is made anew when it is gone"


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
    """What a live definition still lacks; None when objects may use it (or it is of no such kind).

    Raises :class:`DefinitionNeverReady` for a CRD whose names another CRD has, and for what is being deleted.
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
