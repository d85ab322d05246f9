"""Turns the objects of a build into desired objects: normalized, labeled, in stages, checked, with their digests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headgate.api import labels
from headgate.apply.errors import ObjectError, describe
from headgate.apply.fields import ignore
from headgate.apply.fields.drift import digest
from headgate.apply.objects.normalize import normalized, with_labels
from headgate.apply.objects.stages import Stage, sort_key, split
from headgate.apply.objects.validation import check
from headgate.apply.options import ApplyOptions
from headgate.apply.server_side.steps import Desired
from headgate.fairness.pools import aside
from headgate.kube import ApiError, BadRequest, Client
from headgate.kube.refs import ObjectRef, ref_of
from headgate.loop import Pauses
from headgate.objects import Obj


def staged(objects: Iterable[Obj], options: ApplyOptions) -> list[tuple[Stage, list[Obj]]]:
    """Normalize the objects, add the owner labels, and split them into stages. Pure."""
    labels = options.owner.labels
    labelled = [with_labels(o, labels) if _labelable(o) else o for o in normalized(objects)]
    return split(labelled, options.custom_stages)


def _labelable(obj: Obj) -> bool:
    meta = obj.get("metadata")
    return isinstance(meta, dict) and isinstance(meta.get("labels") or {}, dict)


async def desired_of(
    client: Client, objects: Sequence[Obj], options: ApplyOptions
) -> tuple[list[Desired], list[ObjectError]]:
    """The objects of one stage, sorted by kind and name, and the errors of those that cannot be sent.

    Uses discovery to find the scope of each kind. Sends no request about an object.
    """
    placed: list[tuple[ObjectRef, Obj]] = []
    errors: list[ObjectError] = []
    pauses = Pauses()
    for obj in objects:
        await pauses.here()
        ref = ref_of(obj)
        if problems := check(obj, ref):
            errors += [ObjectError(ref, problem) for problem in problems]
            continue
        try:
            resource = await client.mapper.resolve(ref.api_version, ref.kind)
        except ApiError as error:
            if labels.marked(obj, labels.EXCLUDED):
                placed.append((ref, obj))
            else:
                errors.append(describe(error, ref, "dry-run", obj))
            continue
        if resource.namespaced and not ref.namespace:
            message = f"{ref} namespace not specified: set metadata.namespace or spec.targetNamespace"
            errors.append(ObjectError(ref, message))
            continue
        if not resource.namespaced and ref.namespace:
            meta = {k: v for k, v in obj["metadata"].items() if k != "namespace"}
            obj = {**obj, "metadata": meta}
            ref = ref_of(obj)
        placed.append((ref, obj))
    size = len(placed) * (1 + len(options.ignore))
    found, unwritable = await aside(options.owner.namespace, size, lambda: _identified(placed, options))
    return found, errors + unwritable


def _identified(
    placed: Iterable[tuple[ObjectRef, Obj]], options: ApplyOptions
) -> tuple[list[Desired], list[ObjectError]]:
    """The objects, sorted, with their digests and ignore rules; and the errors of those that JSON cannot hold."""
    found: list[Desired] = []
    errors: list[ObjectError] = []
    for ref, obj in placed:
        rules = ignore.candidates(options.ignore, obj)
        try:
            identity = digest([obj, [r.identity for r in rules], options.actor])
        except BadRequest as error:
            errors.append(describe(error, ref, "dry-run", obj))
        else:
            found.append(Desired(ref, obj, identity, rules))
    found.sort(key=lambda d: sort_key(d.ref))
    return found, errors
