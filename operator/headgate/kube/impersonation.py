"""The user that a kubeconfig impersonates: ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra`` of its user.

The author of a kubeconfig may use these fields to have fewer rights than its credentials. So every request has the same
headers as from Kubernetes' clients, or the kubeconfig is refused; the fields are never ignored. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

FIELDS = ("as", "as-uid", "as-groups", "as-user-extra")
_KEY_CHARACTERS = "!#$&'*+-.^_`|~"
"""Characters of a header name in addition to letters and digits (RFC 9110) that need no escape; % needs one."""

Headers = tuple[tuple[str, str], ...]


def impersonation_of(kubeconfig: Mapping[str, Any], context: str | None = None) -> Headers:
    """The headers for the user of a context, by default the current one; empty when it impersonates nobody.

    Raises :class:`ValueError` for fields that have no valid headers.
    """
    user = _user(kubeconfig, context)
    if not any(user.get(field) for field in FIELDS):
        return ()
    if not user.get("as"):
        raise ValueError("as-uid, as-groups and as-user-extra need a user to act as: set 'as'")
    found = [("Impersonate-User", _value(user["as"], "as"))]
    if user.get("as-uid"):
        found.append(("Impersonate-Uid", _value(user["as-uid"], "as-uid")))
    found += [("Impersonate-Group", each) for each in _values(user.get("as-groups"), "as-groups")]
    extra = user.get("as-user-extra") or {}
    if not isinstance(extra, dict):
        raise ValueError("as-user-extra must be a mapping of lists of text")
    for key, values in extra.items():
        name = quote(_value(key, "as-user-extra").lower(), safe=_KEY_CHARACTERS)
        found += [(f"Impersonate-Extra-{name}", each) for each in _values(values, f"as-user-extra[{key}]")]
    return tuple(found)


def cluster_of(kubeconfig: Mapping[str, Any], context: str | None = None) -> Mapping[str, Any]:
    """The fields of the cluster of a context; empty where there is none."""
    return _named(kubeconfig.get("clusters"), _used(kubeconfig, context).get("cluster"), "cluster")


def _user(kubeconfig: Mapping[str, Any], context: str | None) -> Mapping[str, Any]:
    return _named(kubeconfig.get("users"), _used(kubeconfig, context).get("user"), "user")


def _used(kubeconfig: Mapping[str, Any], context: str | None) -> Mapping[str, Any]:
    return _named(kubeconfig.get("contexts"), context or kubeconfig.get("current-context"), "context")


def _named(entries: Any, name: Any, field: str) -> Mapping[str, Any]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("name") == name and isinstance(entry.get(field), dict):
            found: Mapping[str, Any] = entry[field]
            return found
    return {}


def _values(given: Any, field: str) -> Iterator[str]:
    if given is None:
        return iter(())
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        raise ValueError(f"{field} must be a list of text")
    return (_value(each, field) for each in given)


def _value(given: Any, field: str) -> str:
    if not isinstance(given, str) or not given or not given.isprintable():
        raise ValueError(f"{field} must be text on one line")
    return given
