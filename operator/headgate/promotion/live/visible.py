"""The fields of a live object that an apply can change: those that Git sets, and those that the operator owns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from headgate.apply.fields.managers import ours
from headgate.names import KUSTOMIZE_CONTROLLER
from headgate.objects import Obj

__all__ = ["content", "git_differs", "stored", "visible"]

_OF_SERVER = (
    "managedFields",
    "resourceVersion",
    "uid",
    "generation",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_ALWAYS = ("apiVersion", "kind")
_NAMES = ("name", "namespace")


def content(live: Obj) -> Obj:
    """A live object without its status and without what the API server counts."""
    meta = {key: value for key, value in live["metadata"].items() if key not in _OF_SERVER}
    return {**{key: value for key, value in live.items() if key != "status"}, "metadata": meta}


def visible(live: Obj, desired: Obj) -> Obj:
    """The fields of a live object that the desired one sets, or that an apply removes because the operator owns them.

    What the API server filled in, and what others added, is not in Git: an apply does not change it.
    """
    entry = ours(live, KUSTOMIZE_CONTROLLER) or {}
    found = _mapping(content(live), desired, entry.get("fieldsV1") or {})
    identity = {key: live["metadata"][key] for key in _NAMES if key in live["metadata"]}
    return {
        **found,
        **{key: live[key] for key in _ALWAYS if key in live},
        "metadata": {**found.get("metadata", {}), **identity},
    }


def stored(desired: Obj, live: Obj) -> Obj:
    """The desired object without the empty mappings and lists that the API server did not store in the live one."""
    found: Obj = _stored(desired, live)
    return found


def _stored(desired: Any, live: Any) -> Any:
    if isinstance(desired, dict) and isinstance(live, dict):
        return {
            key: _stored(value, live[key]) if key in live else value
            for key, value in desired.items()
            if key in live or value not in ({}, [])
        }
    if isinstance(desired, list) and isinstance(live, list) and len(desired) == len(live):
        return [_stored(one, other) for one, other in zip(desired, live, strict=True)]
    return desired


def _value(live: Any, desired: Any, owned: Mapping[str, Any]) -> Any:
    if isinstance(live, dict):
        if isinstance(desired, dict) or owned.keys() - {"."}:
            return _mapping(live, desired if isinstance(desired, dict) else {}, owned)
        return live
    if isinstance(live, list):
        return _list(live, desired if isinstance(desired, list) else [], owned)
    return live


def git_differs(live: Obj, answer: Obj) -> bool:
    """Whether a dry run that changes only owners of fields shows that Git has changed since the last apply.

    Then the operator applies, and otherwise leaves the owners as they are: Flux's applies own empty fields that
    Headgate's do not name (:func:`headgate.apply.server_side.decide.is_inherited`).
    """
    before = dict(_owned(ours(live, KUSTOMIZE_CONTROLLER), live))
    after = dict(_owned(ours(answer, KUSTOMIZE_CONTROLLER), answer))
    if after.keys() - before.keys():
        return True
    return any(before[path] not in (None, {}, [], "", 0, False) for path in before.keys() - after.keys())


def _owned(entry: Obj | None, obj: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The leaves that an entry of ``managedFields`` names, with their values."""
    pending: list[tuple[tuple[str, ...], Any, Any]] = [((), (entry or {}).get("fieldsV1") or {}, obj)]
    while pending:
        path, fields, value = pending.pop()
        below = {name: each for name, each in fields.items() if name != "."}
        if path and not below:
            yield path, value
        for name, each in below.items():
            pending.append(((*path, name), each, _at(value, name)))


def _at(value: Any, name: str) -> Any:
    """What a name of ``fieldsV1`` leads to; None if nothing is there."""
    kind, _, text = name.partition(":")
    if kind == "f":
        return value.get(text) if isinstance(value, dict) else None
    if kind == "k" and isinstance(value, list):
        key = orjson.loads(text)
        found = (each for each in value if isinstance(each, dict) and key.items() <= each.items())
        return next(found, None)
    return text if kind == "v" else None


def _mapping(live: Mapping[str, Any], desired: Mapping[str, Any], owned: Mapping[str, Any]) -> Obj:
    found: Obj = {}
    for key, value in live.items():
        below = owned.get(f"f:{key}")
        if key in desired or below is not None:
            found[key] = _value(value, desired.get(key), below or {})
    return found


def _list(live: list[Any], desired: list[Any], owned: Mapping[str, Any]) -> list[Any]:
    """A list by the keys under which the operator owns elements; any other list belongs to one writer as a whole."""
    keys = [(orjson.loads(name[2:]), below) for name, below in owned.items() if name.startswith("k:")]
    if keys:
        names = list(keys[0][0])
        wanted = {_key(each, names): each for each in desired if isinstance(each, dict)}
        mine = {_key(key, names): below for key, below in keys}
        return [
            _value(each, wanted.get(_key(each, names)), mine.get(_key(each, names)) or {})
            for each in live
            if isinstance(each, dict) and (_key(each, names) in wanted or _key(each, names) in mine)
        ]
    if len(live) == len(desired) and all(isinstance(each, dict) for each in (*live, *desired)):
        return [_value(one, other, {}) for one, other in zip(live, desired, strict=True)]
    return live


def _key(element: Mapping[str, Any], names: list[str]) -> bytes:
    return orjson.dumps([element.get(name) for name in names])
