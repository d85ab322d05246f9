"""From a tree to the objects to apply: substitution, common metadata, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from headgate.api import reasons
from headgate.kustomize import BuildError, MemoryTree
from headgate.postbuild import Variables
from headgate.reconcile.kustomization.build.builds import (
    BuildRules,
    build_directory,
    build_objects,
)
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.decryption import Keys
from headgate.reconcile.kustomization.build.errors import (
    DecryptionFailed,
    PathIsFile,
    PathNotFound,
    PostBuildFailed,
    StillEncrypted,
    failure_of,
)
from headgate.reconcile.kustomization.build.inputs import references, source_references
from headgate.reconcile.kustomization.build.keys import SharedKeys
from headgate.settings import DecryptionSettings

CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  region: ${region}
"""
ENCRYPTED = """\
apiVersion: v1
kind: Secret
metadata:
  name: password
stringData:
  value: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]
sops:
  mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]
"""


def _tree(**files: str) -> MemoryTree:
    return MemoryTree({f"app/{name}.yaml": text.encode() for name, text in files.items()})


def _spec(**fields: Any) -> dict[str, Any]:
    return {"path": "./app", **fields}


def test_variables_are_substituted() -> None:
    inputs = ClusterInputs("1", Variables({"region": "eu"}))
    built = build_objects(_tree(a=CONFIG), _spec(), inputs)
    assert [o["data"] for o in built.objects] == [{"region": "eu"}]


def test_without_post_build_variables_stay() -> None:
    assert build_objects(_tree(a=CONFIG), _spec()).objects[0]["data"] == {"region": "${region}"}


def test_a_variable_without_value_names_object_and_variable() -> None:
    inputs = ClusterInputs("1", Variables({"other": "x"}))
    with pytest.raises(PostBuildFailed, match=r"ConfigMap/settings.*region"):
        build_objects(_tree(a=CONFIG), _spec(), inputs)


def test_a_variable_without_value_is_empty_where_that_is_chosen() -> None:
    inputs = ClusterInputs("1", Variables({"other": "x"}))
    built = build_objects(_tree(a=CONFIG), _spec(), inputs, BuildRules(strict_substitutions=False))
    assert built.objects[0]["data"] == {"region": None}


@pytest.mark.parametrize(
    ("text", "value"),
    [("yes", True), ("2024-01-02", "2024-01-02"), ("0o17", 15), ("017", 15), ("2.0", 2), ("1e3", 1000)],
)
def test_what_is_substituted_is_read_as_flux_reads_it(text: str, value: Any) -> None:
    built = build_objects(_tree(a=CONFIG), _spec(), ClusterInputs("1", Variables({"region": text})))
    assert built.objects[0]["data"] == {"region": value}
    assert type(built.objects[0]["data"]["region"]) is type(value)


def test_whole_numbers_reach_the_api_server_as_such() -> None:
    numbers = "apiVersion: example.com/v1\nkind: Web\nmetadata: {name: web}\n"
    numbers += "spec: {replicas: 2.0, many: 1e6, ratio: 0.5, listed: [1.0, 1.5], huge: 1e30}\n"
    spec = build_objects(_tree(a=numbers), _spec()).objects[0]["spec"]
    assert repr(spec) == "{'replicas': 2, 'many': 1000000, 'ratio': 0.5, 'listed': [1, 1.5], 'huge': 1e+30}"


def test_files_beside_the_directory_are_read_as_far_as_the_source_reaches() -> None:
    files = {
        "app/kustomization.yaml": "resources: [../shared/config.yaml]\n",
        "shared/config.yaml": CONFIG,
        "out/kustomization.yaml": "resources: [../../config.yaml]\n",
    }
    assert len(build_objects(MemoryTree(files), _spec()).objects) == 1
    with pytest.raises(BuildError, match="leads out of the tree"):
        build_objects(MemoryTree(files), _spec(path="./out"))


def test_a_kustomization_file_among_the_resources_is_not_applied() -> None:
    files = {
        "app/kustomization.yaml": "resources: [config.yaml, other.yaml]\n",
        "app/config.yaml": CONFIG,
        "app/other.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: a}\n",
    }
    assert [o["kind"] for o in build_objects(MemoryTree(files), _spec()).objects] == ["ConfigMap"]


def test_the_kustomization_file_is_read_as_flux_reads_it() -> None:
    text = "generatorOptions: {disableNameSuffixHash: yes}\n"
    text += "images: [{name: nginx, newTag: 1.10}]\nconfigMapGenerator: [{name: a, literals: [b=c]}]\n---\nmore: 1\n"
    built = build_objects(MemoryTree({"app/kustomization.yaml": text}), _spec(namePrefix="x-"))
    assert [o["metadata"]["name"] for o in built.objects] == ["x-a"]
    text = "resources: [pod.yaml]\nimages: [{name: nginx, newTag: 1.10}]\n"
    text += "labels: [{pairs: {a: 1, b: yes, c: 123456.789}}]\n"
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a, image: nginx}]}}"
    built = build_objects(MemoryTree({"app/kustomization.yaml": text, "app/pod.yaml": pod}), _spec())
    assert built.objects[0]["metadata"]["labels"] == {"a": "1", "b": "true", "c": "123456.79"}
    assert built.objects[0]["spec"]["containers"][0]["image"] == "nginx:1.1"


@pytest.mark.parametrize("keys", [None, Keys("1")])
def test_ciphertext_is_never_applied(keys: Keys | None) -> None:
    with pytest.raises((StillEncrypted, DecryptionFailed), match=r"Secret/password( is SOPS encrypted|: )"):
        build_objects(_tree(a=ENCRYPTED), _spec(), ClusterInputs(keys=keys))


def test_common_metadata_wins() -> None:
    text = CONFIG.replace("  name: settings", "  name: settings\n  labels:\n    team: a\n    app: x")
    spec = _spec(commonMetadata={"labels": {"team": "b"}, "annotations": {"note": "1"}})
    meta = build_objects(_tree(a=text), spec).objects[0]["metadata"]
    assert meta["labels"] == {"team": "b", "app": "x"}
    assert meta["annotations"] == {"note": "1"}


@pytest.mark.parametrize(
    ("path", "error", "what"),
    [("./gone", PathNotFound, "no such directory"), ("./app/a.yaml", PathIsFile, "is a file")],
)
def test_a_missing_path_is_reported(path: str, error: type[BuildError], what: str) -> None:
    with pytest.raises(error, match=what):
        build_objects(_tree(a=CONFIG), {"path": path})


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (
            BuildError("is wrong", file="a.yaml"),
            reasons.BUILD_FAILED,
            "kustomize build failed: a.yaml: is wrong",
        ),
        (PathNotFound("not there", field="spec.path"), reasons.ARTIFACT_FAILED, "not there"),
        (PathIsFile("is a file"), reasons.BUILD_FAILED, "kustomize build failed: is a file"),
        (DecryptionFailed("no key"), reasons.BUILD_FAILED, "decryption failed: no key"),
        (StillEncrypted("no spec.decryption"), reasons.RECONCILIATION_FAILED, "no spec.decryption"),
        (PostBuildFailed("no value"), reasons.BUILD_FAILED, "post build failed: no value"),
    ],
)
def test_the_reason_of_a_failed_build_is_that_of_its_error(
    error: BuildError, reason: str, message: str
) -> None:
    failure = failure_of(error)
    assert (failure.reason, str(failure), failure.stalled) == (reason, message, False)


@pytest.mark.parametrize(
    ("path", "directory"),
    [(None, ""), ("./", ""), ("./apps/a", "apps/a"), ("/apps", "apps"), ("../../etc", "etc")],
)
def test_paths_stay_in_the_tree(path: str | None, directory: str) -> None:
    assert build_directory(path) == directory


def test_an_object_without_a_name_is_refused() -> None:
    with pytest.raises(BuildError, match=r"metadata\.name"):
        build_objects(_tree(a="apiVersion: v1\nkind: ConfigMap\n"), _spec())


MISSHAPEN = [
    ("labels: [a]", "metadata.labels", "a map of text, not a list"),
    ("labels: {tier: 1}", "metadata.labels.tier", "text, not a number: quote it"),
    ("labels: {tier: yes-no, on: true}", "metadata.labels.on", "text, not a boolean: quote it"),
    ("namespace: 123", "metadata.namespace", "text, not a number: quote it"),
]


@pytest.mark.parametrize(("meta", "field", "says"), MISSHAPEN)
@pytest.mark.parametrize("common", [None, {"labels": {"team": "b"}, "annotations": {"note": "1"}}])
def test_metadata_of_wrong_types_name_file_object_and_field(
    meta: str, field: str, says: str, common: dict[str, Any] | None
) -> None:
    text = f"# first\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  {meta}\n"
    with pytest.raises(
        BuildError, match=rf"app/a\.yaml:2, ConfigMap/(123/)?settings, field {field}: must be {says}"
    ):
        build_objects(_tree(a=text), _spec(commonMetadata=common))


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        ("name: 123", "metadata.name", "text, not a number: quote it"),
        ("name: [a]", "has no metadata.name", ""),
        ("generateName: web-", "metadata.name", "generateName is not enough"),
    ],
)
def test_a_name_that_is_no_text_is_refused(line: str, field: str, says: str) -> None:
    with pytest.raises(BuildError, match=rf"app/a.yaml.*{field}.*{says}"):
        build_objects(_tree(a=f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  {line}\n"), _spec())


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("kind: ${n}", "kind"),
        ("apiVersion: ${n}", "apiVersion"),
        ("metadata: {name: '${n}'}", "metadata.name"),
        ("metadata: {name: a, namespace: '${n}'}", "metadata.namespace"),
        ("metadata: {name: a, labels: {tier: '${n}'}}", "metadata.labels.tier"),
        ("metadata: {name: a, annotations: {note: '${n}'}}", "metadata.annotations.note"),
    ],
)
def test_what_a_variable_makes_a_number_names_the_field_and_says_how_to_quote(line: str, field: str) -> None:
    lines = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": "{name: a}"}
    text = "\n".join(f"{key}: {value}" for key, value in lines.items() if key != line.partition(":")[0])
    inputs = ClusterInputs("1", Variables({"n": "123"}))
    with pytest.raises(BuildError, match=rf"app/a\.yaml:1, .*field {field}: must be .*not a number.*quotes"):
        build_objects(_tree(a=f"{text}\n{line}\n"), _spec(), inputs)


def test_all_that_is_wrong_with_all_objects_is_reported_at_once() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {tier: 1}}\n"
    with pytest.raises(BuildError, match=r"app/a\.yaml:1, ConfigMap/x.*app/b\.yaml:1, ConfigMap/y"):
        build_objects(_tree(a=text % "x", b=text % "y"), _spec())


def test_a_list_that_substitution_makes_is_taken_apart() -> None:
    item = "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}"
    text = f"apiVersion: v1\nkind: ${{k}}\nmetadata: {{name: a}}\nitems: [{item}]\n"
    built = build_objects(_tree(a=text), _spec(), ClusterInputs("1", Variables({"k": "ThingList"})))
    assert [o["metadata"]["name"] for o in built.objects] == ["b"]
    with pytest.raises(BuildError, match="holds a number where an object is needed"):
        build_objects(
            _tree(a=text.replace(item, "1")), _spec(), ClusterInputs("1", Variables({"k": "ThingList"}))
        )


def test_where_each_object_is_from() -> None:
    files = {
        "app/kustomization.yaml": "resources: [a.yaml]\nconfigMapGenerator: [{name: made, literals: [a=b]}]\n",
        "app/a.yaml": f"# one\n{CONFIG}---\n{CONFIG.replace('settings', 'two')}",
    }
    built = build_objects(MemoryTree(files), _spec())
    assert list(built.places) == ["app/a.yaml:2", "app/a.yaml:9", "app/kustomization.yaml"]


def test_missing_variables_matter_to_objects_that_take_them_and_name_the_first() -> None:
    inputs = ClusterInputs("1", lacking="substitute from 'ConfigMap/none' error: there is none")
    alone = CONFIG.replace(
        "  name: settings", "  name: alone\n  labels:\n    kustomize.toolkit.fluxcd.io/substitute: disabled"
    )
    assert len(build_objects(_tree(a=alone), _spec(), inputs).objects) == 1
    with pytest.raises(
        PostBuildFailed, match=r"app/b\.yaml:1, ConfigMap/settings: substitute from 'ConfigMap/none'"
    ):
        build_objects(_tree(a=alone, b=CONFIG), _spec(), inputs)


def test_common_metadata_does_not_count_for_the_digest() -> None:
    plain, marked = (
        build_objects(_tree(a=CONFIG), _spec()),
        build_objects(_tree(a=CONFIG), _spec(commonMetadata={"labels": {"a": "b"}})),
    )
    assert plain.digest == marked.digest
    assert plain.objects != marked.objects


REMOVE = """patch: '[{"op": "remove", "path": "/data"}]'"""
UNFIT = "the patch changes nothing: no object matches its target"
IDLE = [
    (
        f"patches: [{{target: {{kind: Deploymnt, labelSelector: a=b}}, {REMOVE}}}]",
        f"patches[0]: {UNFIT} (kind=Deploymnt, labelSelector=a=b)",
    ),
    ("patches: [{target: {name: other}, path: patch.yaml}]", f"patches[0]: {UNFIT} (name=other)"),
    (
        f"patchesJson6902: [{{target: {{version: v1, kind: ConfigMap, name: other}}, {REMOVE}}}]",
        f"patchesJson6902[0]: {UNFIT} (version=v1, kind=ConfigMap, name=other)",
    ),
    (
        "images: [{name: nginx, newTag: '2'}]",
        "images[0]: no object has an image with the name 'nginx'; nothing is changed",
    ),
    (
        "replacements: [{source: {kind: ConfigMap}, targets: [{select: {kind: None}, fieldPaths: [data.x]}]}]",
        "replacements[0].targets[0]: the replacement changes nothing: no object matches its target (kind=None)",
    ),
]


@pytest.mark.parametrize(("line", "says"), IDLE)
def test_what_changes_nothing_is_no_failure_but_a_warning(line: str, says: str) -> None:
    files = {
        "app/kustomization.yaml": f"resources: [a.yaml]\n{line}\n",
        "app/a.yaml": CONFIG,
        "app/patch.yaml": CONFIG,
    }
    built = build_objects(MemoryTree(files), _spec())
    assert list(built.warnings) == [f"app/kustomization.yaml, field {says}"]


def test_what_changes_something_is_no_warning() -> None:
    text = "resources: [a.yaml]\nimages: [{name: a, newName: b}, {name: b, newTag: c}]\n"
    text += 'patches: [{target: {kind: Pod}, patch: \'[{"op": "test", "path": "/kind", "value": "Pod"}]\'}]\n'
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {initContainers: [{name: a, image: a:1}]}}"
    built = build_objects(MemoryTree({"app/kustomization.yaml": text, "app/a.yaml": pod}), _spec())
    assert built.warnings == ()
    assert built.objects[0]["spec"]["initContainers"][0]["image"] == "b:c"


def test_very_many_warnings_are_counted() -> None:
    text = "resources: [a.yaml]\nimages:\n" + "".join(f"- {{name: i{n}, newTag: a}}\n" for n in range(100))
    built = build_objects(MemoryTree({"app/kustomization.yaml": text, "app/a.yaml": CONFIG}), _spec())
    assert len(built.warnings) == 21
    assert built.warnings[-1] == "and 80 more warnings"


def test_the_digest_follows_the_objects() -> None:
    one, same = build_objects(_tree(a=CONFIG), _spec()), build_objects(_tree(b=CONFIG), _spec())
    other = build_objects(_tree(a=CONFIG.replace("settings", "others")), _spec())
    assert one.digest == same.digest != other.digest


def test_all_references_of_a_kustomization_are_known() -> None:
    found = references(
        {
            "metadata": {"namespace": "team"},
            "spec": {
                "postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]},
                "decryption": {"provider": "sops", "secretRef": {"name": "keys"}},
                "kubeConfig": {"secretRef": {"name": "cluster"}},
            },
        }
    )
    assert [(r.kind, r.namespace, r.name) for r in found] == [
        ("ConfigMap", "team", "vars"),
        ("Secret", "team", "keys"),
        ("Secret", "team", "cluster"),
    ]


def test_keys_of_the_operator_concern_those_without_any() -> None:
    settings = DecryptionSettings(
        sops_age_secret="age", sops_vault_configmap="vaults", runtime_namespace="system"
    )
    shared = SharedKeys.of(settings)

    def named(decryption: dict[str, Any] | None) -> list[str]:
        obj = {"metadata": {"namespace": "team"}, "spec": {"decryption": decryption}}
        return sorted(f"{r.kind} {r.namespace}/{r.name}" for r in references(obj, shared))

    assert named(None) == []
    assert named({"provider": "sops"}) == ["ConfigMap system/vaults", "Secret system/age"]
    own = {"provider": "sops", "secretRef": {"name": "keys"}}
    assert named(own) == ["ConfigMap system/vaults", "Secret team/keys"]
    assert SharedKeys.of(replace(settings, runtime_namespace="")) == SharedKeys(None, None)


def test_all_references_of_a_source_are_known() -> None:
    spec = {
        "secretRef": {"name": "a"},
        "proxySecretRef": {"name": "b"},
        "verify": {"secretRef": {"name": "c"}},
    }
    found = source_references({"metadata": {"namespace": "team"}, "spec": spec})
    assert [r.name for r in found] == ["a", "b", "c"]
