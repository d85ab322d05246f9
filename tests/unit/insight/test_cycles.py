"""Circles of dependencies, and what finding them costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from headgate.insight import Fleet, Ref, explain
from headgate.insight.cycles import components, shortest_circle
from headgate.insight.fields import ref_of
from tests.unit.insight.objects import ks, waits_for


def test_components_come_after_what_they_lead_to() -> None:
    after = {"a": "bc", "b": "d", "c": "d", "d": "b", "e": "a", "f": "f"}
    found = components("abcdef", lambda node: after[node])
    assert [sorted(each) for each in found] == [["b", "d"], ["c"], ["a"], ["e"], ["f"]]


def test_each_node_is_asked_once_however_much_it_leads_to() -> None:
    asked: Counter[int] = Counter()

    def following(node: int) -> range:
        asked[node] += 1
        return range(node + 1, 300)

    assert len(components(range(300), following)) == 300
    assert {*asked.values()} == {1}


def test_a_shortest_circle_is_found_or_there_is_none() -> None:
    after = {1: (2, 3), 2: (3,), 3: (1,), 4: (4,), 5: (1,)}
    assert shortest_circle(1, lambda node: after[node]) == (1, 3, 1)
    assert shortest_circle(4, lambda node: after[node]) == (4, 4)
    assert shortest_circle(5, lambda node: after[node]) == ()


def test_one_kustomization_with_a_thousand_dependencies_costs_a_look_at_each() -> None:
    looked: Counter[Ref] = Counter()

    class Counted(dict[Ref, Any]):
        def get(self, ref: Ref, default: Any = None) -> Any:
            looked[ref] += 1
            return super().get(ref, default)

    names = [f"k{number}" for number in range(1000)]
    hub = ks("hub", waits_for("k0"), needs=tuple(names))
    fleet = Fleet.of([hub, *(ks(name, waits_for("none"), needs=("none",)) for name in names)])
    report = explain(replace(fleet, own=Counted(fleet.own), needs=Counted(fleet.needs)))
    assert report.cause_of(ref_of(hub)) is not None
    assert looked[ref_of(hub)] < 10
