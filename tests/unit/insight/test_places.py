"""Where a commit is, and the graph in layers."""

from __future__ import annotations

import pytest

from headgate.insight import Fleet, explain
from headgate.insight.layers import graph_of
from headgate.insight.places import places_of
from tests.unit.insight.objects import BUILD_FAILED, COMMIT, READY, condition, ks, repo, waits_for

OLD = "main@sha1:" + "b" * 40


def test_a_commit_is_live_on_its_way_or_stopped() -> None:
    fleet = Fleet.of(
        [
            repo(),
            ks("live", READY, status={"lastAppliedRevision": f"main@sha1:{COMMIT}"}),
            ks("soon", condition("Ready", "Unknown", "Progressing"), status={"lastAppliedRevision": OLD}),
            ks("broken", BUILD_FAILED, status={"lastAppliedRevision": OLD}),
            ks("next", waits_for("broken"), needs=("broken",)),
        ]
    )
    report = explain(fleet)
    found = {each.ref.name: each.type.value for each in places_of(fleet, report, COMMIT[:9].upper())}
    assert found == {"live": "live", "soon": "on-the-way", "broken": "stopped", "next": "stopped"}
    assert [each.ref.name for each in places_of(fleet, report, "b" * 40)] == ["broken", "soon"]
    assert places_of(fleet, report, "c" * 40) == ()
    for text in ("abc", "main", "zzzzzzz"):
        with pytest.raises(ValueError, match="hexadecimal"):
            places_of(fleet, report, text)


def test_each_object_stands_after_what_it_needs() -> None:
    graph = graph_of(
        Fleet.of(
            [repo(), ks("a"), ks("b", needs=("a", "ghost")), ks("c", needs=("d",)), ks("d", needs=("c",))]
        )
    )
    layers = [sorted(each.name for each in layer) for layer in graph.layers]
    assert layers == [["ghost", "repo"], ["a", "c", "d"], ["b"]]
    assert {(edge.start.name, edge.end.name) for edge in graph.edges} >= {("b", "a"), ("c", "d"), ("d", "c")}


def test_a_graph_has_a_limit() -> None:
    graph = graph_of(Fleet.of([repo(), *(ks(f"k{n}") for n in range(300))]))
    assert sum(map(len, graph.layers)) == 200
    assert graph.omitted == 101
