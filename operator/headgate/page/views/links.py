"""The addresses of pages, and what a query asks for."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from headgate.insight import Ref
from headgate.insight.fleet import SOURCE_KINDS
from headgate.insight.remedies import explained
from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP

__all__ = ["address", "anchor", "diff_address", "help_address", "stream_address", "why_address", "with_query"]


def address(ref: Ref) -> str:
    """Return the address of the page of an object; empty if objects of its kind have none.

    >>> address(Ref("Kustomization", "shop", "web", "kustomize.toolkit.fluxcd.io"))
    '/kustomizations/shop/web'
    """
    if ref.kind == KUSTOMIZATION and ref.group == KUSTOMIZE_GROUP:
        return f"/kustomizations/{_part(ref.namespace)}/{_part(ref.name)}"
    if ref.kind in SOURCE_KINDS and ref.group == SOURCE_GROUP:
        return f"/sources/{ref.kind}/{_part(ref.namespace)}/{_part(ref.name)}"
    return ""


def diff_address(ref: Ref) -> str:
    """Return the address of the live diff of a Kustomization."""
    return f"{address(ref)}/diff"


def why_address(ref: Ref) -> str:
    """Return the address of the root cause of an object as JSON."""
    return with_query("/why.json", {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name})


def help_address(reason: str) -> str:
    """Return the address of what a reason means; empty if the guide does not have it."""
    return f"/help#{anchor(reason)}" if reason in explained() else ""


def anchor(reason: str) -> str:
    """Return the name of the place on the page of reasons."""
    return f"reason-{reason}"


def stream_address(path: str, query: Mapping[str, str]) -> str:
    """Return the address of the updates of a page."""
    return with_query("/stream", {"page": with_query(quote(path, errors="replace"), query)})


def with_query(path: str, query: Mapping[str, str]) -> str:
    """Return an address with a query, without empty values."""
    kept = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(kept, errors='replace')}" if kept else path


def _part(name: str) -> str:
    return quote(name, safe="", errors="replace")
