"""Checks that need no API server; they prevent its less clear (or too talkative) response. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from headgate.kube.refs import ObjectRef
from headgate.objects import Obj


def check(obj: Obj, ref: ObjectRef) -> list[str]:
    """The faults of an object that are visible without a cluster; each names object and field."""
    if not ref.api_version or not ref.kind:
        missing = "apiVersion" if not ref.api_version else "kind"
        return [f"{ref.kind or 'object'}/{ref.name or '?'} is not a Kubernetes object: {missing} is missing"]
    if not ref.name:
        if (obj.get("metadata") or {}).get("generateName"):
            return [f"{ref.kind}/? has metadata.generateName and no name: give it metadata.name"]
        return [f"{ref.kind}/? has no metadata.name"]
    problems = [
        f"{ref} is invalid: metadata.{field} must be a map of strings, not {_named(value)}"
        for field in ("labels", "annotations")
        if (value := obj["metadata"].get(field)) is not None and not isinstance(value, dict)
    ]
    if ref.kind == "Secret" and ref.api_version == "v1":
        problems += _check_secret(obj, ref)
    return problems


def _check_secret(obj: Obj, ref: ObjectRef) -> list[str]:
    # The API server quotes a value that it cannot read, and here the value is secret.
    problems = []
    for field in ("data", "stringData"):
        held = obj.get(field)
        if held is None:
            continue
        if not isinstance(held, dict):
            problems.append(f"{ref} is invalid: {field} must be a map of strings, not {_named(held)}")
            continue
        for key, value in held.items():
            if not isinstance(value, str):
                problems.append(
                    f"{ref} is invalid: {field}.{key} must be a string, not {_named(value)} (quote it in YAML)"
                )
            elif field == "data" and not _is_base64(value):
                problems.append(
                    f"{ref} is invalid: data.{key} is not base64 (plain text belongs in stringData)"
                )
    return problems


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _named(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "a list",
        dict: "a map",
    }
    return names.get(type(value), type(value).__name__)
