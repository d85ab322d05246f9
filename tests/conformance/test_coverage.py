"""Each field of a kustomization file and each built-in plugin has its own case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from headgate.kustomize.model import kustomization_file as model
from headgate.kustomize.model.decode import record
from headgate.kustomize.paths.fieldspec import FieldSpec
from headgate.kustomize.recipe import plugins
from headgate.names import KUSTOMIZATION_FILES
from tests.conformance.casefile import FOLDER, load

CASES = [case for path in sorted(FOLDER.glob("*.txt")) for case in load(path)]

# Where in a kustomization file each record of fields applies; [] is for each entry of a list.
RECORDS: dict[type, tuple[str, ...]] = {
    model.KustomizationFile: ("",),
    model.ObjectMeta: ("metadata",),
    model.GeneratorArgs: ("configMapGenerator[]",),
    model.SecretArgs: ("secretGenerator[]",),
    model.GeneratorOptions: (
        "generatorOptions",
        "configMapGenerator[].options",
        "secretGenerator[].options",
    ),
    model.Label: ("labels[]",),
    FieldSpec: ("labels[].fields[]",),
    model.ImageEntry: ("images[]", "imageTags[]"),
    model.Replica: ("replicas[]",),
    model.PatchEntry: ("patches[]", "patchesJson6902[]"),
    model.PatchOptions: ("patches[].options",),
    model.ObjectSelector: (
        "patches[].target",
        "patchesJson6902[].target",
        "replacements[].targets[].select",
        "replacements[].targets[].reject[]",
    ),
    model.Replacement: ("replacements[]",),
    model.ReplacementSource: ("replacements[].source",),
    model.ReplacementTarget: ("replacements[].targets[]",),
    model.FieldOptions: ("replacements[].source.options", "replacements[].targets[].options"),
    model.Var: ("vars[]",),
    model.VarObjectRef: ("vars[].objref",),
    model.FieldRef: ("vars[].fieldref",),
    model.SortOptions: ("sortOptions",),
    model.LegacySortOptions: ("sortOptions.legacySortOptions",),
}

# kustomize reads them and ignores them: a case could not show anything.
WITHOUT_EFFECT = {model.FieldOptions: {"encoding"}}


def kustomizations() -> Iterator[dict[str, Any]]:
    """The kustomization files of all cases, as far as they are maps."""
    for case in CASES:
        for path, content in case.files.items():
            if path.rpartition("/")[2] in KUSTOMIZATION_FILES:
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


def test_every_record_is_known() -> None:
    records = {value for value in vars(model).values() if getattr(value, "__module__", "") == model.__name__}
    assert {value for value in records if isinstance(value, type)} | {FieldSpec} == set(RECORDS)


def test_every_field_has_a_case() -> None:
    files = list(kustomizations())
    missing = []
    for kind, places in RECORDS.items():
        wanted = set(record(kind).names) - WITHOUT_EFFECT.get(kind, set())
        given = {name for file in files for place in places for name in fields_at(file, place)}
        missing += [f"{places[0]}: {name}" for name in sorted(wanted - given)]
    assert not missing


def test_every_plugin_has_a_case() -> None:
    texts = "\n".join(content for case in CASES for content in case.files.values())
    kinds = (*plugins.TRANSFORMERS, *plugins.GENERATORS)
    assert [kind for kind in kinds if f"kind: {kind}" not in texts] == []
