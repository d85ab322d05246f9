"""What an error says: file, line, object, field, and what is expected; unsupported features by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.documents.tree import Tree
from headgate.kustomize import (
    BuildError,
    BuildLimits,
    BuildOptions,
    CycleError,
    FileMissing,
    FolderTree,
    IdConflict,
    KustomizationError,
    LimitExceeded,
    MemoryTree,
    OverlayTree,
    PatchError,
    PathOutside,
    RecordingTree,
    ReferenceFault,
    Refused,
    ResourceError,
    YamlError,
    assemble,
    build,
)
from headgate.kustomize.giturl import GitUrl

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: web, image: nginx}]
"""


def fails(kustomization: str, files: dict[str, str] | None = None, **options: object) -> BuildError:
    tree = MemoryTree({"app/kustomization.yaml": kustomization, **(files or {})})
    with pytest.raises(BuildError) as caught:
        build(tree, "app", BuildOptions(**options))  # type: ignore[arg-type]
    return caught.value


CASES: list[tuple[str, dict[str, str], type[BuildError], str]] = [
    # YAML
    (
        "resources: [a.yaml]",
        {"app/a.yaml": f"{MAP}---\napiVersion: v1\nkind: List\nitems: {{name: a}}\n"},
        ResourceError,
        "app/a.yaml:6, List, field items: must be a list",
    ),
    (
        "resources: [a.yaml]",
        {"app/a.yaml": "apiVersion: v1\nkind: List\nitems: {name: a}\n"},
        ResourceError,
        "app/a.yaml:1, List, field items: must be a list",
    ),
    (
        "resources: [a.yaml]",
        {"app/a.yaml": f"{MAP}---\n{MAP}data: [\n"},
        YamlError,
        "app/a.yaml:11: did not find expected node content (while parsing a flow node)",
    ),
    (
        "resources: [a.yaml]",
        {"app/a.yaml": "a:\n\tb: c\n"},
        YamlError,
        "app/a.yaml:2: found character that cannot start any token (while scanning for the next token); "
        "the line is indented with a tab, YAML allows spaces only",
    ),
    (
        "resources: [a.yaml]",
        {"app/a.yaml": "a: 1\na: 2\n"},
        YamlError,
        "app/a.yaml:2: the key 'a' is given twice in one mapping",
    ),
    (
        "resources: [a.yaml]",
        {"app/a.yaml": "a: *b\n"},
        YamlError,
        "app/a.yaml:1: the anchor 'b' is not defined",
    ),
    # Objects
    (
        "resources: [a.yaml]",
        {"app/a.yaml": f"{MAP}---\napiVersion: v1\nmetadata: {{name: b}}\n"},
        ResourceError,
        "app/a.yaml:6, b: the object has no kind",
    ),
    (
        "resources: [a.yaml]",
        {"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\n"},
        ResourceError,
        "app/a.yaml:1, ConfigMap/: the object has no metadata.name",
    ),
    (
        "resources: [a.yaml]",
        {"app/a.yaml": "- a\n"},
        ResourceError,
        "app/a.yaml:1: the document is not a Kubernetes object",
    ),
    (
        "resources: [a.yaml, b.yaml]",
        {"app/a.yaml": MAP, "app/b.yaml": f"\n{MAP}"},
        IdConflict,
        "app/b.yaml:2, ConfigMap/a: may not add a resource with an id that is already taken",
    ),
    # The kustomization file
    (
        "namePrefx: a",
        {},
        KustomizationError,
        "app/kustomization.yaml, field namePrefx: is not a known field",
    ),
    (
        "images: [{name: a, newTag: 1}]",
        {},
        KustomizationError,
        "app/kustomization.yaml, field images[0].newTag: must be text, not a number",
    ),
    (
        "resources: a",
        {},
        KustomizationError,
        "app/kustomization.yaml, field resources: must be a list, not text",
    ),
    (
        "kind: Foo\nnamePrefix: a",
        {},
        KustomizationError,
        "kind must be Kustomization or Component, not 'Foo'",
    ),
    ("", {}, KustomizationError, "app/kustomization.yaml: the kustomization file is empty"),
    (
        "namePrefix: a",
        {"app/Kustomization": "namePrefix: b"},
        KustomizationError,
        "app: has several kustomization files",
    ),
    (
        "resources: [b]",
        {"app/b/x": ""},
        KustomizationError,
        "app/b: has no kustomization.yaml, kustomization.yml or Kust",
    ),
    # Paths
    ("resources: [none.yaml]", {}, FileMissing, "app/none.yaml: no such file or directory"),
    (
        "resources: [../a.yaml]",
        {"a.yaml": MAP},
        PathOutside,
        "a.yaml: is not in or below 'app', the directory of the kustomization that refers to it (the load restriction",
    ),
    ("resources: [../../a.yaml]", {}, PathOutside, "../../a.yaml: the path leads out of the tree"),
    ("resources: [/app]", {}, KustomizationError, "the path of a base must be relative: '/app'"),
    (
        "components: [b]",
        {"app/b/kustomization.yaml": MAP.replace("ConfigMap", "Kustomization")},
        KustomizationError,
        "b",
    ),
    # Patches
    (
        "resources: [a.yaml]\npatches: [{patch: '{kind: ConfigMap, apiVersion: v1, metadata: {name: b}}'}]",
        {"app/a.yaml": MAP},
        PatchError,
        "app/kustomization.yaml, field patches[0], ConfigMap/b: the patch finds no object with this id",
    ),
    (
        "resources: [w.yaml]\npatches: [{path: p.yaml}]",
        {
            "app/w.yaml": WORKLOAD,
            "app/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
            "spec: {template: {spec: [x]}}\n",
        },
        PatchError,
        "app/p.yaml, Deployment.apps/shop/web, field spec.template.spec: the patch has a list where the object has a",
    ),
    (
        "resources: [w.yaml]\npatches: [{target: {kind: Deployment}, path: p.yaml}]",
        {"app/w.yaml": WORKLOAD, "app/p.yaml": "- {op: remove, path: /spec/replicas}\n"},
        PatchError,
        "app/p.yaml, Deployment.apps/shop/web, field spec.replicas: remove '/spec/replicas'",
    ),
    (
        "resources: [w.yaml]\npatches: [{target: {kind: '('}, patch: '{a: b, kind: A, metadata: {name: a}}'}]",
        {"app/w.yaml": WORKLOAD},
        KustomizationError,
        "app/kustomization.yaml, field patches[0].target.kind: '(' is not a regular expression: missing )",
    ),
    # References
    (
        "resources: [a.yaml]\nreplacements: [{source: {name: b}, targets: [{select: {kind: ConfigMap}}]}]",
        {"app/a.yaml": MAP},
        ReferenceFault,
        "the source of a replacement, b, matches no object",
    ),
    (
        "resources: [a.yaml]\nvars: [{name: A, objref: {kind: Secret, name: s, apiVersion: v1}}]",
        {"app/a.yaml": MAP},
        ReferenceFault,
        "app/kustomization.yaml, field vars[0]: the variable 'A' refers to Secret/s, which is not part of the build",
    ),
    (
        "resources: [w.yaml]\nreplicas: [{name: api, count: 2}]",
        {"app/w.yaml": WORKLOAD},
        ResourceError,
        "replicas are set for 'api', but no object of that name is one of: Deployment",
    ),
    # What is refused
    (
        "helmCharts: [{name: a}]",
        {},
        Refused,
        "field helmCharts: Helm charts in kustomizations are not supported",
    ),
    (
        "transformers: [t.yaml]",
        {"app/t.yaml": "apiVersion: example.com/v1\nkind: Sed\nmetadata: {name: t}\n"},
        Refused,
        "the plugin 'Sed' (example.com/v1) would be a program to run",
    ),
    (
        "generators: [t.yaml]",
        {
            "app/t.yaml": "apiVersion: v1\nkind: G\nmetadata:\n  name: t\n  annotations:\n"
            "    config.kubernetes.io/function: 'container: {image: x}'\n"
        },
        Refused,
        "the plugin 'G' (v1) would be a program to run",
    ),
    (
        "generators: [t.yaml]",
        {"app/t.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: t}\n"},
        Refused,
        "Helm charts in kustomizations are not supported; use a HelmRelease",
    ),
    (
        "resources: ['https://user:secret@example.com/a/b?ref=v1']",
        {},
        Refused,
        "the remote base 'https://example.com/a/b?ref=v1' is refused: remote bases are not allowed here",
    ),
]


FILE = "app/kustomization.yaml"
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


@pytest.mark.parametrize(("kustomization", "files", "kind", "text"), CASES)
def test_messages(kustomization: str, files: dict[str, str], kind: type[BuildError], text: str) -> None:
    error = fails(kustomization, files)
    assert isinstance(error, kind), repr(error)
    assert text in str(error)
    assert "secret" not in str(error)


def test_several_faults_of_a_file_are_reported_at_once() -> None:
    error = fails("namePrefx: a\nimages: [{name: 1}, {newTg: x}]\nnamespace: [a]\n")
    assert str(error) == (
        "app/kustomization.yaml, field namePrefx: is not a known field; "
        "field images[0].name: must be text, not a number; field images[1].newTg: is not a known field; "
        "field namespace: must be text, not a list"
    )


def test_several_faulty_objects_of_a_file_are_reported_at_once() -> None:
    documents = f"apiVersion: v1\nkind: ConfigMap\n---\n{MAP}---\nmetadata: {{name: b}}\n"
    assert str(fails("resources: [a.yaml]", {"app/a.yaml": documents})) == (
        "app/a.yaml:1, ConfigMap/: the object has no metadata.name; app/a.yaml:9, b: the object has no kind"
    )


@pytest.mark.parametrize(
    ("files", "path"),
    [
        ({"app/kustomization.yaml": "resources: [.]"}, ("app", "app")),
        (
            {"app/kustomization.yaml": "resources: [../b]", "b/kustomization.yaml": "resources: [../app]"},
            ("app", "b", "app"),
        ),
        (
            {"app/kustomization.yaml": "resources: [..]", "kustomization.yaml": "resources: [app]"},
            ("app", "."),
        ),
        (
            {
                "app/kustomization.yaml": "components: [c]",
                "app/c/kustomization.yaml": "kind: Component\nresources: [..]",
            },
            ("app", "app/c", "app"),
        ),
    ],
)
def test_a_circle_is_named_as_the_path_that_closes_it(files: dict[str, str], path: tuple[str, ...]) -> None:
    with pytest.raises(CycleError) as caught:
        build(MemoryTree(files), "app")
    assert caught.value.path == path
    assert " -> ".join(path) in str(caught.value)


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


def test_unknown_fields_of_the_file_that_is_built_can_be_left_out() -> None:
    files = {"kustomization.yaml": "resources: [b]\nfoo: 1", "b/kustomization.yaml": "namePrefix: a"}
    assert build(MemoryTree(files), "", BuildOptions(unknown_fields="ignore")) == []
    files["b/kustomization.yaml"] = "namePrefix: a\nfoo: 1"
    with pytest.raises(KustomizationError, match=r"b/kustomization.yaml, field foo"):
        build(MemoryTree(files), "", BuildOptions(unknown_fields="ignore"))


def test_a_directory_that_cannot_be_built() -> None:
    with pytest.raises(FileMissing, match="none: no such directory"):
        build(MemoryTree({"a": ""}), "none")
    with pytest.raises(FileMissing, match="a: is a file; a directory is needed"):
        build(MemoryTree({"a": ""}), "a")


class Anything:
    """A fetcher for which every URL is that of a broken file."""

    def repository(self, url: GitUrl) -> Tree:
        raise FileMissing("no such repository", file=str(url.repository))

    def file(self, url: str) -> bytes | None:
        return None if "gone" in url else b"{a\n\xff=b"


@pytest.mark.parametrize("name", ["a.yaml", "gone.yaml"])
@pytest.mark.parametrize(
    "field",
    [
        "resources: [{}]",
        "crds: [{}]",
        "configMapGenerator: [{{name: a, envs: [{}]}}]",
        "openapi: {{path: {}}}",
    ],
)
def test_messages_leave_out_credentials_in_urls(field: str, name: str) -> None:
    files = {"kustomization.yaml": field.format(f"https://ada:hunter2@example.com/{name}")}
    with pytest.raises(BuildError, match=r"example\.com") as caught:
        build(MemoryTree(files), "", BuildOptions(allow_remote=Anything()))
    assert "hunter2" not in str(caught.value)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12345\n"
TEMPLATES = [
    "metadata:\n  name: {{ .Release.Name }}\n",
    "{{- if .Values.enabled }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n{{- end }}\n",
    'kind: ConfigMap\nlabels:\n  {{- include "web.labels" . | nindent 4 }}\n',
    "{{/* a comment */}}\nkind: ConfigMap\n",
    "data:\n  a: {{ $value }}\n",
    "a: {{ default 1 .Values.x }}-b\n",
]


@pytest.mark.parametrize("text", TEMPLATES)
def test_a_template_of_a_chart_is_distinguished_from_a_mistake(text: str) -> None:
    tree = MemoryTree({"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": f"# one\n{text}"})
    line = 2 + text[: text.index("{{")].count("\n")
    says = rf"^app/a\.yaml:\d+: .*in line {line} it looks like a template of a Helm"
    with pytest.raises(YamlError, match=says) as caught:
        build(tree, "app")
    assert "HelmRelease" in str(caught.value)


@pytest.mark.parametrize("text", ["a: {{b: c}: d}\n", "a: [{{\n", "a: '{{ x }}'\nb: [\n", "a: {{{{{\n"])
def test_other_braces_are_not_a_template(text: str) -> None:
    tree = MemoryTree({"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": text})
    with pytest.raises(YamlError) as caught:
        build(tree, "app")
    assert "Helm" not in str(caught.value)


def test_templates_in_text_are_as_good_as_any_text() -> None:
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '{{ .Values.x }}'}}"
    tree = MemoryTree({"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": text})
    assert build(tree, "app")[0]["data"] == {"a": "{{ .Values.x }}"}


@pytest.mark.parametrize(
    "kustomization",
    [
        "resources: [big.yaml]\n",
        "resources: [a.yaml]\npatches: [{path: big.yaml}]\n",
        "resources: [a.yaml]\npatchesStrategicMerge: [big.yaml]\n",
        "resources: [a.yaml]\nreplacements: [{path: big.yaml}]\n",
        "resources: [a.yaml]\nconfigurations: [big.yaml]\n",
    ],
)
def test_a_pointer_of_lfs_is_not_a_manifest(kustomization: str) -> None:
    files = {
        "app/kustomization.yaml": kustomization,
        "app/a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
        "app/big.yaml": POINTER,
    }
    with pytest.raises(BuildError, match=r"app/big\.yaml.*is a Git LFS pointer instead of the file"):
        build(MemoryTree(files), "app")


@pytest.mark.parametrize("source", ["files: [big.yaml]", "envs: [big.yaml]"])
def test_a_pointer_of_lfs_in_a_generator_is_a_warning(source: str) -> None:
    files = {
        "app/kustomization.yaml": f"configMapGenerator: [{{name: a, {source}}}]\n",
        "app/big.yaml": POINTER,
    }
    (warning,) = assemble(MemoryTree(files), "app").warnings
    assert warning.startswith("app/big.yaml: its content is a Git LFS pointer instead of the file")


@pytest.mark.parametrize(
    ("kustomization", "says"),
    [
        (
            "resources: [link.yaml]\n",
            "link.yaml: no such file or directory: it is a symbolic link that leads out",
        ),
        ("resources: [away/a.yaml]\n", "away/a.yaml: no such file or directory: app/away is a symbolic link"),
        (
            "configMapGenerator: [{name: a, files: [link.yaml]}]\n",
            "link.yaml: is a symbolic link that leads out",
        ),
        ("resources: [gone.yaml]\n", "gone.yaml: no such file or directory$"),
    ],
)
def test_what_a_tree_leaves_out_is_reported(tmp_path: Path, kustomization: str, says: str) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (outside / "a.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
    (root / "app").mkdir(parents=True)
    (root / "app" / "kustomization.yaml").write_text(kustomization)
    (root / "app" / "link.yaml").symlink_to(outside / "a.yaml")
    (root / "app" / "away").symlink_to(outside)
    with pytest.raises(BuildError, match=says):
        build(RecordingTree(OverlayTree(FolderTree(root), {})), "app")
