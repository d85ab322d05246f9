"""From a snapshot to what each page shows. Pure: frozen values without HTML, and without the present time.

    page = view_of(snapshot, "/kustomizations/shop/web", {})

pages          from a path and a query to a page
values         what several pages show
words          states, conditions and measurements in plain English
links          the addresses of pages
causes         root causes and the way to them
objects        facts, conditions, history and events of one object
overview       the list
kustomization  the page of one Kustomization
source         the page of one source
graph          the dependency graph
drawing        where its nodes and lines stand
work           what the operator does now
environments   what it reports to Git
difference     the live diff
guide          what reasons mean
messages       pages without content
"""

from __future__ import annotations

from headgate.page.views.difference import ChangedField, ChangedObject, Difference
from headgate.page.views.pages import difference, log_in, problem, view_of
from headgate.page.views.values import LOCAL, Page, Viewer

__all__ = [
    "LOCAL",
    "ChangedField",
    "ChangedObject",
    "Difference",
    "Page",
    "Viewer",
    "difference",
    "log_in",
    "problem",
    "view_of",
]
