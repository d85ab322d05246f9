"""What an error says: file, line, object, field, and what is expected; unsupported features by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from headgate.documents.tree import Tree
from headgate.kustomize import (
    BuildError,
    BuildOptions,
    CycleError,
    FileMissing,
    FolderTree,
    IdConflict,
    KustomizationError,
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
from tests.support.failing_builds import MAP, WORKLOAD, fails

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
