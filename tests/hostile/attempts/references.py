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
    """Variables come from the Kustomization's own namespace."""
    reference = {"kind": kind, "name": written.format(other=w.other.namespace)}
    return Try({"a.yaml": own_map(w, name, v="${word}")}, {"postBuild": {"substituteFrom": [reference]}})


@attempt(*PATHS, may_pass=True)
def optional_variables_from(w: World, name: str, written: str) -> Try:
    """Also where they may be missing, which would be a way not to be refused."""
    reference = {"kind": "Secret", "name": written.format(other=w.other.namespace), "optional": True}
    spec = {"postBuild": {"substituteFrom": [reference]}}
    return Try({"a.yaml": own_map(w, name, v="${word:=nothing}")}, spec)


@attempt(blind=True)
def variables_whose_absence_tells(w: World, name: str, right: bool) -> Try:
    """Whether another namespace has a Secret of some name is not told either."""
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
    """References across namespaces are off here."""
    reference = {"kind": kind, "name": "source", "namespace": w.other.namespace}
    return Try({}, {"sourceRef": reference, "path": "./apps", "targetNamespace": w.tenant.namespace})


@attempt(*PATHS)
def source_by_the_name(w: World, name: str, written: str) -> Try:
    """Nor does a name lead there."""
    written = written.format(other=w.other.namespace).replace("treasure", "source")
    return Try({}, {"sourceRef": {"kind": SOURCE, "name": written}, "path": "./apps"})


@attempt(blind=True)
def source_whose_absence_tells(w: World, name: str, right: bool) -> Try:
    """A reference that is blocked is blocked before anybody looks whether there is such a source."""
    reference = {"kind": SOURCE, "name": "source" if right else NOT_FOUND, "namespace": w.other.namespace}
    return Try({}, {"sourceRef": reference}, guess=reference["name"])


@attempt(*PATHS)
def included_repository(w: World, name: str, written: str) -> Try:
    """What a source includes is of its own namespace."""
    written = written.format(other=w.other.namespace).replace("treasure", "source")
    include = [{"repository": {"name": written}, "toPath": "stolen"}]
    return Try(spec=None, objects=(source(name, w.tenant.url, include=include),))


@attempt(
    *[(f"{field}-{n}", field, w) for n, w in PATHS for field in ("secretRef", "proxySecretRef", "verify")]
)
def credentials_of_a_source(w: World, name: str, field: str, written: str) -> Try:
    """So are its credentials, its proxy and the keys it trusts."""
    reference: Obj = {"name": written.format(other=w.other.namespace)}
    value = {"mode": "HEAD", "secretRef": reference} if field == "verify" else reference
    return Try(spec=None, objects=(source(name, w.tenant.url, **{field: value}),))


@attempt(*PATHS)
def keys_for_decryption(w: World, name: str, written: str) -> Try:
    """And the keys of a Kustomization."""
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
    """And the way to another cluster."""
    reference = {field: {"name": written.format(other=w.other.namespace)}}
    return Try({"a.yaml": own_map(w, name)}, {"kubeConfig": reference})


# Out of the repository.


@attempt(
    ("etc", "../../../../../../etc"), ("absolute", "/etc"), ("caches", "./../../gitrepository/{other}/source")
)
def path_that_leads_out(w: World, name: str, path: str) -> Try:
    """A path is one in the source's tree."""
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
    """A kustomization's files are in its repository: nothing of the operator's disk is one."""
    text = yaml.safe_dump({"resources": ["a.yaml"], **fields}).replace("OUT", "../../../../../../etc/passwd")
    return Try({"a.yaml": own_map(w, name), "kustomization.yaml": text})


@attempt(
    ("file", "/etc/hostname"),
    ("folder", "/"),
    ("environment", "/proc/self/environ"),
    ("up", "../../../../../etc/hostname"),
)
def link_in_the_repository(w: World, name: str, target: str) -> Try:
    """A symbolic link that leads out of the repository is not followed."""
    place = w.tenant.repository.work / name
    place.mkdir(parents=True)
    (place / "link").symlink_to(target)
    entry = "link/etc/hostname" if target == "/" else "link"
    generator = [{"name": name, "namespace": w.tenant.namespace, "files": [f"x={entry}"]}]
    text = yaml.safe_dump({"configMapGenerator": generator})
    return Try({"kustomization.yaml": text})


@attempt(("ignored", "/data"), ("all", ""), ("deep", "/data/word"))
def ignored_field_of_the_other_team(w: World, name: str, path: str) -> Try:
    """Fields that are left to others are looked at with the account's rights, and no error tells what is there."""
    files = {"a.yaml": decoy(w, "ConfigMap", data={"word": "x"})}
    return Try(files, {"ignore": [{"paths": [path]}]})
