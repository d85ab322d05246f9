"""Renderings made by hand, for tests of what follows from them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from headgate.api import ObjectKey
from headgate.git.refs.reference import GitReference, Resolved
from headgate.kube.refs import ref_of
from headgate.postbuild import Masks
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import ChangeStage, EnvironmentChange, ObjectChange
from headgate.promotion.fleet.rendering import (
    Problem,
    RenderedKustomization,
    RenderedObject,
    RenderedSource,
    Rendering,
)

Obj = dict[str, Any]
APPS = ObjectKey("flux-system", "apps")
SOURCE = ObjectKey("flux-system", "flux-system")
COMMIT = "a" * 40


def rendered(
    obj: Obj, *, original: str = "", encrypted: bool = False, place: str | None = None
) -> RenderedObject:
    """An object as a build returns it."""
    return RenderedObject(ref_of(obj), obj, place, encrypted, original)


def kustomization(
    *objects: Obj | RenderedObject,
    name: str = "apps",
    made_by: str = "",
    problem: str = "",
    masks: Masks | None = None,
    depends_on: Iterable[str] = (),
    **spec: Any,
) -> RenderedKustomization:
    """A Kustomization that prunes, unless ``spec`` says otherwise."""
    spec = {
        "prune": True,
        "path": f"./{name}",
        "sourceRef": {"kind": "GitRepository", "name": SOURCE.name},
    } | spec
    key = ObjectKey(APPS.namespace, name)
    return RenderedKustomization(
        key,
        spec,
        SOURCE,
        COMMIT,
        tuple(o if isinstance(o, RenderedObject) else rendered(o) for o in objects),
        depends_on=tuple(ObjectKey(APPS.namespace, each) for each in depends_on),
        made_by=ObjectKey(APPS.namespace, made_by) if made_by else None,
        problem=Problem(problem, key) if problem else None,
        suspended=spec.get("suspend") is True,
        prunes=spec["prune"] is True,
        masks=masks,
        place=f"clusters/production/{name}.yaml:1",
    )


def rendering(
    *kustomizations: RenderedKustomization,
    root: Sequence[Obj] = (),
    commit: str = COMMIT,
    unknown: tuple[str, ...] = (),
    problems: tuple[Problem, ...] = (),
    environment: str = "production",
) -> Rendering:
    """An environment with these Kustomizations; all use one source, at ``commit``."""
    source = RenderedSource(
        SOURCE,
        "https://git.example.com/f",
        GitReference(branch="main"),
        Resolved(commit, f"main@sha1:{commit}"),
        {},
    )
    return Rendering(
        environment,
        f"clusters/{environment}",
        (source,),
        kustomizations,
        tuple(map(rendered, root)),
        commit,
        problems=problems,
        unknown_variables=unknown,
    )


def change(
    before: Rendering, after: Rendering, stage: ChangeStage = ChangeStage.ON_MERGE
) -> EnvironmentChange:
    """What happens between two renderings."""
    return compare(before, after, stage, "branch main")


def of_objects(
    before: Iterable[Obj | RenderedObject], after: Iterable[Obj | RenderedObject], **spec: Any
) -> EnvironmentChange:
    """What happens if one Kustomization builds other objects."""
    return change(rendering(kustomization(*before, **spec)), rendering(kustomization(*after, **spec)))


def the_change(before: Obj | RenderedObject, after: Obj | RenderedObject, **spec: Any) -> ObjectChange:
    """What happens to one object that is in both builds."""
    (found,) = of_objects([before], [after], **spec).changes
    return found


def fields(
    before: Obj | RenderedObject, after: Obj | RenderedObject, **spec: Any
) -> dict[str, tuple[Any, Any]]:
    """The fields of one object that change, each with both values; empty if none does."""
    changes = of_objects([before], [after], **spec).changes
    return {f.path: (f.before, f.after) for c in changes for f in c.fields}


def obj(api_version: str, kind: str, name: str = "x", namespace: str = "shop", **fields: Any) -> Obj:
    """An object; ``metadata`` among the fields is added to its own."""
    meta = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}


def deployment(name: str = "web", image: str = "web:1", replicas: int | None = 2, **container: Any) -> Obj:
    """A Deployment with one container."""
    labels = {"app": name}
    containers = [{"name": name, "image": image, **container}]
    spec: Obj = {
        "selector": {"matchLabels": dict(labels)},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return obj("apps/v1", "Deployment", name, spec=spec)


def with_value(source: Obj, path: str, value: Any) -> Obj:
    """A copy of an object with another value at a path such as ``spec.ports.0.port``; ``...`` removes the field."""
    result = copy.deepcopy(source)
    *parents, last = path.split(".")
    at: Any = result
    for step in parents:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    if value is ...:
        del at[int(last) if isinstance(at, list) else last]
    elif isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return result
