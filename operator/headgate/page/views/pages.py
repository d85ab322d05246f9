"""From a path and a query to a page."""

from __future__ import annotations

from collections.abc import Mapping

from headgate.insight import Ref
from headgate.insight.fleet import SOURCE_KINDS
from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP, SOURCE_GROUP
from headgate.page.knowledge import OperatorState, Snapshot
from headgate.page.views.difference import Difference, difference_view
from headgate.page.views.environments import environments_view
from headgate.page.views.graph import graph_page
from headgate.page.views.guide import guide_view
from headgate.page.views.kustomization import kustomization_view
from headgate.page.views.links import stream_address
from headgate.page.views.messages import LogInView, ProblemView
from headgate.page.views.overview import overview, summary_of
from headgate.page.views.source import source_view
from headgate.page.views.values import LOCAL, Body, NavItem, Notice, Page, Viewer
from headgate.page.views.work import work_view
from headgate.visible import visible

__all__ = ["difference", "log_in", "problem", "view_of"]

_NAV = (("Fleet", "/"), ("Graph", "/graph"), ("Work", "/work"), ("Environments", "/environments"))


def view_of(snapshot: Snapshot, path: str, query: Mapping[str, str], viewer: Viewer = LOCAL) -> Page | None:
    """Return the page at a decoded path; None if there is none.

    ``snapshot``: within the namespaces that the viewer may see.
    """
    found = _body(snapshot, path, query, viewer)
    if found is None:
        return None
    title, body = found
    return Page(
        title=title,
        body=body,
        viewer=viewer,
        nav=_nav(path),
        notices=(*_notices(snapshot.operator), *_done(query, viewer)),
        summary=summary_of(snapshot),
        stream=stream_address(path, query),
        version=snapshot.operator.version,
        at=snapshot.at,
    )


def difference(snapshot: Snapshot, ref: Ref, found: Difference, viewer: Viewer = LOCAL) -> Page:
    """Return the page of a live diff. It has no updates: somebody requests it."""
    return Page(
        title=f"Live diff of {ref.namespace}/{ref.name}",
        body=difference_view(ref, found),
        viewer=viewer,
        nav=_nav(""),
        notices=_notices(snapshot.operator),
        version=snapshot.operator.version,
        at=found.at,
    )


def problem(status: int, text: str, title: str = "", viewer: Viewer = LOCAL) -> Page:
    """Return a page that says why there is no other."""
    title = title or _PROBLEMS.get(status, "This request cannot be answered")
    nav = _nav("") if status not in (401, 421) else ()
    return Page(title=title, body=ProblemView(status, title, text), viewer=viewer, nav=nav)


def log_in(secret: str = "", onward: str = "/", wrong: str = "") -> Page:
    """Return the form for a token."""
    return Page(title="Log in", body=LogInView(secret, onward, wrong))


_PROBLEMS = {
    400: "This request is not valid",
    401: "Log in first",
    403: "You may not see this",
    404: "There is no such page",
    405: "This is not possible here",
    413: "This request is too large",
    421: "This name is not served here",
    429: "Too many requests",
    500: "The page has an error",
    503: "The page is not available now",
}


def _body(snapshot: Snapshot, path: str, query: Mapping[str, str], viewer: Viewer) -> tuple[str, Body] | None:
    match path.split("/")[1:]:
        case [""]:
            return "Fleet", overview(snapshot, query)
        case ["graph"]:
            return "Graph", graph_page(snapshot, query)
        case ["work"]:
            return "Work", work_view(snapshot)
        case ["environments"]:
            return "Environments", environments_view(snapshot)
        case ["help"]:
            return "What reasons mean", guide_view()
        case ["kustomizations", namespace, name]:
            ref = Ref(KUSTOMIZATION, namespace, name, KUSTOMIZE_GROUP)
            return _titled(snapshot, ref, kustomization_view(snapshot, ref, viewer))
        case ["sources", kind, namespace, name] if kind in SOURCE_KINDS:
            ref = Ref(kind, namespace, name, SOURCE_GROUP)
            return _titled(snapshot, ref, source_view(snapshot, ref))
    return None


def _titled(snapshot: Snapshot, ref: Ref, body: Body | None) -> tuple[str, Body] | None:
    verdict = snapshot.fleet.own.get(ref)
    if body is None or verdict is None:
        return None
    final = snapshot.report.verdict(ref) or verdict
    return f"{final.state.value.capitalize()}: {visible(ref.namespace)}/{visible(ref.name)}", body


def _done(query: Mapping[str, str], viewer: Viewer) -> tuple[Notice, ...]:
    """What somebody has just done with a button of this page."""
    said = _DONE.get(query.get("done", "")) if viewer.can_act else None
    return (Notice(said),) if said else ()


_DONE = {
    "reconcile": "A reconcile is requested.",
    "suspend": "It is suspended.",
    "resume": "It is resumed.",
}


def _nav(path: str) -> tuple[NavItem, ...]:
    return tuple(NavItem(title, href, href == path) for title, href in _NAV)


def _notices(operator: OperatorState) -> tuple[Notice, ...]:
    if not operator.leads:
        who = f" The leader is {visible(operator.leader)}." if operator.leader else ""
        return (Notice(f"This replica of the operator is on standby and knows no objects.{who}"),)
    found = []
    if not operator.connected:
        why = f" {visible(operator.problem)}" if operator.problem else ""
        found.append(
            Notice(
                f"The operator does not reach its API server, so what you see is out of date.{why}",
                operator.connected_since,
            )
        )
    if not operator.synced:
        found.append(Notice("The operator has just started and reads the cluster: objects may be missing."))
    return tuple(found)
