"""The digest of a rendered difference: what people approve, and what a plan holds on to. Pure.

It covers every change that the objects of an environment see, and nothing else: not the names of commits, not the
lines of files. So commits that change nothing in the environment keep an approval. Values that a difference does not
show (Secrets, ciphertext, values of unknown variables) are covered through the trees of both commits, never through
hashes of the values, which somebody could guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import orjson

from headgate.api import ObjectKey
from headgate.kube import ObjectRef
from headgate.promotion.changes.hiding import Curtain
from headgate.promotion.changes.model import ChangeType, EnvironmentChange, Hidden
from headgate.promotion.fleet.rendering import RenderedObject, Rendering

__all__ = ["canonical", "digest_of"]

# What two computations of the same difference do not share.
_IGNORED = frozenset({"stage", "follows", "base", "head", "approximate", "place"})


def digest_of(change: EnvironmentChange, after: Rendering, trees: tuple[str, str]) -> str:
    """Return ``sha256:<hex>`` of a difference.

    ``after`` is the rendering that the environment gets: added objects are digested from it, because a difference only
    names them. ``trees``: the ids of the trees before and after.
    """
    objects = {each.ref: each for each in after.objects}
    curtain: Curtain | None = None
    added, hides = [], bool(change.unknown_variables)
    for each in change.changes:
        found = objects.get(each.ref)
        hides = (
            hides
            or _is_secret(each.ref, found)
            or any(
                field.masked or isinstance(value, Hidden)
                for field in each.fields
                for value in (field.before, field.after)
            )
        )
        if each.action is ChangeType.ADDED and found is not None and not _is_secret(each.ref, found):
            # A substitution or replacement may have copied a value of a Secret into it.
            curtain = curtain or Curtain([after])
            content = curtain.covered(found.obj)
            hides = hides or content != found.obj
            added.append([str(each.ref), each.ref.api_version, hashlib.sha256(_json(content)).hexdigest()])
    whole: dict[str, Any] = {"change": canonical(change), "added": sorted(added)}
    if hides:
        whole["trees"] = list(trees)
    return "sha256:" + hashlib.sha256(_json(whole)).hexdigest()


def canonical(value: Any) -> Any:
    """Return a difference as JSON values in one fixed form."""
    if isinstance(value, Hidden):
        return {"hidden": value.value}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, ObjectKey):
        return str(value)
    if isinstance(value, ObjectRef):
        return [value.api_version, value.kind, value.namespace, value.name]
    if is_dataclass(value) and not isinstance(value, type):
        named = {each.name: getattr(value, each.name) for each in fields(value) if each.name not in _IGNORED}
        return {name: canonical(each) for name, each in named.items()}
    if isinstance(value, Mapping):
        return {str(key): canonical(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted((canonical(each) for each in value), key=_json)
    return value


def _is_secret(ref: ObjectRef, found: RenderedObject | None) -> bool:
    return ref.kind == "Secret" or (found is not None and found.encrypted)


def _json(value: Any) -> bytes:
    # Numbers beyond 64 bits, dates and other values of YAML have no JSON: their text takes part.
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(_sayable(value), default=repr, option=options)


def _sayable(value: Any) -> Any:
    if isinstance(value, dict):
        return {_sayable(key): _sayable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sayable(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return f"int:{value}"
    if isinstance(value, str):
        # Noncharacters mark unknown variables, and lone surrogates come from escapes; JSON has neither.
        return value.encode("utf-8", "backslashreplace").decode()
    return value
