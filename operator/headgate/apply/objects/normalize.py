"""Brings objects from Git into the form in which the API server stores them. Pure.

Does the part of Flux's normalization that a cluster can notice: expands lists, removes ``status`` and
``creationTimestamp``, moves a Secret's ``stringData`` to ``data``, adds the protocol of ports, which server-side apply
needs as part of their key, and removes nulls of built-in kinds and a CRD's unusable CA bundle. Objects never change in
place, as builds are shared; results share unchanged parts with the input.

Sources: ``fluxcd/pkg`` ``ssa/normalize``; kubernetes/kubernetes#98576 and structured-merge-diff#130
(protocol), kubernetes/kubernetes#108008 (stringData).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any

from headgate.objects import Obj

_BUILT_IN_GROUPS = frozenset(("", "apps", "batch", "autoscaling", "policy", "extensions"))
_POD_SPECS = {
    ("v1", "Pod"): ("spec",),
    ("apps/v1", "Deployment"): ("spec", "template", "spec"),
    ("apps/v1", "StatefulSet"): ("spec", "template", "spec"),
    ("apps/v1", "DaemonSet"): ("spec", "template", "spec"),
    ("apps/v1", "ReplicaSet"): ("spec", "template", "spec"),
    ("batch/v1", "Job"): ("spec", "template", "spec"),
    ("batch/v1", "CronJob"): ("spec", "jobTemplate", "spec", "template", "spec"),
}


def is_built_in(api_version: str) -> bool:
    """Whether the group belongs to Kubernetes itself, and kube-apiserver serves it with compiled-in types."""
    group = api_version.rpartition("/")[0]
    if group in _BUILT_IN_GROUPS:
        return True
    return group.endswith(".k8s.io") and group.removesuffix(".k8s.io") in (
        "admissionregistration",
        "authentication",
        "authorization",
        "certificates",
        "coordination",
        "discovery",
        "events",
        "flowcontrol.apiserver",
        "networking",
        "node",
        "rbac.authorization",
        "resource",
        "scheduling",
        "storage",
    )


def normalized(objects: Iterable[Obj]) -> list[Obj]:
    """All objects, normalized, with lists expanded."""
    return [_normalized(obj) for obj in _expanded(objects)]


def with_labels(obj: Obj, labels: dict[str, str]) -> Obj:
    """The object with these labels set."""
    meta = obj.get("metadata") or {}
    return {**obj, "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **labels}}}


def _expanded(objects: Iterable[Obj]) -> Iterator[Obj]:
    for obj in objects:
        kind, items = obj.get("kind"), obj.get("items")
        if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
            yield from _expanded(item for item in items if isinstance(item, dict))
        else:
            yield obj


def _normalized(obj: Obj) -> Obj:
    api_version, kind = obj.get("apiVersion"), obj.get("kind")
    if not isinstance(api_version, str) or not isinstance(kind, str):
        return obj
    is_crd = kind == "CustomResourceDefinition" and api_version.startswith("apiextensions.k8s.io/")
    result = dict(obj)
    if not is_crd:
        result.pop("status", None)
    meta = obj.get("metadata")
    if isinstance(meta, dict):
        result["metadata"] = {
            k: v for k, v in meta.items() if v is not None and k not in ("creationTimestamp", "managedFields")
        }
    if is_crd:
        return _without_bad_ca(result)
    # As Flux, keep an explicit null of a role's rules: it has a meaning for aggregation.
    is_role = kind in ("Role", "ClusterRole") and api_version == "rbac.authorization.k8s.io/v1"
    if is_built_in(api_version) and not is_role:
        result = {k: _without_nulls(v) for k, v in result.items() if v is not None}
    if kind == "Secret" and api_version == "v1":
        _encode_string_data(result)
    elif kind == "Service" and api_version == "v1":
        spec = result.get("spec")
        if isinstance(spec, dict):
            result["spec"] = _with_protocols(spec)
    elif (path := _POD_SPECS.get((api_version, kind))) is not None:
        result = _with_container_protocols(result, path)
    return result


def _without_nulls(value: Any) -> Any:
    # Few objects have nulls, and a search costs less than a copy.
    return _rebuilt(value) if _has_nulls(value) else value


def _has_nulls(value: Any) -> bool:
    """Whether a mapping in the value, at any depth, has a null; nulls in lists do not count."""
    if isinstance(value, dict):
        for item in value.values():
            if item is None or (isinstance(item, dict | list) and _has_nulls(item)):
                return True
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list) and _has_nulls(item):
                return True
    return False


def _rebuilt(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rebuilt(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_rebuilt(v) for v in value]
    return value


def _encode_string_data(secret: Obj) -> None:
    """Move ``stringData`` over ``data``; values that are not text stay, and the validation names them."""
    plain = secret.get("stringData")
    if not isinstance(plain, dict) or not all(isinstance(v, str) for v in plain.values()):
        return
    data = secret.get("data")
    if data is not None and not isinstance(data, dict):
        return
    del secret["stringData"]
    if plain:
        encoded = {k: base64.b64encode(v.encode()).decode() for k, v in plain.items()}
        secret["data"] = {**(data or {}), **encoded}


def _with_protocols(holder: Obj) -> Obj:
    ports = holder.get("ports")
    if not isinstance(ports, list):
        return holder
    return {
        **holder,
        "ports": [
            {**p, "protocol": "TCP"} if isinstance(p, dict) and not p.get("protocol") else p for p in ports
        ],
    }


def _with_container_protocols(obj: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(obj, dict):
        return obj
    if path:
        return {**obj, path[0]: _with_container_protocols(obj[path[0]], path[1:])} if path[0] in obj else obj
    containers = obj.get("containers")
    if not isinstance(containers, list):
        return obj
    return {
        **obj,
        "containers": [_with_protocols(c) if isinstance(c, dict) else c for c in containers],
    }


def _without_bad_ca(crd: Obj) -> Obj:
    """Kubernetes 1.31 and newer refuse a CRD whose conversion webhook has a CA bundle that they cannot parse.

    Charts ship placeholders there, which a CA injector replaces.
    """
    path = ("spec", "conversion", "webhook", "clientConfig")
    chain: list[Any] = [crd]
    for key in path:
        chain.append(chain[-1].get(key) if isinstance(chain[-1], dict) else None)
    config = chain[-1]
    if not isinstance(config, dict) or not config.get("caBundle") or _is_certificate(config["caBundle"]):
        return crd
    value: Any = {k: v for k, v in config.items() if k != "caBundle"}
    for holder, key in zip(reversed(chain[:-1]), reversed(path), strict=True):
        value = {**holder, key: value}
    return dict(value)


def _is_certificate(bundle: Any) -> bool:
    import ssl  # here, because few objects need it

    try:
        pem = base64.b64decode(bundle, validate=True).decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (TypeError, ValueError, binascii.Error, ssl.SSLError):
        return False
    return True
