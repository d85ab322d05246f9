"""The drawing of a graph: whatever depends on whatever, nodes do not overlap and lines end where they should."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.insight import Fleet, Ref
from headgate.insight.layers import graph_of
from headgate.page.views.drawing import HEIGHT, WIDTH, Drawing, draw
from headgate.page.views.graph import MAX_EDGES, graph_view
from tests.page.fleets import every_state, ks, large, ref, repo, snapshot


def drawn(objects: list[dict[str, object]], focus: Ref | None = None) -> Drawing:
    return draw(graph_of(Fleet.of(objects), focus))


def check(drawing: Drawing) -> None:
    places = {each.ref: each for each in drawing.boxes}
    assert len(places) == len(drawing.boxes)
    boxes = sorted(drawing.boxes, key=lambda each: (each.x, each.y))
    for one, two in pairwise(boxes):
        assert one.x + WIDTH <= two.x or (one.x == two.x and one.y + HEIGHT <= two.y)
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - WIDTH
        assert 0 <= box.y <= drawing.height - HEIGHT
    for line in drawing.lines:
        numbers = [int(each) for each in re.findall(r"-?\d+", line.path)]
        start, end = places[line.edge.end], places[line.edge.start]
        assert (numbers[0], numbers[1]) == (start.x + WIDTH, start.y + HEIGHT // 2)
        assert numbers[-1] == end.y + HEIGHT // 2
        assert numbers[-2] in (end.x, end.x + WIDTH)


edges = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=60)


@given(edges)
def test_any_graph_can_be_drawn(found: list[tuple[int, int]]) -> None:
    needs: dict[int, tuple[str, ...]] = dict.fromkeys(range(16), ())
    for one, two in found:
        needs[one] = (*needs[one], f"n{two}")
    check(drawn([repo("fleet"), *(ks(f"n{number}", needs=those) for number, those in needs.items())]))


def test_a_fleet_with_every_state_can_be_drawn() -> None:
    drawing = drawn(every_state())
    check(drawing)
    circles = [each for each in drawing.lines if each.in_circle]
    assert {each.edge.start.name for each in circles} == {"egg", "hen"}


def test_a_line_that_follows_from_others_is_not_drawn() -> None:
    drawing = drawn([repo("fleet"), ks("a"), ks("b", needs=("a",)), ks("c", needs=("a", "b"))])
    assert {(each.edge.start.name, each.edge.end.name) for each in drawing.lines} == {
        ("a", "fleet"),
        ("b", "a"),
        ("c", "b"),
    }


@pytest.mark.parametrize(
    "objects",
    [
        [],
        [ks("alone", source="")],
        [ks("itself", needs=("itself",))],
        [repo("fleet"), *(ks(f"n{number:03}") for number in range(300))],
        [repo("fleet"), *(ks(f"n{n:03}", needs=(f"n{n - 1:03}",)) for n in range(300))],
        [repo("fleet"), *(ks(f"n{n:03}", needs=tuple(f"n{m:03}" for m in range(n))) for n in range(150))],
        [repo("fleet"), *(ks(f"n{n:03}", needs=tuple(f"n{m:03}" for m in range(120))) for n in range(120))],
        large(1000),
    ],
    ids=["empty", "alone", "itself", "star", "chain", "all-before", "all-with-all", "large"],
)
def test_extreme_graphs_can_be_drawn(objects: list[dict[str, object]]) -> None:
    drawing = drawn(objects)
    check(drawing)
    assert len(drawing.boxes) <= 200


def test_the_list_says_what_the_drawing_says() -> None:
    view = graph_view(snapshot())
    assert {each.what.ref for each in view.items} == {each.what.ref for each in view.nodes}
    needs = {each.what.ref.name: {what.ref.name for _, what in each.needs} for each in view.items}
    # Also the lines that are not drawn.
    assert needs["storefront"] == {"fleet", "checkout", "payments"}
    missing = next(each for each in view.nodes if each.what.ref.name == "ghost")
    assert missing.described == "GitRepository shop/ghost: Missing"
    assert missing.what.href == ""


def test_long_names_are_cut_in_a_node_and_whole_in_its_description() -> None:
    name = "a" * 253
    view = graph_view(snapshot([ks(name, source="")]))
    (node,) = (each for each in view.nodes if each.what.ref == ref(name))
    assert len(node.label) < 30
    assert name in node.described


def test_a_graph_in_which_all_need_all_has_limits() -> None:
    names = [f"n{number:03}" for number in range(150)]
    view = graph_view(snapshot([repo("fleet"), *(ks(name, needs=tuple(names)) for name in names)]))
    assert sum(len(each.needs) for each in view.items) == MAX_EDGES
    assert "dependencies not shown" in view.omitted
