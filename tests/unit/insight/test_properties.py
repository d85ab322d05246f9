"""Whatever a fleet looks like: every object has one state, every one that is not as it should be a root, ways end."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.insight import Fleet, Ref, State, chain_of, explain
from headgate.insight.layers import graph_of
from headgate.insight.tree import tree_of, walk
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo, waits_for

NAMES = [f"k{n}" for n in range(7)]
GIT = ["r0", "r1", "r2"]
CONDITIONS = st.sampled_from(
    [
        (),
        (READY,),
        (BUILD_FAILED,),
        (condition("Ready", "Unknown", "Progressing", "doing"),),
        (condition("Ready", "False", "ArtifactFailed", "x"),),
        (condition("Ready", "False", "DependencyNotReady", "x"),),
        (condition("Stalled", "True", "InvalidSpec", "x"), condition("Ready", "False", "InvalidSpec", "x")),
        (condition("Ready", "False", "NoArtifact", "x"),),
        (condition("RevisionHeld", "True", "OnHold", "x"), READY),
        *((waits_for(name),) for name in NAMES),
    ]
)


@st.composite
def kustomizations(draw: st.DrawFn, name: str) -> dict[str, Any]:
    obj = ks(
        name,
        *draw(CONDITIONS),
        needs=tuple(draw(st.lists(st.sampled_from([*NAMES, "ghost"]), max_size=3))),
        source=draw(st.sampled_from([*GIT, "ghost"])),
        generation=draw(st.sampled_from([1, 1, 1, 2])),
        suspend=draw(st.sampled_from([False, False, False, True])),
    )
    owner = draw(st.sampled_from([None, None, *NAMES]))
    if owner:
        obj["metadata"]["labels"] = {
            "kustomize.toolkit.fluxcd.io/name": owner,
            "kustomize.toolkit.fluxcd.io/namespace": "shop",
        }
    return obj


@st.composite
def repositories(draw: st.DrawFn, name: str) -> dict[str, Any]:
    include = draw(st.lists(st.sampled_from([*GIT, "ghost"]), max_size=2))
    return repo(
        name,
        *draw(CONDITIONS),
        artifact=draw(st.booleans()),
        include=[{"repository": {"name": each}} for each in include],
    )


@st.composite
def fleets(draw: st.DrawFn) -> list[dict[str, Any]]:
    chosen = draw(st.sets(st.sampled_from(NAMES)))
    sources = draw(st.sets(st.sampled_from(GIT)))
    return [
        *(draw(kustomizations(name)) for name in sorted(chosen)),
        *(draw(repositories(name)) for name in sorted(sources)),
    ]


@settings(max_examples=150, deadline=None)
@given(fleets(), st.sampled_from([None, ["shop"], ["other"]]))
def test_every_object_has_one_state_and_every_bad_one_a_root(
    objects: list[dict[str, Any]], namespaces: list[str] | None
) -> None:
    fleet = Fleet.of(objects, namespaces=namespaces)
    report = explain(fleet)
    assert len({each.ref for each in report.verdicts}) == len(report.verdicts) == len(objects)
    assert sum(report.counts.values()) == len(objects)
    for verdict in report.verdicts:
        causes = [
            c for c in report.causes if verdict.ref in (*c.blocked, c.root if not c.cycle else None, *c.cycle)
        ]
        if not verdict.state.is_good:
            assert len(causes) == 1, verdict
            assert report.cause_of(verdict.ref) == causes[0]
            assert causes[0].remedy
        chain = chain_of(fleet, report, verdict.ref)
        assert chain[0].ref == verdict.ref
        assert len(chain) <= len(objects) + 2
        if verdict.state in (State.BLOCKED, State.WAITING):
            assert len(chain) > 1, verdict
            (cause,) = causes
            assert chain[-1].ref in (cause.root, *cause.cycle), (verdict, chain, cause)


@settings(max_examples=100, deadline=None)
@given(fleets())
def test_every_object_stands_at_one_place_of_the_tree_and_of_the_graph(objects: list[dict[str, Any]]) -> None:
    fleet = Fleet.of(objects)
    nodes = [node.ref for _, node in walk(tree_of(fleet, explain(fleet)))]
    assert len(nodes) == len(set(nodes))
    assert set(nodes) >= set(fleet.objects)
    graph = graph_of(fleet)
    placed = [ref for layer in graph.layers for ref in layer]
    assert len(placed) == len(set(placed))
    assert set(placed) >= set(fleet.objects)
    focus = Ref("Kustomization", "shop", "k0", "kustomize.toolkit.fluxcd.io")
    assert sum(map(len, graph_of(fleet, focus, limit=3).layers)) <= 3
