"""What must hold once nothing happens: the cluster equals Git, and the inventories equal the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.model.git import ITEMS, Id, id_of
from tests.model.state import State, condition, inventory, owner

Obj = dict[str, Any]


def differences(state: State) -> list[str]:
    """What is not as it should be, one line each."""
    found: list[str] = []
    for obj in state.kustomizations():
        name = obj["metadata"]["name"]
        if obj["metadata"].get("deletionTimestamp"):
            found.append(f"{name} is still being deleted")
        elif not obj["spec"].get("suspend"):
            found += [f"{name} {line}" for line in _of_kustomization(state, obj)]
    return found + list(_leftovers(state))


def _of_kustomization(state: State, obj: Obj) -> Iterator[str]:
    rendered = state.rendering(obj)
    obstacle = _obstacle(state, obj)
    ready = condition(obj, "Ready")
    status = obj.get("status") or {}
    if obstacle:
        if "refused" in obstacle and ready.get("status") == "True":
            yield f"is Ready although {obstacle}"
        return
    current = status.get("observedGeneration") == obj["metadata"]["generation"]
    if ready.get("status") != "True" or status.get("lastAppliedRevision") != state.revision or not current:
        yield f"is not Ready at the present revision: {ready.get('message')}"
        return
    if inventory(obj) != rendered.keys():
        yield f"has another inventory than it renders: {_both(inventory(obj), set(rendered))}"
    for id, item in rendered.items():
        live = state.live(id)
        if live is None:
            yield f"is Ready, and {id} is not there"
        elif item and not _holds(live, state.manifest(item)):
            yield f"is Ready, and {id} is not as Git says"
        elif owner(live) not in _holders(state, id) and id not in state.released:
            yield f"renders {id}, and the label says {owner(live) or 'nobody'}'s"


def _obstacle(state: State, obj: Obj) -> str:
    """Why what a Kustomization renders cannot be brought about; empty when it can."""
    rendered = state.rendering(obj)
    missing = {id.namespace for id in rendered if id.namespace and not state.takes(id.namespace)}
    if missing - {id.name for id in rendered if id.kind == "Namespace"}:
        return f"namespace {', '.join(missing)} is not there"
    return next((o for item in rendered.values() if item and (o := _obstacle_of(state, item))), "")


def _obstacle_of(state: State, item: str) -> str:
    kind = ITEMS[item].kind
    if kind == "CustomResourceDefinition":
        live = state.live(ITEMS[item].id(""))
        refused = live is not None and condition(live, "NamesAccepted").get("status") == "False"
        return f"{item} is refused" if refused else ""
    manifest = state.manifest(item)
    if ITEMS[item].group.startswith("model.") and not state.serves(manifest["apiVersion"], kind):
        return f"{manifest['apiVersion']} {kind} is not served"
    return ""


def _renderers(state: State, id: Id) -> set[str]:
    return {o["metadata"]["name"] for o in state.kustomizations() if id in state.rendering(o)}


def _holders(state: State, id: Id) -> set[str]:
    """Those that render an object, or could not be done with it yet."""
    return _renderers(state, id) | {
        o["metadata"]["name"] for o in state.kustomizations() if id in inventory(o) and _is_excused(state, o)
    }


def _leftovers(state: State) -> Iterator[str]:
    for stored, obj in state.stored():
        id = id_of(stored.kind, obj)
        if not owner(obj) or id in state.released or _renderers(state, id):
            continue
        excused = [o for o in state.kustomizations() if id in inventory(o) and _is_excused(state, o)]
        if not excused:
            yield f"{id} is in the cluster and no longer in Git"


def _is_excused(state: State, obj: Obj) -> bool:
    """Whether a Kustomization has a reason not to prune."""
    return bool(obj["spec"].get("suspend") or _obstacle(state, obj))


def _holds(live: Any, wanted: Any) -> bool:
    """Whether all of ``wanted`` but what names it is in ``live``."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(
            _holds(live.get(k), v) for k, v in wanted.items() if k not in ("apiVersion", "name", "namespace")
        )
    return bool(live == wanted)


def _both(have: set[Id], want: set[Id]) -> str:
    more, less = (", ".join(map(str, sorted(ids))) for ids in (have - want, want - have))
    return f"too much: {more or 'nothing'}; missing: {less or 'nothing'}"
