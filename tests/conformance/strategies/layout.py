"""Puts trees together: bases, overlays of overlays that share them, and components."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

from headgate.kustomize import BuildError, MemoryTree, build
from tests.conformance.strategies import fields
from tests.conformance.strategies.fields import Place
from tests.conformance.strategies.objects import NAMESPACES, Body, Draw, Thing, things
from tests.conformance.strategies.text import Style, styles, write


class Tree(NamedTuple):
    """Files by path, and the directory to build."""

    files: dict[str, str]
    directory: str


_HEADS: dict[str, tuple[Body, ...]] = {
    "Kustomization": (
        {},
        {},
        {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"},
        {"kind": "Kustomization", "metadata": {"name": "own", "labels": {"a": "b"}}},
    ),
    "Component": ({"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"},),
}
_SEPARATORS = ("---\n", "---\n", "--- \n", "---\n---\n", "---\n# nothing\n---\n", "---\nnull\n---\n")
_FILE_NAMES = ("kustomization.yaml", "kustomization.yaml", "kustomization.yml", "Kustomization")


def _resources(draw: Draw, place: Place, most: int) -> list[str]:
    """Objects with distinct IDs, in one file, in several, or in a list."""
    taken = {(thing.kind, thing.api_version, thing.name) for thing in place.things}
    wanted: list[Thing] = []
    for thing in draw(st.lists(things(), max_size=most)):
        key = (thing.kind, thing.api_version, thing.name)
        # Now and then two have one name, which is an error, or no more than two namespaces.
        if key not in taken or draw(st.integers(1, 12)) == 1:
            taken.add(key)
            wanted.append(thing)
    place.things += wanted
    if not wanted:
        return []
    if draw(st.integers(1, 3)) > 1:
        return [place.put(draw, f"{thing.kind.lower()}.yaml", thing.body) for thing in wanted]
    if draw(st.integers(1, 3)) == 1:
        listing = {"apiVersion": "v1", "kind": "List", "items": [thing.body for thing in wanted]}
        return [place.put(draw, "list.yaml", listing)]
    separator = draw(st.sampled_from(_SEPARATORS))
    text = separator.join(write(thing.body, draw(styles)) for thing in wanted)
    return [place.add(draw, "all.yaml", draw(st.sampled_from(("", "", "---\n", "# first\n"))) + text)]


def _chance(draw: Draw, one_in: int) -> bool:
    return bool(draw(st.integers(1, one_in)) == 1)


def _fill(draw: Draw, place: Place) -> None:
    """Give the kustomization some of all the fields there are."""
    found = place.fields
    if _chance(draw, 5):
        found["configMapGenerator"] = fields.generators(draw, place, secret=False)
    if _chance(draw, 8):
        found["secretGenerator"] = fields.generators(draw, place, secret=True)
    if _chance(draw, 8):
        found["generatorOptions"] = draw(fields.options())
    simple: tuple[tuple[str, int, st.SearchStrategy[Any]], ...] = (
        ("namePrefix", 5, fields.affixes),
        ("nameSuffix", 6, st.sampled_from(fields.ENDS)),
        ("namespace", 5, st.sampled_from(NAMESPACES)),
        ("labels", 6, fields.labels()),
        ("commonLabels", 8, fields.pairs),
        ("commonAnnotations", 8, fields.pairs),
        ("images", 6, fields.images()),
        ("buildMetadata", 14, fields.metadata_options),
        ("sortOptions", 10, fields.sort_options),
    )
    for name, one_in, strategy in simple:
        if _chance(draw, one_in):
            found[name] = draw(strategy)
    if not place.things:
        return
    made = (
        ("patches", 3, fields.patch_entries),
        ("patchesStrategicMerge", 8, fields.merges),
        ("patchesJson6902", 10, fields.json_patches),
        ("replacements", 6, fields.replacements),
        ("replicas", 8, fields.replicas),
        ("vars", 12, fields.variables),
        ("transformers", 10, fields.transformers),
        ("configurations", 10, fields.configurations),
    )
    for name, one_in, make in made:
        if _chance(draw, one_in) and (value := make(draw, place)):
            found[name] = value


def _writer(draw: Draw, place: Place, kind: str) -> Callable[[Body], None]:
    """Writes the kustomization with the fields that it is given, in one way."""
    head = draw(st.sampled_from(_HEADS[kind]))
    backwards = _chance(draw, 2)
    # Flow style would put all patches in quotes, which is as good as any other.
    style = Style(list_indent=draw(st.sampled_from((0, 2))), flow_from=draw(st.sampled_from((99, 99, 99, 1))))
    path = f"{place.directory}/{draw(st.sampled_from(_FILE_NAMES))}"

    def put(found: Body) -> None:
        items = list(found.items())
        place.files[path] = write({**head, **dict(reversed(items) if backwards else items)}, style)

    return put


def _builds(place: Place, kind: str, below: list[Place]) -> bool:
    directory, files = place.directory, place.files
    if kind == "Component":
        lists = {"resources": [f"../{item.directory}" for item in below], "components": [f"../{directory}"]}
        directory, files = "user", {**files, "user/kustomization.yaml": write(lists, Style())}
    try:
        build(MemoryTree(files), directory)
    except BuildError:
        return False
    return True


def _mend(place: Place, kind: str, below: list[Place], put: Callable[[Body], None]) -> None:
    """Take the fields away with which it does not build; all of them stay if it builds with none."""
    wanted = place.fields
    place.fields = {name: wanted[name] for name in ("resources", "bases", "components") if name in wanted}
    put(place.fields)
    if not _builds(place, kind, below):
        place.fields = wanted
    for name in [name for name in wanted if name not in place.fields]:
        put(place.fields | {name: wanted[name]})
        if _builds(place, kind, below):
            place.fields[name] = wanted[name]
    put(place.fields)


def _make(draw: Draw, place: Place, kind: str = "Kustomization", below: list[Place] | None = None) -> Place:
    before = place.prefixed
    _fill(draw, place)
    put = _writer(draw, place, kind)
    put(place.fields)
    # Of many fields one is likely to be an error, and what fails for both shows little: most are put right.
    if not _chance(draw, 4) and not _builds(place, kind, below or []):
        _mend(place, kind, below or [], put)
    found = place.fields
    place.prefixed = (found.get("namePrefix", "") + before[0], before[1] + found.get("nameSuffix", ""))
    return place


def _base(draw: Draw, files: dict[str, str], name: str) -> Place:
    place = Place(name, files)
    found = _resources(draw, place, 5)
    if not found:
        place.things.append(draw(things()))
        found = [place.put(draw, "only.yaml", place.things[-1].body)]
    place.fields["resources"] = found
    return _make(draw, place)


def _component(draw: Draw, files: dict[str, str], name: str, user: Place, below: list[Place]) -> Place:
    place = Place(name, files, list(user.things), prefixed=user.prefixed)
    found = _resources(draw, place, 1)
    if found:
        place.fields["resources"] = found
    return _make(draw, place, "Component", below)


def _overlay(draw: Draw, files: dict[str, str], name: str, below: list[Place]) -> Place:
    place = Place(name, files, [thing for item in below for thing in item.things], prefixed=below[0].prefixed)
    field = "bases" if _chance(draw, 12) else "resources"
    own = _resources(draw, place, 2)
    place.fields[field] = [f"../{item.directory}" for item in below]
    if own:
        place.fields["resources"] = [*place.fields.get("resources", ()), *own]
    if _chance(draw, 4):
        component = _component(draw, files, f"{name}-component", place, below)
        place.fields["components"] = [f"../{component.directory}"]
        place.things, place.prefixed = component.things, component.prefixed
    return _make(draw, place)


@st.composite
def trees(draw: Draw) -> Tree:
    """A tree of one to four kustomizations above each other."""
    files: dict[str, str] = {}
    place = _base(draw, files, "base")
    shape = draw(
        st.sampled_from(("base", "overlay", "overlay", "overlays", "overlays", "siblings", "diamond"))
    )
    if shape in ("overlay", "overlays"):
        place = _overlay(draw, files, "stage", [place])
    if shape == "overlays":
        place = _overlay(draw, files, "prod", [place])
    if shape == "siblings":
        place = _overlay(draw, files, "prod", [place, _base(draw, files, "other")])
    if shape == "diamond":
        left = _overlay(draw, files, "left", [place])
        right = _overlay(draw, files, "right", [place])
        place = _overlay(draw, files, "prod", [left, right])
    return Tree(files, place.directory)
