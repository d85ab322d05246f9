"""What a small repository may cost: limits of a build."""

from __future__ import annotations

import pytest

from headgate.kustomize import (
    BuildLimits,
    BuildOptions,
    LimitExceeded,
    MemoryTree,
    build,
)
from tests.support.failing_builds import MAP


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (BuildLimits(depth=1), "bases nest deeper than 1 levels"),
        (BuildLimits(kustomizations=2), "the build has more than 2 kustomizations"),
        (BuildLimits(resources=1), "the build has more than 1 resources"),
        (BuildLimits(bytes_read=10), "the build reads more than 10 bytes"),
    ],
)
def test_limits(limits: BuildLimits, text: str) -> None:
    files = {
        "app/kustomization.yaml": "resources: [b, two.yaml]  # this test only: limits",
        "app/b/kustomization.yaml": "resources: [c]",
        "app/b/c/kustomization.yaml": "namePrefix: a",
        "app/two.yaml": f"# {limits}\n{MAP}---\n{MAP.replace('name: a', 'name: b')}",
    }
    with pytest.raises(LimitExceeded, match=text):
        build(MemoryTree(files), "app", BuildOptions(limits=limits))


def test_what_is_read_counts_as_often_as_it_is_read_cached_or_not() -> None:
    files = {
        "app/kustomization.yaml": "resources: [b, c]",
        "app/b/kustomization.yaml": "namePrefix: b-\nresources: [../../base]",
        "app/c/kustomization.yaml": "namePrefix: c-\nresources: [../../base]",
        "base/kustomization.yaml": "resources: [a.yaml]",
        "base/a.yaml": f"{MAP}data: {{x: {'x' * 10_000}}}\n",
    }
    assert len(build(MemoryTree(files), "app", BuildOptions(limits=BuildLimits(bytes_read=21_000)))) == 2
    for _ in range(2):
        with pytest.raises(LimitExceeded, match="the build reads more than 19000 bytes"):
            build(MemoryTree(files), "app", BuildOptions(limits=BuildLimits(bytes_read=19_000)))


DOUBLING = "".join(f"- {{op: copy, from: /data, path: /data/x{number}}}\n" for number in range(40))
GROWTH = {
    "a JSON patch that copies a field into itself": f"patches: [{{target: {{name: a}}, path: {{}}}}]\n---\n{DOUBLING}",
    "replacements that copy a field into itself": "replacements:\n"
    + "".join(
        f"- source: {{kind: ConfigMap, name: a, fieldPath: data}}\n  targets:\n"
        f"  - {{select: {{kind: ConfigMap}}, fieldPaths: [data.x{number}], options: {{create: true}}}}\n"
        for number in range(40)
    ),
    "replacements that append a text to itself": "replacements:\n"
    + "- source: {kind: ConfigMap, name: a, fieldPath: data.k}\n  targets:\n"
    "  - {select: {kind: ConfigMap}, fieldPaths: [data.k], options: {delimiter: ',', index: 999}}\n" * 40,
    "a long prefix, many times": f"namePrefix: {'x' * 100_000}\nnameSuffix: {'x' * 100_000}\n",
    "a long label in many places": f"labels: [{{pairs: {{a: {'x' * 50_000}}}, includeSelectors: true}}]\n",
    "a large patch with many targets": "patches:\n- target: {kind: ConfigMap}\n  patch: |\n"
    f"    apiVersion: v1\n    kind: ConfigMap\n    metadata: {{name: a}}\n    data: {{big: {'x' * 50_000}}}\n",
}


@pytest.mark.parametrize("name", GROWTH)
def test_a_little_that_would_become_a_lot(name: str) -> None:
    objects = "---\n".join(
        MAP.replace("name: a", f"name: a{number or ''}") + "data: {k: v}\n" for number in range(50)
    )
    kustomization, _, patch = GROWTH[name].partition("---\n")
    files = {
        "kustomization.yaml": f"resources: [all.yaml]\n{kustomization.replace('{}', 'p.yaml')}",
        "all.yaml": objects,
        "p.yaml": patch,
    }
    with pytest.raises(LimitExceeded, match="of the build write or search more than 2000000 bytes"):
        build(MemoryTree(files), "", BuildOptions(limits=BuildLimits(bytes_written=2_000_000)))


ALIASES = "- *a\n" * 5000
JSON_PATCH = f"patches:\n- &a {{target: {{kind: ConfigMap}}, path: {{}}}}\n{ALIASES}---\n"
LOOKS = {
    "JSON patches of a large object": f"{JSON_PATCH}- {{op: add, path: /x, value: 1}}\n",
    "JSON patches that write annotations": f"{JSON_PATCH}- {{op: add, path: /metadata/annotations/x, value: y}}\n",
    "JSON patches that test": f"{JSON_PATCH}{'- {op: test, path: /x, value: null}' * 1}\n",
    "patches of a large object": f"patches:\n- &a {{path: {{}}}}\n{ALIASES}---\n{MAP}x: 1\n",
    "patchesStrategicMerge": f"patchesStrategicMerge:\n- &a p.yaml\n{ALIASES}---\n{MAP}x: 1\n",
    "patches that are read and fit nothing": "patches:\n- &a {target: {kind: None}, path: {}}\n"
    f"{ALIASES}---\n# {'x' * 1000}\n- {{op: add, path: /x, value: 1}}\n",
    "labels": f"labels:\n- &a {{pairs: {{a: b}}}}\n{ALIASES}",
    "labels in fields that are not there": "labels:\n- &a {pairs: {a: b}, fields: ["
    + "".join(f"{{path: a{number}}}, " for number in range(4))
    + f"]}}\n{ALIASES}",
    "replacements": "replacements:\n- &a {sourceValue: q, targets: [{select: {kind: Pod}, fieldPaths: [data.k]}]}\n"
    + ALIASES,
    "replacements that select nothing": "replacements:\n- &a {sourceValue: q, targets: [{select: {kind: None}}]}\n"
    + ALIASES,
    "replacements that look for their source": "replacements:\n"
    f"- &a {{source: {{kind: Secret}}, targets: [{{select: {{kind: None}}}}]}}\n{ALIASES}",
    "replacements within a text": "replacements:\n- sourceValue: q\n  targets:\n  - select: {kind: Secret}\n"
    "    fieldPaths:\n    - &a data.j.k\n" + "    - *a\n" * 2000,
    "replacements in all entries of a list": "replacements:\n- sourceValue: q\n  targets:\n"
    "  - select: {kind: Secret}\n    fieldPaths:\n    - &a list.*\n" + "    - *a\n" * 2000,
    "replacements that are read again": f"replacements:\n- &a {{path: {{}}}}\n{ALIASES}---\n"
    + "- {sourceValue: q, targets: [{select: {kind: None}}]}\n" * 20,
    "entries that are created": "replacements:\n- sourceValue: q\n  targets:\n  - select: {kind: Secret}\n"
    "    options: {create: true}\n    fieldPaths:\n"
    + "".join(f"    - list.[n=x{number}y].v\n" for number in range(1000)),
    "images": "transformers: [p.yaml]\n---\n"
    + "---\n".join(
        f"{{apiVersion: builtin, kind: ImageTagTransformer, metadata: {{name: t{number}}}, imageTag: {{name: a}}}}\n"
        for number in range(500)
    ),
    "values that are added": "transformers: [p.yaml]\n---\n"
    "apiVersion: builtin\nkind: ValueAddTransformer\nmetadata: {name: a}\nvalue: x\ntargets:\n"
    f"- &a {{fieldPath: a/b}}\n{ALIASES}",
    "replicas": f"replicas:\n- &a {{name: d, count: 1}}\n{ALIASES}",
    "name references": "namePrefix: a\nconfigurations: [p.yaml]\n---\nnameReference:\n"
    + "".join(f"- {{kind: K{number}, fieldSpecs: [{{path: list}}]}}\n" for number in range(500)),
    "names of many fields": "namePrefix: a\nconfigurations: [p.yaml]\n---\nnamePrefix:\n"
    + "".join(f"- {{path: a{number}}}\n" for number in range(5000)),
    "components": "components:\n- &a c\n" + ALIASES,
    "generators that merge": "configMapGenerator:\n- {name: g, literals: [a=b]}\n"
    f"- &a {{name: g, behavior: merge, files: [p.yaml]}}\n{ALIASES}---\n{'x' * 1000}\n",
    "transformers in annotations": f"buildMetadata: [transformerAnnotations]\nimages:\n- &a {{name: a}}\n{ALIASES}",
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_little_that_would_look_at_a_lot(name: str) -> None:
    # None of these writes much, but five bytes of an alias repeat a step that reads every object, or a large one.
    kustomization, _, file = LOOKS[name].partition("---\n")
    secret = (
        'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {j: \'{"k": "v"}\'}\n'
        f"list: [{'{n: 1}, ' * 300}]\n"
    )
    deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
    objects = [MAP + "data: {k: v}\nx: null\n", secret, deployment]
    objects += [
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a{number}}}\ndata: {{k: v}}\n" for number in range(30)
    ]
    files = {
        "kustomization.yaml": f"resources: [all.yaml]\n{kustomization.replace('{}', 'p.yaml')}",
        "all.yaml": "---\n".join(objects),
        "p.yaml": file,
        "c/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        "generatorOptions: {immutable: true}\n",
    }
    with pytest.raises(LimitExceeded, match="of the build write or search more than 1000000 bytes"):
        build(MemoryTree(files), "", BuildOptions(limits=BuildLimits(bytes_written=1_000_000)))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("[{name: v, a: ", "}]")])
@pytest.mark.parametrize(
    "field", ["commonLabels: {a: b}", "patches: [{path: p.yaml}]", "buildMetadata: [originAnnotations]"]
)
def test_deep_nesting_costs_no_more_than_its_depth(opening: str, closing: str, field: str) -> None:
    # Whatever looks twice at what is within looks 2^90 times at the innermost: such a build never ends.
    nested = opening * 90 + "'text'" + closing * 90
    files = {
        "kustomization.yaml": f"resources: [all.yaml]\n{field}\n",
        "all.yaml": MAP + f"x: {nested}\ny: {nested}\n",
        "p.yaml": MAP + f"x: {nested}\nz: {nested}\n",
    }
    (found,) = build(MemoryTree(files), "")
    assert {"x", "y"} <= found.keys()
