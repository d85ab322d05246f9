"""``replicas``: sets the replica count of workloads by name."""

from __future__ import annotations

from typing import Any

from headgate.documents.budget import NODE
from headgate.documents.yaml.scalars import Quoted
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.model.kustomization_file import Replica
from headgate.kustomize.model.transformer_config import Specs
from headgate.kustomize.paths.fieldspec import for_each_field, plan_of
from headgate.kustomize.resources.resmap import ResMap


def set_replicas(resources: ResMap, replica: Replica, specs: Specs) -> None:
    """Set the count of everything that has, or had, the name; raises ResourceError when nothing has."""

    def setter(container: Any, key: Any) -> None:
        old = container[key]
        if isinstance(old, (dict, list)):
            raise ResourceError("must be a scalar to take a replica count")
        # A quoted value stays quoted.
        container[key] = Quoted(replica.count) if isinstance(old, Quoted) else replica.count

    found = False
    for spec in specs:
        resources.budget.charge(NODE)
        plan = plan_of(spec)
        for resource in resources.named(replica.name):
            resources.budget.charge(NODE * (2 + len(resource.previous)))
            ids = (*resource.previous_ids(), resource.id())
            if any(item.name == replica.name and item.gvk.selected_by(spec.gvk) for item in ids):
                found = True
                if resource.gvk.selected_by(spec.gvk):
                    for_each_field(resource, plan, setter, int)
    if not found:
        kinds = ", ".join(spec.gvk.kind or "any kind" for spec in specs)
        raise ResourceError(
            f"replicas are set for {replica.name!r}, but no object of that name is one of: {kinds}"
        )
