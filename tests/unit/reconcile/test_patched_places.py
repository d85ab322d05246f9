"""What is wrong with an object names the file that is to blame: the patch that set the field, not the base."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.documents.errors import BuildError
from headgate.documents.tree import MemoryTree
from headgate.kustomize.resources.places import described
from headgate.postbuild import Variables
from headgate.reconcile.kustomization.build.builds import BuildRules, build_objects
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs

BASE = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  template:
    spec:
      containers:
      - {name: web, image: "web:1", env: [{name: A, value: b}]}
"""
HEAD = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n"
PATH = "patches:\n- path: p.yaml\n"
TO_ALL = f"{PATH}  target: {{kind: Deployment}}\n"
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"


def built(overlay: str, files: dict[str, str], variables: dict[str, str] | None = None) -> Any:
    tree = {"b/kustomization.yaml": "resources: [d.yaml]\n", "b/d.yaml": BASE}
    tree |= {"o/kustomization.yaml": f"resources: [../b]\n{overlay}", **files}
    inputs = ClusterInputs(variables=None if variables is None else Variables(variables))
    memory = MemoryTree({path: text.encode() for path, text in tree.items()})
    return build_objects(memory, {"path": "./o"}, inputs, BuildRules(strict_substitutions=True))


def fault(overlay: str, files: dict[str, str], variables: dict[str, str] | None = None) -> BuildError:
    with pytest.raises(BuildError) as failed:
        built(overlay, files, variables)
    return failed.value


HOST = "spec: {template: {spec: {hostname: '${missing}'}}}\n"
LABEL = HEAD + "  labels: {tier: 1}\n"
JSON = "- {op: add, path: /metadata/labels/tier, value: 1}\n"
WHOLE = "- {op: replace, path: /metadata/labels, value: {tier: 1}}\n"
REPLACEMENT = """\
source: {kind: Deployment, name: web, fieldPath: spec.replicas}
targets:
- select: {kind: Deployment}
  fieldPaths: [metadata.labels.tier]
  options: {create: true}
"""
CASES: dict[str, tuple[str, dict[str, str], str]] = {
    "a strategic merge patch": (PATH, {"o/p.yaml": LABEL}, "o/p.yaml"),
    "a JSON patch": (TO_ALL, {"o/p.yaml": JSON}, "o/p.yaml"),
    "a JSON patch of the whole map": (TO_ALL, {"o/p.yaml": WHOLE}, "o/p.yaml"),
    "patchesJson6902": (
        "patchesJson6902:\n- path: p.yaml\n  target: {group: apps, version: v1, kind: Deployment, name: web}\n",
        {"o/p.yaml": JSON},
        "o/p.yaml",
    ),
    "a text in the kustomization file": (
        "patches:\n- patch: |-\n    - {op: add, path: /metadata/labels/tier, value: 1}\n  target: {kind: Deployment}\n",
        {},
        "o/kustomization.yaml",
    ),
    "a component": (
        "components: [c]\n",
        {"o/c/kustomization.yaml": COMPONENT + TO_ALL, "o/c/p.yaml": JSON},
        "o/c/p.yaml",
    ),
    "a transformer in a file": (
        "transformers: [t.yaml]\n",
        {
            "o/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: p.yaml\n"
            "target: {kind: Deployment}\n",
            "o/p.yaml": JSON,
        },
        "o/p.yaml",
    ),
    "a replacement in a file": (
        "replacements:\n- path: r.yaml\n",
        {"o/r.yaml": REPLACEMENT, "b/d.yaml": BASE.replace("spec:\n", "spec:\n  replicas: 2\n", 1)},
        "o/r.yaml",
    ),
    "the last of several that set it": (
        "patches:\n- path: p.yaml\n- path: q.yaml\n- path: r.yaml\n",
        {
            "o/p.yaml": LABEL,
            "o/q.yaml": LABEL.replace("tier: 1", "tier: 2"),
            "o/r.yaml": HEAD + "  annotations: {a: b}\n",
        },
        "o/q.yaml",
    ),
}


@pytest.mark.parametrize(("overlay", "files", "file"), CASES.values(), ids=CASES)
def test_a_wrong_label_names_the_patch_that_set_it(overlay: str, files: dict[str, str], file: str) -> None:
    error = fault(overlay, files)
    assert (error.file, error.field) == (file, "metadata.labels.tier")
    assert "b/d.yaml" not in str(error)


@pytest.mark.parametrize(
    ("overlay", "files"),
    [
        (
            "patchesStrategicMerge: [p.yaml]\n",
            {"o/p.yaml": HEAD + HOST},
        ),
        (TO_ALL, {"o/p.yaml": HEAD + HOST}),
        (PATH, {"o/p.yaml": HEAD + HOST}),
        (TO_ALL, {"o/p.yaml": "- {op: add, path: /spec/template/spec/hostname, value: '${missing}'}\n"}),
    ],
)
def test_a_faulty_substitution_names_the_patch(overlay: str, files: dict[str, str]) -> None:
    error = fault(overlay, files, {"other": "x"})
    assert error.file == "o/p.yaml", error


def test_a_name_that_a_patch_takes_away_names_the_patch() -> None:
    error = fault(TO_ALL, {"o/p.yaml": "- {op: remove, path: /metadata/name}\n"})
    assert error.file == "o/p.yaml"
    assert error.message == "is left without metadata.name"


def test_what_no_patch_set_is_the_fault_of_the_base() -> None:
    base = BASE.replace("{app: web}", "{app: web, tier: 1}")
    error = fault(PATH, {"o/p.yaml": HEAD + "  annotations: {a: b}\n", "b/d.yaml": base})
    assert (error.file, error.line) == ("b/d.yaml", 1)


def test_a_message_about_the_whole_object_names_both() -> None:
    result = built(PATH, {"o/p.yaml": HEAD + "spec: {replicas: 2}\n"})
    (place,) = result.places
    assert place == "b/d.yaml:1"
    assert described(place) == "b/d.yaml:1, changed by o/p.yaml"
    assert [described(each) for each in built("", {}).places] == ["b/d.yaml:1"]
