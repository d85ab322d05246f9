"""Whole messages of errors: file, field and what is expected."""

from __future__ import annotations

import pytest

from headgate.kustomize import (
    BuildError,
    FileMissing,
    MemoryTree,
    build,
)
from tests.support.failing_builds import FILE, MAP, WORKLOAD, fails

GONE = "app/gone.yaml: no such file"
BAD_YAML = "did not find expected ',' or '}' (while parsing a flow mapping that starts at line 1)"
PATCH_OF_B = "{kind: ConfigMap, apiVersion: v1, metadata: {name: b}}"
PLUGIN = "apiVersion: builtin\nkind: {kind}\nmetadata: {{name: t}}\n{fields}\n"

REFERRING: list[tuple[str, str]] = [
    ("resources: [a.yaml, gone.yaml]", "resources[1]"),
    ("resources: [a.yaml]\nbases: [gone.yaml]", "bases[0]"),
    ("components: [gone.yaml]", "components[0]"),
    ("generators: [gone.yaml]", "generators[0]"),
    ("transformers: [gone.yaml]", "transformers[0]"),
    ("validators: [gone.yaml]", "validators[0]"),
    ("configurations: [gone.yaml]", "configurations[0]"),
    ("crds: [gone.yaml]", "crds[0]"),
    ("openapi: {path: gone.yaml}", "openapi.path"),
    ("replacements: [{path: gone.yaml}]", "replacements[0].path"),
    ("patches: [{path: gone.yaml}]", "patches[0].path"),
    ("patchesStrategicMerge: [gone.yaml]", "patchesStrategicMerge[0]"),
    ("patchesJson6902: [{target: {kind: A, name: a}, path: gone.yaml}]", "patchesJson6902[0].path"),
    (
        "configMapGenerator: [{name: a}, {name: b, files: [a.yaml, x=gone.yaml]}]",
        "configMapGenerator[1].files[1]",
    ),
    ("configMapGenerator: [{name: a, envs: [gone.yaml]}]", "configMapGenerator[0].envs[0]"),
    ("secretGenerator: [{name: a, env: gone.yaml}]", "secretGenerator[0].env"),
]


@pytest.mark.parametrize(("kustomization", "field"), REFERRING)
def test_what_refers_to_a_path_that_cannot_be_used_is_named(kustomization: str, field: str) -> None:
    error = fails(kustomization, {"app/a.yaml": MAP})
    assert isinstance(error, FileMissing)
    assert str(error).removesuffix(" or directory") == f"{FILE}, field {field}: {GONE}"
    # The same within a base: the innermost file is the one that refers to it.
    files = {"kustomization.yaml": "resources: [app]", FILE: kustomization, "app/a.yaml": MAP}
    with pytest.raises(FileMissing) as caught:
        build(MemoryTree(files), "")
    assert str(caught.value) == str(error)


EXACT: list[tuple[str, dict[str, str], str]] = [
    # Paths
    (
        "resources: [b]",
        {"app/b/x": ""},
        f"{FILE}, field resources[0]: app/b: has no kustomization.yaml, kustomization.yml or Kustomization",
    ),
    (
        "components: [a.yaml]",
        {"app/a.yaml": MAP},
        f"{FILE}, field components[0]: app/a.yaml: is a file; the directory of a kustomization file is needed",
    ),
    ("resources: [../../a]", {}, f"{FILE}, field resources[0]: ../../a: the path leads out of the tree"),
    ("resources: [/app]", {}, f"{FILE}, field resources[0]: the path of a base must be relative: '/app'"),
    # Files that a kustomization refers to
    ("crds: [c.json]", {"app/c.json": "[]"}, "app/c.json: must hold OpenAPI definitions: a map by type name"),
    ("crds: [c.json]", {"app/c.json": "{a: b"}, f"app/c.json:2: {BAD_YAML}"),
    ("configurations: [c.yaml]", {"app/c.yaml": "{a: b"}, f"app/c.yaml:2: {BAD_YAML}"),
    ("configurations: [c.yaml]", {"app/c.yaml": "{a: b}"}, "app/c.yaml, field a: is not a known field"),
    (
        "configurations: [c.yaml]",
        {"app/c.yaml": "commonLabels: [{path: metadata/labels}]"},
        f"{FILE}, field configurations: conflicting field specifications: "
        "'metadata/labels' is given both with and without create",
    ),
    ("openapi: {path: o.json}", {"app/o.json": "{a: b"}, f"app/o.json:2: {BAD_YAML}"),
    ("openapi: {path: o.json}", {"app/o.json": "[]"}, "app/o.json: must hold an OpenAPI document"),
    (
        "replacements: [{path: r.yaml}]",
        {"app/r.yaml": "a"},
        "app/r.yaml: must hold a replacement or a list of them",
    ),
    ("replacements: [{path: r.yaml}]", {"app/r.yaml": "{a: b"}, f"app/r.yaml:2: {BAD_YAML}"),
    (
        "replacements: [{path: r.yaml}]",
        {"app/r.yaml": "source: 1"},
        "app/r.yaml, field source: must be a map, not a number",
    ),
    (
        "replacements: [{path: r.yaml}]",
        {"app/r.yaml": "[{}, {source: 1}]"},
        "app/r.yaml, field [1].source: must be a map, not a number",
    ),
    (
        "replacements: [{path: r.yaml}]",
        {"app/r.yaml": "- {source: {kind: Nope}, targets: [{select: {kind: A}}]}"},
        "app/r.yaml, field [0].source: the source of a replacement, Nope, matches no object",
    ),
    (
        "replacements: [{path: r.yaml}]",
        {"app/r.yaml": "{source: {kind: Nope}, targets: [{select: {kind: A}}]}"},
        "app/r.yaml, field source: the source of a replacement, Nope, matches no object",
    ),
    ("configMapGenerator: [{name: a, envs: [e]}]", {"app/e": "a\n\udcff"}, "app/e:2: is not valid UTF-8"),
    # Generators
    (
        "configMapGenerator: [{name: a}, {name: b, literals: [a=b, c]}]",
        {},
        f"{FILE}, field configMapGenerator[1].literals[1]: a literal must have the form key=value",
    ),
    (
        "secretGenerator: [{name: a, files: [a=b=c]}]",
        {},
        f"{FILE}, field secretGenerator[0].files[0]: 'a=b=c' must have the form path or key=path",
    ),
    (
        "configMapGenerator: [{name: a, literals: [a=1, a=2]}]",
        {},
        f"{FILE}, field configMapGenerator[0]: the key 'a' is given more than once",
    ),
    (
        "configMapGenerator: [{literals: [a=1]}]",
        {},
        f"{FILE}, field configMapGenerator[0]: a generated ConfigMap must have a name",
    ),
    # Inline patches
    (
        "patches: [{patch: '{a: b'}]",
        {},
        f"{FILE}, field patches[0].patch: line 2 of the patch: is neither a strategic merge patch nor a JSON patch: "
        + BAD_YAML,
    ),
    (
        "patches:\n- patch: |\n\n\n    a: b\n    c: [\n",
        {},
        f"{FILE}, field patches[0].patch: line 5 of the patch: is neither a strategic merge patch nor a JSON patch: "
        "did not find expected node content (while parsing a flow node)",
    ),
    (
        "patches: [{patch: '- {op: x}', target: {kind: A}}]",
        {},
        f"{FILE}, field patches[0].patch: operation 1 of the JSON patch: "
        "op must be one of add, remove, replace, move, copy, test, not 'x'",
    ),
    ("patches: [{target: {kind: A}}]", {}, f"{FILE}, field patches[0]: a patch needs a path or a patch"),
    (
        "patches: [{patch: '- {op: remove, path: /a}'}]",
        {},
        f"{FILE}, field patches[0]: a JSON patch needs a target",
    ),
    (
        "resources: [a.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '- {op: remove, path: /q/r}'}]",
        {"app/a.yaml": MAP},
        f"{FILE}, field patches[0], ConfigMap/a, field q.r: remove '/q/r': there is no object or list at '/q'",
    ),
    (
        f"patchesStrategicMerge: [p.yaml, '{PATCH_OF_B}']\nresources: [a.yaml]",
        {"app/a.yaml": MAP, "app/p.yaml": MAP},
        f"{FILE}, field patchesStrategicMerge[1], ConfigMap/b: the patch finds no object with this id",
    ),
    (
        "patchesStrategicMerge: ['{a: b']",
        {},
        f"{FILE}, field patchesStrategicMerge[0]: line 2 of the patch: {BAD_YAML}",
    ),
    (
        "patchesStrategicMerge: ['# nothing\n\n']".replace("'", '"').replace("\n", "\\n"),
        {},
        f"{FILE}, field patchesStrategicMerge: the strategic merge patches are all empty",
    ),
    (
        "patchesJson6902: [{target: {kind: A, name: a}, patch: '- 1'}]",
        {},
        f"{FILE}, field patchesJson6902[0].patch: operation 1 of the JSON patch must be a mapping with op and path",
    ),
    (
        "patchesJson6902: [{patch: '- 1'}]",
        {},
        f"{FILE}, field patchesJson6902[0].target: a JSON patch needs a target with a name",
    ),
    # Selectors
    (
        "resources: [a.yaml]\npatches: [{path: p.yaml}, {path: p.yaml, target: {kind: '('}}]",
        {"app/a.yaml": MAP, "app/p.yaml": MAP},
        f"{FILE}, field patches[1].target.kind: '(' is not a regular expression: missing )",
    ),
    (
        "resources: [a.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap, labelSelector: 'a in b'}}]",
        {"app/a.yaml": MAP, "app/p.yaml": MAP},
        f"{FILE}, field patches[0].target.labelSelector: "
        "the label selector 'a in b' has no list in parentheses after 'in' or 'notin'",
    ),
    (
        "replacements: [{sourceValue: a, targets: [{select: {kind: A}}]}, "
        "{sourceValue: a, targets: [{select: {kind: A}}, {select: {kind: '('}}]}]",
        {},
        f"{FILE}, field replacements[1].targets[1].select.kind: '(' is not a regular expression: missing )",
    ),
    # Replacements and variables
    (
        "replacements: [{sourceValue: a}]",
        {},
        f"{FILE}, field replacements[0]: a replacement needs a source and at least one target",
    ),
    (
        "replacements: [{path: a, targets: [{select: {kind: A}}]}]",
        {},
        f"{FILE}, field replacements[0]: a replacement takes either a path or source and targets",
    ),
    (
        "resources: [a.yaml]\nreplacements: [{sourceValue: a, targets: [{select: {name: a}, fieldPaths: [data.x]}]}]",
        {"app/a.yaml": MAP},
        f"{FILE}, field replacements[0].targets[0], ConfigMap/a, field data.x: "
        "unable to find the target field of a replacement",
    ),
    (
        "resources: [b]",
        {"app/b/kustomization.yaml": "vars: [{name: A, objref: {kind: Secret, name: s, apiVersion: v1}}]"},
        "app/b/kustomization.yaml, field vars[0]: "
        "the variable 'A' refers to Secret/s, which is not part of the build",
    ),
    (
        "resources: [a.yaml]\nvars: [{name: A, objref: {kind: ConfigMap, name: a, apiVersion: v1}, "
        "fieldref: {fieldPath: data.x}}]",
        {"app/a.yaml": MAP},
        f"{FILE}, field vars[0], ConfigMap/a, field data.x: "
        "the variable 'A' refers to a field that does not exist",
    ),
    (
        "vars: [{name: A}, {name: A}]",
        {},
        f"{FILE}, field vars[1]: the variable 'A' is defined more than once, in {FILE} (vars[0]), too",
    ),
    # What is found while, or after, everything is transformed
    ("sortOptions: {order: abc}", {}, f"{FILE}, field sortOptions.order: must be one of fifo, legacy"),
    (
        "replicas: [{name: a, count: 1}, {name: b, count: 1}]\nresources: [w.yaml]",
        {"app/w.yaml": WORKLOAD.replace("name: web", "name: a")},
        f"{FILE}, field replicas[1]: replicas are set for 'b', but no object of that name is one of: "
        "Deployment, StatefulSet, ReplicaSet, ReplicationController",
    ),
    # Plugins
    (
        "transformers: [t.yaml]",
        {"app/t.yaml": "---\n" + PLUGIN.format(kind="PrefixTransformer", fields="prefix: [a]")},
        "app/t.yaml:2, PrefixTransformer/t, field prefix: must be text, not a list",
    ),
    (
        "transformers: [t.yaml]",
        {"app/t.yaml": PLUGIN.format(kind="PatchTransformer", fields="path: gone.yaml")},
        f"app/t.yaml:1, PatchTransformer/t, field path: {GONE}",
    ),
    (
        "transformers: [t.yaml]",
        {"app/t.yaml": PLUGIN.format(kind="PatchTransformer", fields="patch: '{a: b'")},
        "app/t.yaml:1, PatchTransformer/t, field patch: line 2 of the patch: "
        f"is neither a strategic merge patch nor a JSON patch: {BAD_YAML}",
    ),
    (
        "transformers: [t.yaml]",
        {
            "app/t.yaml": PLUGIN.format(kind="ValueAddTransformer", fields="targetFilePath: v.yaml"),
            "app/v.yaml": "{a: b",
        },
        f"app/v.yaml:2, ValueAddTransformer/t: {BAD_YAML}",
    ),
    (
        "transformers: [t.yaml]",
        {
            "app/t.yaml": PLUGIN.format(kind="ValueAddTransformer", fields="targetFilePath: v.yaml"),
            "app/v.yaml": "targets: [{fieldPath: a}, {}]",
        },
        "app/v.yaml, ValueAddTransformer/t, field targets[1].fieldPath: must not be empty",
    ),
    (
        "generators: [t.yaml]",
        {"app/t.yaml": PLUGIN.format(kind="SecretGenerator", fields="files: [gone.yaml]")},
        f"app/t.yaml:1, SecretGenerator/t, field files[0]: {GONE}",
    ),
    (
        "transformers: ['{a: b']",
        {},
        f"{FILE}, field transformers[0]: line 2 of the text: {BAD_YAML}",
    ),
    (
        "transformers: ['{apiVersion: builtin, kind: PrefixTransformer, metadata: {name: t}, prefix: []}']",
        {},
        f"{FILE}, PrefixTransformer/t, field prefix: must be text, not a list",
    ),
]


@pytest.mark.parametrize(("kustomization", "files", "text"), EXACT)
def test_whole_messages(kustomization: str, files: dict[str, str], text: str) -> None:
    tree = {FILE: kustomization, **files}
    with pytest.raises(BuildError) as caught:
        build(MemoryTree({path: text.encode(errors="surrogateescape") for path, text in tree.items()}), "app")
    assert str(caught.value) == text


def test_a_path_may_look_like_a_patch() -> None:
    files = {
        "kustomization.yaml": "resources: [a.yaml]\npatchesStrategicMerge: ['{a: b']\ntransformers: ['t{']",
        "a.yaml": MAP,
        "{a: b": f"{MAP}data: {{x: y}}\n",
        "t{": PLUGIN.format(
            kind="PrefixTransformer", fields="prefix: p-\nfieldSpecs: [{path: metadata/name}]"
        ),
    }
    (found,) = build(MemoryTree(files), "")
    assert (found["metadata"]["name"], found["data"]) == ("p-a", {"x": "y"})
