"""A live diff: the comparison of a promotion, for one Kustomization, as the page shows it.

Values are not shown where they may be secret: in Secrets, in the data of ConfigMaps, and in annotations.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from headgate.api import ObjectKey
from headgate.api import inventory as inv
from headgate.feed.comparable import Comparable
from headgate.insight import Ref
from headgate.insight.texts import message_text, short_text
from headgate.kube import Client, ObjectRef
from headgate.kube.refs import ref_of
from headgate.objects import Obj
from headgate.page.knowledge.details import shown_ref
from headgate.page.views.difference import ChangedField, ChangedObject, Difference
from headgate.promotion.changes.model import (
    ChangeStage,
    ChangeType,
    Danger,
    FieldChange,
    Hidden,
    ObjectChange,
)
from headgate.promotion.fleet.rendering import RenderedKustomization, RenderedObject, Rendering
from headgate.promotion.live import LiveKustomization, Method, compare_with_cluster

__all__ = ["difference"]

MAX_FIELDS = 100
"""Limit for the fields of one object."""
HIDDEN, CHANGES = "(hidden)", "changes"
_OPEN_IN_CONFIG_MAPS = frozenset(("apiVersion", "kind", "metadata", "immutable"))


async def difference(client: Client, made: Comparable) -> Difference:
    """Compare what the operator would apply with the cluster, with the rights of the client.

    Raises :class:`headgate.kube.ApiError`.
    """
    obj = _resumed(made.obj)
    meta, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
    key = ObjectKey(meta["namespace"], meta["name"])
    rendered = RenderedKustomization(
        key=key,
        spec=spec,
        source=None,
        commit=made.revision.rpartition(":")[2],
        objects=tuple(_rendered(made)),
        inputs=made.result.inputs,
        prunes=bool(spec.get("prune")),
        masks=made.result.masks,
        secrets=made.secrets,
    )
    inventory = frozenset(
        ObjectRef(each.api_version, each.kind, each.name, each.namespace) for each in inv.from_status(status)
    )
    change = await compare_with_cluster(
        client,
        Rendering(str(key), "", kustomizations=(rendered,)),
        Method.DRY_RUN,
        ChangeStage.ON_MERGE,
        live={key: LiveKustomization(key, obj, inventory)},
        acting=True,
    )
    objects = tuple(_changed(each) for each in change.changes if not each.inert)
    problems = [each.message for each in change.uncertain]
    there = sum(1 for each in objects if each.action != "delete")
    return Difference(
        revision=made.revision,
        at=datetime.now(UTC),
        objects=objects,
        unchanged=max(0, len(made.result.objects) - there),
        problem=message_text("\n".join(problems)),
    )


def _resumed(obj: Obj) -> Obj:
    """The Kustomization as if nobody had suspended it: the next apply is what somebody who resumes it wants to know."""
    return {**obj, "spec": {name: value for name, value in obj["spec"].items() if name != "suspend"}}


def _rendered(made: Comparable) -> list[RenderedObject]:
    places = made.result.places or [None] * len(made.result.objects)
    return [
        RenderedObject(ref_of(obj), obj, place)
        for obj, place in zip(made.result.objects, places, strict=True)
    ]


def _changed(change: ObjectChange) -> ChangedObject:
    ref = shown_ref(change.ref)
    fields = change.fields[:MAX_FIELDS]
    said = [f"and {len(change.fields) - MAX_FIELDS} more fields"] if len(change.fields) > MAX_FIELDS else []
    if change.kept:
        said.append(f"it stays on the cluster: {change.kept}")
    said += [each.value for each in change.dangers]
    return ChangedObject(ref, _action(change), tuple(_field(ref, each) for each in fields), "; ".join(said))


def _action(change: ObjectChange) -> str:
    if change.action is ChangeType.ADDED:
        return "create"
    if change.action is ChangeType.REMOVED and change.pruned:
        return "delete"
    return "recreate" if Danger.RECREATED in change.dangers else "change"


def _field(ref: Ref, change: FieldChange) -> ChangedField:
    hides = _hides(ref, change)
    before = _text(change.before, HIDDEN if hides else None) if change.before_present else None
    after = _text(change.after, CHANGES if hides else None) if change.after_present else None
    return ChangedField(short_text(change.path), before, after)


def _hides(ref: Ref, change: FieldChange) -> bool:
    if isinstance(change.before, Hidden) or isinstance(change.after, Hidden):
        return True
    if change.steps[:2] == ("metadata", "annotations"):
        return True
    is_config_map = (ref.group, ref.kind) == ("", "ConfigMap")
    return is_config_map and bool(change.steps) and change.steps[0] not in _OPEN_IN_CONFIG_MAPS


def _text(value: Any, instead: str | None) -> str:
    if instead is not None:
        return instead
    return message_text(value if isinstance(value, str) else orjson.dumps(value, default=str).decode())
