"""How the API server says no: ``Status`` objects as the real one writes them."""

from __future__ import annotations

from typing import Any

from tests.model.kinds import CRDS, NAMESPACES, Kind

Obj = dict[str, Any]


class Refused(Exception):
    """The request is refused: HTTP status and body of the answer."""

    def __init__(self, status: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: Any = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details or {},
            "code": status,
        }


def no_path() -> Refused:
    """The server serves nothing at the path: text, and no object."""
    refused = Refused(404, "", "404 page not found")
    refused.body = "404 page not found\n"
    return refused


def not_found(kind: Kind, name: str) -> Refused:
    """No such object."""
    return Refused(404, "NotFound", f'{_resource(kind)} "{name}" not found', _details(kind, name))


def conflict(kind: Kind, name: str, reason: str, said: str, *, cause: str = "") -> Refused:
    """The object is another than the request expects."""
    causes = [{"reason": cause, "message": said, "field": ""}] if cause else []
    if reason == "AlreadyExists":
        return Refused(409, reason, f'{_resource(kind)} "{name}" {said}', _details(kind, name))
    if causes:
        return Refused(409, reason, said, {"causes": causes})
    message = f'Operation cannot be fulfilled on {_resource(kind)} "{name}": {said}'
    return Refused(409, reason, message, _details(kind, name))


def precondition(kind: Kind, name: str, said: str) -> Refused:
    """The object is not the one to delete; the real server mostly names the kind here."""
    named = _resource(kind) if kind.store in (NAMESPACES, CRDS) else kind.kind
    details = {} if kind.store in (NAMESPACES, CRDS) else {"kind": kind.kind}
    message = f'Operation cannot be fulfilled on {named} "{name}": {said}'
    return Refused(409, "Conflict", message, _details(kind, name) | details)


def invalid(kind: Kind, name: str, said: str) -> Refused:
    """The object cannot be so."""
    message = f'{kind.kind}.{kind.group} "{name}" is invalid: {said}'
    return Refused(422, "Invalid", message, _details(kind, name))


def terminating(kind: Kind, name: str, namespace: str) -> Refused:
    """The namespace takes nothing new."""
    said = f"unable to create new content in namespace {namespace} because it is being terminated"
    causes = [{"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated"}]
    message = f'{_resource(kind)} "{name}" is forbidden: {said}'
    return Refused(403, "Forbidden", message, {**_details(kind, name), "causes": causes})


def _resource(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def _details(kind: Kind, name: str) -> Obj:
    return {"name": name, "group": kind.group, "kind": kind.plural}
