"""``headgate trace``: from an object of a cluster back to the Kustomization, the commit and the file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.cluster.history import clone_option
from headgate.cli.cluster.names import kind_of
from headgate.cli.cluster.options import (
    EXIT_NOT_READY,
    ClusterOptions,
    CommandFailed,
    cluster_options,
    connected,
    reported,
)

if TYPE_CHECKING:
    from headgate.cli.cluster.output import Block
    from headgate.insight import Fleet, Ref, Report
    from headgate.kube import Client, ObjectRef
    from headgate.objects import Obj

MAX_OWNERS = 10
_SHORT = {
    "cm": "configmap",
    "cj": "cronjob",
    "crd": "customresourcedefinition",
    "deploy": "deployment",
    "ds": "daemonset",
    "ing": "ingress",
    "netpol": "networkpolicy",
    "ns": "namespace",
    "po": "pod",
    "pvc": "persistentvolumeclaim",
    "rs": "replicaset",
    "sa": "serviceaccount",
    "sts": "statefulset",
    "svc": "service",
}
_FIRST = ("", "apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io")
"""Groups that count first where several have a kind, as for kubectl."""


@click.command(
    epilog="""Examples:

    \b
    # in a clone: which file do I have to edit?
    headgate trace deployment/web -n apps
    \b
    # a kind of which there are several
    headgate trace ingress.networking.k8s.io/web -n apps

    Exit status: 0 it is applied by a Kustomization, which is Ready; 1 that is not Ready, or no Kustomization applies
    it; 2 invalid usage; 3 an error, or no such object.
    """
)
@click.argument("name", metavar="KIND/NAME")
@clone_option
@cluster_options
def command(cluster: ClusterOptions, name: str, repository: Path | None) -> None:
    """Show which Kustomization applies an object, from which source, at which commit, and from which file and line.

    KIND is a kind or its plural, with its API group after a dot if need be. An object that another one owns, such as
    a Pod, leads to its owner. The file is found in the clone that holds the working directory.
    """
    kind, slash, rest = name.partition("/")
    if not (kind and slash and rest) or rest.count("/") > 1:
        raise click.BadParameter(f"{name!r} is not KIND/NAME or KIND/NAMESPACE/NAME", param_hint="KIND/NAME")
    namespace, _, short = rest.rpartition("/")
    with reported():
        good = asyncio.run(_trace(cluster, kind, namespace, short, repository))
    sys.exit(0 if good else EXIT_NOT_READY)


async def _trace(
    cluster: ClusterOptions, kind: str, namespace: str, name: str, repository: Path | None
) -> bool:
    from headgate.cli.cluster.output import emit
    from headgate.cli.cluster.reading import read_fleet
    from headgate.insight import explain
    from headgate.insight.fields import owner_of

    async with await connected(cluster) as client:
        found = await _resolved(client, kind, namespace or cluster.own_namespace(), name)
        owners = await _owners(client, found)
        fleet = await read_fleet(client, cluster.own_namespace())
    report = explain(fleet)
    top = owners[-1]
    owner = owner_of(top[1])
    place, note = "", ""
    if owner is not None and owner in fleet.objects:
        place, note = _place(fleet, owner, top[0], repository)
    document = _document([ref for ref, _ in owners], owner, fleet, report, place, note)
    emit(
        cluster.output,
        lambda: document,
        lambda: _blocks(document),
        lambda: [str(owner)] if owner is not None else [],
    )
    verdict = report.verdict(owner) if owner is not None else None
    return verdict is not None and verdict.state.is_good


async def _resolved(client: Client, word: str, namespace: str, name: str) -> ObjectRef:
    from headgate.kube import ObjectRef
    from headgate.names import KUSTOMIZATION, KUSTOMIZE_GROUP

    kind, _, group = word.lower().partition(".")
    kind = _SHORT.get(kind, kind)
    custom = kind_of(kind)
    if custom and not group:
        kind = custom.lower()
        group = KUSTOMIZE_GROUP if custom == KUSTOMIZATION else ""
    served = [
        each
        for each in await client.mapper.named(kind)
        if not group or each.api_version.rpartition("/")[0] == group
    ]
    served.sort(key=lambda each: _rank(each.api_version))
    if not served:
        raise CommandFailed(f"the cluster does not serve a kind {word!r}")
    if len(served) > 1 and _rank(served[0].api_version) == len(_FIRST):
        groups = ", ".join(f"{kind}.{each.api_version.rpartition('/')[0]}" for each in served)
        raise click.BadParameter(f"{word!r} is ambiguous: write one of {groups}", param_hint="KIND/NAME")
    one = served[0]
    return ObjectRef(one.api_version, one.kind, name, namespace if one.namespaced else "")


def _rank(api_version: str) -> int:
    group = api_version.rpartition("/")[0]
    return _FIRST.index(group) if group in _FIRST else len(_FIRST)


async def _owners(client: Client, ref: ObjectRef) -> list[tuple[ObjectRef, Obj]]:
    """The object and its owners, up to the first with owner labels; raises :class:`CommandFailed` if it is missing."""
    from headgate.insight.fields import entries, mapping, owner_of, text
    from headgate.kube import ApiError, NotFound, ObjectRef

    try:
        obj = await client.metadata(ref)
    except NotFound:
        raise CommandFailed(f"{ref} does not exist") from None
    found = [(ref, obj)]
    while len(found) < MAX_OWNERS and owner_of(obj) is None:
        references = entries(mapping(obj, "metadata").get("ownerReferences"))
        owner = next((each for each in references if each.get("controller") is True), None)
        if owner is None:
            break
        version, kind, name = (text(owner.get(field)) for field in ("apiVersion", "kind", "name"))
        try:
            resource = await client.mapper.resolve(version, kind)
            ref = ObjectRef(version, kind, name, ref.namespace if resource.namespaced else "")
            obj = await client.metadata(ref)
        except ApiError:
            break
        found.append((ref, obj))
    return found


def _place(fleet: Fleet, owner: Ref, ref: ObjectRef, repository: Path | None) -> tuple[str, str]:
    """File and line, or why they are not known."""
    from headgate.api.running import commit_of
    from headgate.insight.fields import mapping, text
    from headgate.promotion.clone import Clone
    from headgate.promotion.errors import CloneError
    from headgate.promotion.fleet.origin import place_of

    kustomization = fleet.objects[owner]
    source = fleet.source_of(owner)
    commit = commit_of(text(mapping(kustomization, "status").get("lastAppliedRevision")))
    if source not in fleet.objects or source is None or not commit:
        return "", "the Kustomization has applied no commit of a GitRepository"
    try:
        with Clone.open(repository or Path(".")) as clone:
            return place_of(clone, fleet.objects[source], kustomization, commit, ref), ""
    except CloneError as error:
        return "", str(error)


def _document(
    chain: list[ObjectRef], owner: Ref | None, fleet: Fleet, report: Report, place: str, note: str
) -> dict[str, Any]:
    from headgate.api.running import commit_of
    from headgate.insight.as_json import SCHEMA_VERSION, as_verdict
    from headgate.insight.fields import mapping, text
    from headgate.insight.texts import short_text

    kustomization = report.verdict(owner) if owner is not None else None
    source = fleet.source_of(owner) if owner is not None else None
    found = report.verdict(source) if source is not None else None
    file, _, line = place.rpartition(":") if place.rpartition(":")[2].isdigit() else (place, "", "")
    notes = [note] if note else []
    if owner is not None and kustomization is None:
        notes.append(f"{owner}, which the owner labels name, {fleet.absence(owner)}")
    return {
        "schemaVersion": SCHEMA_VERSION,
        "kind": "Trace",
        "objects": [
            {"group": r.group, "kind": r.kind, "namespace": r.namespace, "name": r.name} for r in chain
        ],
        "kustomization": as_verdict(kustomization) if kustomization is not None else None,
        "source": as_verdict(found) if found is not None else None,
        "url": short_text(text(mapping(fleet.objects.get(source), "spec").get("url"))) if source else "",
        "commit": commit_of(kustomization.revision) if kustomization is not None else "",
        "file": {"path": file, "line": int(line) if line else None} if place else None,
        "notes": notes,
    }


def _blocks(document: dict[str, Any]) -> list[Block]:
    from headgate.cli.cluster.output import Cell, Rows, Text

    def name(obj: dict[str, Any]) -> str:
        return "/".join(part for part in (obj["kind"], obj["namespace"], obj["name"]) if part)

    rows = [[Cell("object"), Cell(name(document["objects"][0]), "title")]]
    rows += [[Cell("owned by"), Cell(name(each))] for each in document["objects"][1:]]
    for label in ("kustomization", "source"):
        found = document[label]
        if found is not None:
            rows.append([Cell(label), Cell(name(found)), Cell(found["state"], found["state"])])
            rows.append([Cell("revision"), Cell(found["revision"])])
    if document["url"]:
        rows.append([Cell("url"), Cell(document["url"])])
    if document["file"] is not None:
        line = document["file"]["line"]
        rows.append([Cell("file"), Cell(document["file"]["path"] + (f":{line}" if line else ""), "title")])
    blocks: list[Block] = [Rows(rows)]
    if document["kustomization"] is None and not document["notes"]:
        blocks.append(Text(Cell("No Kustomization applies it: it has no owner labels.")))
    return [*blocks, *(Text(Cell(f"Not known: {note}", "hint")) for note in document["notes"])]
