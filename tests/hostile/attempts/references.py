"""Attempts to refer to objects of the other team by name, and to files outside of the repository."""

from __future__ import annotations

import yaml

from tests.hostile.attempt import Attempt, Obj, Try, attempt, source
from tests.hostile.attempts.health import decoy
from tests.hostile.objects import (
    NOT_FOUND,
    own_map,
)
from tests.hostile.world import World
from tests.support.cluster import (
    SOURCE,
)
from tests.support.manifests import dump

ATTEMPTS: list[Attempt] = []

# References by name.

PATHS = (
    ("a-slash", "{other}/treasure"),
    ("a-path", "../{other}/treasure"),
    ("a-longer-path", "../../{other}/secrets/treasure"),
    ("encoded", "..%2f{other}%2ftreasure"),
)


@attempt(*[(f"{kind}-{n}", kind, w) for n, w in PATHS for kind in ("Secret", "ConfigMap")])
def variables_from(w: World, name: str, kind: str, written: str) -> Try:
    """Variables come from the Kustomization's own namespace only."""
    reference = {"kind": kind, "name": written.format(other=w.other.namespace)}
    return Try({"a.yaml": own_map(w, name, v="${word}")}, {"postBuild": {"substituteFrom": [reference]}})


@attempt(*PATHS, may_pass=True)
def optional_variables_from(w: World, name: str, written: str) -> Try:
    """Optional variables, too, come from the Kustomization's own namespace only."""
    reference = {"kind": "Secret", "name": written.format(other=w.other.namespace), "optional": True}
    spec = {"postBuild": {"substituteFrom": [reference]}}
    return Try({"a.yaml": own_map(w, name, v="${word:=nothing}")}, spec)


@attempt(blind=True)
def variables_whose_absence_tells(w: World, name: str, right: bool) -> Try:
    """The message does not show whether another namespace has a Secret with this name."""
    written = f"../{w.other.namespace}/{'treasure' if right else NOT_FOUND}"
    reference = {"kind": "Secret", "name": written}
    spec = {"postBuild": {"substituteFrom": [reference]}}
    return Try({"a.yaml": own_map(w, name, v="${word}")}, spec, guess=written)


@attempt(
    ("git-repository", SOURCE),
    ("oci-repository", "OCIRepository"),
    ("bucket", "Bucket"),
    ("external-artifact", "ExternalArtifact"),
)
def source_in_another_namespace(w: World, name: str, kind: str) -> Try:
    """This operator refuses cross-namespace references."""
    reference = {"kind": kind, "name": "source", "namespace": w.other.namespace}
    return Try({}, {"sourceRef": reference, "path": "./apps", "targetNamespace": w.tenant.namespace})


@attempt(*PATHS)
def source_by_the_name(w: World, name: str, written: str) -> Try:
    """A name that looks like a path does not refer to another namespace."""
    written = written.format(other=w.other.namespace).replace("treasure", "source")
    return Try({}, {"sourceRef": {"kind": SOURCE, "name": written}, "path": "./apps"})


@attempt(blind=True)
def source_whose_absence_tells(w: World, name: str, right: bool) -> Try:
    """Headgate refuses a cross-namespace reference before it checks whether the source exists."""
    reference = {"kind": SOURCE, "name": "source" if right else NOT_FOUND, "namespace": w.other.namespace}
    return Try({}, {"sourceRef": reference}, guess=reference["name"])


@attempt(*PATHS)
def included_repository(w: World, name: str, written: str) -> Try:
    """A source includes sources in its own namespace only."""
    written = written.format(other=w.other.namespace).replace("treasure", "source")
    include = [{"repository": {"name": written}, "toPath": "stolen"}]
    return Try(spec=None, objects=(source(name, w.tenant.url, include=include),))


@attempt(
    *[(f"{field}-{n}", field, w) for n, w in PATHS for field in ("secretRef", "proxySecretRef", "verify")]
)
def credentials_of_a_source(w: World, name: str, field: str, written: str) -> Try:
    """The credentials, the proxy and the trusted keys of a source come from its own namespace only."""
    reference: Obj = {"name": written.format(other=w.other.namespace)}
    value = {"mode": "HEAD", "secretRef": reference} if field == "verify" else reference
    return Try(spec=None, objects=(source(name, w.tenant.url, **{field: value}),))


@attempt(*PATHS)
def keys_for_decryption(w: World, name: str, written: str) -> Try:
    """The decryption keys of a Kustomization come from its own namespace only."""
    sealed = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": w.tenant.namespace},
        "stringData": {"a": "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"},
        "sops": {"age": [{"recipient": "age1x", "enc": "x"}], "mac": "x", "version": "3.9.0"},
    }
    decryption = {"provider": "sops", "secretRef": {"name": written.format(other=w.other.namespace)}}
    return Try({"a.yaml": dump(sealed)}, {"decryption": decryption})


@attempt(*[(f"{field}-{n}", field, w) for n, w in PATHS for field in ("secretRef", "configMapRef")])
def kubeconfig_from(w: World, name: str, field: str, written: str) -> Try:
    """The kubeconfig of a Kustomization comes from its own namespace only."""
    reference = {field: {"name": written.format(other=w.other.namespace)}}
    return Try({"a.yaml": own_map(w, name)}, {"kubeConfig": reference})


# Paths that lead out of the repository.


@attempt(
    ("etc", "../../../../../../etc"), ("absolute", "/etc"), ("caches", "./../../gitrepository/{other}/source")
)
def path_that_leads_out(w: World, name: str, path: str) -> Try:
    """``spec.path`` is a path in the source tree."""
    return Try({"a.yaml": own_map(w, name)}, {"path": path.format(other=w.other.namespace)})


@attempt(
    ("resources", {"resources": ["OUT"]}),
    ("components", {"components": ["OUT"]}),
    ("files", {"configMapGenerator": [{"name": "a", "files": ["x=OUT"]}]}),
    ("envs", {"secretGenerator": [{"name": "a", "envs": ["OUT"]}]}),
    ("patches", {"patches": [{"path": "OUT"}]}),
    ("openapi", {"openapi": {"path": "OUT"}}),
    ("replacements", {"replacements": [{"path": "OUT"}]}),
)
def file_outside(w: World, name: str, fields: Obj) -> Try:
    """A kustomization file can refer only to files of its source tree, not to files on the operator's disk."""
    text = yaml.safe_dump({"resources": ["a.yaml"], **fields}).replace("OUT", "../../../../../../etc/passwd")
    return Try({"a.yaml": own_map(w, name), "kustomization.yaml": text})


@attempt(
    ("file", "/etc/hostname"),
    ("folder", "/"),
    ("environment", "/proc/self/environ"),
    ("up", "../../../../../etc/hostname"),
)
def link_in_the_repository(w: World, name: str, target: str) -> Try:
    """A build does not follow a symbolic link out of the repository."""
    place = w.tenant.repository.work / name
    place.mkdir(parents=True)
    (place / "link").symlink_to(target)
    entry = "link/etc/hostname" if target == "/" else "link"
    generator = [{"name": name, "namespace": w.tenant.namespace, "files": [f"x={entry}"]}]
    text = yaml.safe_dump({"configMapGenerator": generator})
    return Try({"kustomization.yaml": text})


@attempt(("ignored", "/data"), ("all", ""), ("deep", "/data/word"))
def ignored_field_of_the_other_team(w: World, name: str, path: str) -> Try:
    """Headgate reads ignored fields with the account's rights, and no error quotes them."""
    files = {"a.yaml": decoy(w, "ConfigMap", data={"word": "x"})}
    return Try(files, {"ignore": [{"paths": [path]}]})
