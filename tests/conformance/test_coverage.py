"""No field of a kustomization file, and no built-in plugin, is without a case of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from headgate.kustomize.model import kustomization_file as model
from headgate.kustomize.model.decode import Record
from headgate.kustomize.recipe import plugins
from tests.conformance.casefile import FOLDER, load

CASES = [case for path in sorted(FOLDER.glob("*.txt")) for case in load(path)]

# Where in a kustomization file each table of fields applies; [] is for each entry of a list.
TABLES: dict[str, tuple[str, ...]] = {
    "_kustomization": ("",),
    "_object_meta": ("metadata",),
    "config_map_args": ("configMapGenerator[]",),
    "secret_args": ("secretGenerator[]",),
    "generator_options": ("generatorOptions", "configMapGenerator[].options", "secretGenerator[].options"),
    "label": ("labels[]",),
    "field_spec": ("labels[].fields[]",),
    "image": ("images[]", "imageTags[]"),
    "replica": ("replicas[]",),
    "patch": ("patches[]", "patchesJson6902[]"),
    "patch_options": ("patches[].options",),
    "selector": (
        "patches[].target",
        "patchesJson6902[].target",
        "replacements[].targets[].select",
        "replacements[].targets[].reject[]",
    ),
    "replacement": ("replacements[]",),
    "source": ("replacements[].source",),
    "replacement_target": ("replacements[].targets[]",),
    "field_options": ("replacements[].source.options", "replacements[].targets[].options"),
    "var": ("vars[]",),
    "sort_options": ("sortOptions",),
}

# Read, but never looked at by kustomize: there is nothing a case could show.
WITHOUT_EFFECT = {"field_options": {"encoding"}}


def kustomizations() -> Iterator[dict[str, Any]]:
    """The kustomization files of all cases, as far as they are maps."""
    for case in CASES:
        for path, content in case.files.items():
            if path.rpartition("/")[2] in model.FILE_NAMES:
                value = yaml.load(content.lstrip("\ufeff"), yaml.CSafeLoader)
                if isinstance(value, dict):
                    yield value


def fields_at(value: Any, place: str) -> Iterator[str]:
    """The names of the fields that a kustomization file gives at a place."""
    if place:
        step, _, rest = place.partition(".")
        found = value.get(step.removesuffix("[]")) if isinstance(value, dict) else None
        items = found if step.endswith("[]") and isinstance(found, list) else [found]
        for item in items:
            yield from fields_at(item, rest)
    elif isinstance(value, dict):
        yield from map(str, value)


def test_every_table_is_known() -> None:
    records = {name for name, value in vars(model).items() if isinstance(value, Record)}
    assert records == set(TABLES)


def test_every_field_has_a_case() -> None:
    files = list(kustomizations())
    missing = []
    for table, places in TABLES.items():
        wanted = set(getattr(model, table).names) - WITHOUT_EFFECT.get(table, set())
        given = {name for file in files for place in places for name in fields_at(file, place)}
        missing += [f"{places[0]}: {name}" for name in sorted(wanted - given)]
    assert not missing


def test_every_plugin_has_a_case() -> None:
    texts = "\n".join(content for case in CASES for content in case.files.values())
    kinds = (*plugins.TRANSFORMERS, *plugins.GENERATORS)
    assert [kind for kind in kinds if f"kind: {kind}" not in texts] == []
