"""Attempts to look: at the other team's objects, by way of an operator that sees them all."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.hostile.table import WRONG, Attempt, Obj, Try, attempt, source
from tests.hostile.world import RBAC, WORD, World
from tests.support.cluster import KUSTOMIZATION, KUSTOMIZATION_VERSION, SOURCE, SOURCE_VERSION
from tests.support.manifests import config_map, dump

ATTEMPTS: list[Attempt] = []

PEARL = "pearl-5d1c-of-a-secret"
"""What a Secret of the tenant's own holds: who may read the Kustomization need not be allowed to read the Secret."""
NO_RIGHT = "cannot (get|patch|list|watch)|forbidden"
NOT_FOUND = "no-such-object"
DOMAIN = "kustomize.toolkit.fluxcd.io"
READ = "string(base64.decode(data.word))"
QUOTE = f"{{'a': 1}}[{READ}] == 1"
"""An expression whose error names the value: there is no such key."""


def the_secret(w: World) -> Obj:
    """A health check of the other team's Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "name": "treasure", "namespace": w.other.namespace}


def judged(kind: str, current: str, **more: str) -> list[Obj]:
    """An entry of ``healthCheckExprs``."""
    return [{"apiVersion": "v1", "kind": kind, "current": current, **more}]


def decoy(
    w: World, kind: str = "Secret", name: str = "treasure", data: Obj | None = None, **meta: Any
) -> str:
    """A manifest named like an object of the other team's."""
    metadata = {"name": name, "namespace": w.other.namespace, **meta}
    more = {"data": data} if data else {}
    return dump({"apiVersion": "v1", "kind": kind, "metadata": metadata, **more})


MARKS = (
    ("reconcile-disabled", f"{DOMAIN}/reconcile", "disabled"),
    ("ssa-ignore", f"{DOMAIN}/ssa", "Ignore"),
    ("ssa-ifnotpresent", f"{DOMAIN}/ssa", "IfNotPresent"),
    ("ssa-merge", f"{DOMAIN}/ssa", "Merge"),
    ("prune-disabled", f"{DOMAIN}/prune", "disabled"),
    ("force", f"{DOMAIN}/force", "enabled"),
)


@attempt(*MARKS, told=NO_RIGHT)
def decoy_by_annotation(w: World, name: str, key: str, value: str) -> Try:
    """What is skipped because of its own annotation is not the tenant's for that: its account may not read it."""
    files = {"a.yaml": decoy(w, annotations={key: value})}
    return Try(files, {"healthChecks": [the_secret(w)], "healthCheckExprs": judged("Secret", QUOTE)})


@attempt(*MARKS, told=NO_RIGHT)
def decoy_by_label(w: World, name: str, key: str, value: str) -> Try:
    """Nor because of a label, which counts as the annotation does."""
    files = {"a.yaml": decoy(w, labels={key: value})}
    return Try(files, {"healthChecks": [the_secret(w)], "healthCheckExprs": judged("Secret", QUOTE)})


@attempt(("config-map", "ConfigMap"), ("service-account", "ServiceAccount"), blind=True, told=NO_RIGHT)
def decoy_of(w: World, name: str, kind: str, right: bool) -> Try:
    """An outcome is a bit: healthy for a right guess and not for a wrong one tells the value in time."""
    guess = "treasure" if right else NOT_FOUND
    files = {"a.yaml": decoy(w, kind, guess, annotations={f"{DOMAIN}/reconcile": "disabled"})}
    check = {"apiVersion": "v1", "kind": kind, "name": guess, "namespace": w.other.namespace}
    return Try(files, {"healthChecks": [check]}, guess=guess)


@attempt(blind=True, told=NO_RIGHT)
def decoy_that_answers_yes_or_no(w: World, name: str, right: bool) -> Try:
    """A guess at the word itself is answered neither way, whoever skips the object."""
    files = {"a.yaml": decoy(w, annotations={f"{DOMAIN}/reconcile": "disabled"})}
    guess = f"{READ} == '{WORD if right else WRONG}'"
    spec = {"healthChecks": [the_secret(w)], "healthCheckExprs": judged("Secret", guess)}
    return Try(files, spec, guess=guess)


@attempt(blind=True, told=NO_RIGHT)
def decoy_that_fails_fast(w: World, name: str, right: bool) -> Try:
    """That a wait ends at once, and not at its timeout, is an answer too."""
    files = {"a.yaml": decoy(w, annotations={f"{DOMAIN}/ssa": "Ignore"})}
    guess = f"{READ}.startsWith('{(WORD if right else WRONG)[:9]}')"
    expressions = judged("Secret", "false", failed=guess)
    return Try(files, {"healthChecks": [the_secret(w)], "healthCheckExprs": expressions}, guess=guess)


@attempt(blind=True, told=NO_RIGHT)
def decoys_of_a_namespace(w: World, name: str, right: bool) -> Try:
    """Whether there is a namespace of a name is nothing that this account may ask."""
    guess = w.other.namespace if right else NOT_FOUND
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": guess}}
    namespace["metadata"]["annotations"] = {f"{DOMAIN}/reconcile": "disabled"}
    check = {"apiVersion": "v1", "kind": "Namespace", "name": guess}
    return Try({"a.yaml": dump(namespace)}, {"healthChecks": [check]}, guess=guess)


@attempt(blind=True, told=NO_RIGHT)
def decoy_waited_for(w: World, name: str, right: bool) -> Try:
    """``wait`` takes what was applied: a decoy is applied to nothing."""
    guess = "treasure" if right else NOT_FOUND
    files = {
        "a.yaml": decoy(w, name=guess, annotations={f"{DOMAIN}/ssa": "IfNotPresent"}),
        "b.yaml": config_map(name),
    }
    return Try(files, {"wait": True, "healthCheckExprs": judged("Secret", QUOTE)}, guess=guess)


@attempt()
def decoy_beside_good_objects(w: World, name: str) -> Try:
    """That all else of an attempt is the tenant's makes the decoy no more so."""
    own = yaml.safe_load(config_map(name))
    own["metadata"]["namespace"] = w.tenant.namespace
    files = {"a.yaml": decoy(w, annotations={f"{DOMAIN}/reconcile": "disabled"}), "b.yaml": dump(own)}
    return Try(files, {"healthChecks": [the_secret(w)], "healthCheckExprs": judged("Secret", QUOTE)})


@attempt(
    ("secret", "v1", "Secret"),
    ("config-map", "v1", "ConfigMap"),
    ("service-account", "v1", "ServiceAccount"),
    ("kustomization", KUSTOMIZATION_VERSION, KUSTOMIZATION),
    ("git-repository", SOURCE_VERSION, SOURCE),
    ("role-binding", f"{RBAC}/v1", "RoleBinding"),
    blind=True,
    told=NO_RIGHT,
)
def health_of(w: World, name: str, version: str, kind: str, right: bool) -> Try:
    """Whether there is an object, and in what state, is told to those who may read it."""
    there = {KUSTOMIZATION: "apps", SOURCE: "source", "RoleBinding": "deployer"}.get(kind, "treasure")
    if kind == "ServiceAccount":
        there = "deployer"
    check = {"apiVersion": version, "kind": kind, "name": there if right else NOT_FOUND}
    check["namespace"] = w.other.namespace
    return Try({"a.yaml": own_map(w, name)}, {"healthChecks": [check]}, guess=check["name"])


@attempt(
    ("namespace", "v1", "Namespace", "kube-system"),
    ("cluster-role", f"{RBAC}/v1", "ClusterRole", "cluster-admin"),
    (
        "custom-resource-definition",
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "gitrepositories.source.toolkit.fluxcd.io",
    ),
    ("cluster-role-binding", f"{RBAC}/v1", "ClusterRoleBinding", "headgate"),
    blind=True,
)
def health_of_cluster_wide(w: World, name: str, version: str, kind: str, there: str, right: bool) -> Try:
    """The tenant's rights end at its namespace."""
    check = {"apiVersion": version, "kind": kind, "name": there if right else NOT_FOUND}
    return Try({"a.yaml": own_map(w, name)}, {"healthChecks": [check]}, guess=check["name"])


@attempt(("current",), ("failed",), ("in-progress",), blind=True, told=NO_RIGHT)
def health_by_expression(w: World, name: str, right: bool) -> Try:
    """No field of an expression is evaluated on what the account may not read."""
    field = name.removesuffix("-w").rpartition("expression-")[2].replace("in-progress", "inProgress")
    guess = f"{READ} == '{WORD if right else WRONG}'"
    entry = {"apiVersion": "v1", "kind": "Secret", "current": "false", field: guess}
    return Try({"a.yaml": own_map(w, name)}, {"healthChecks": [the_secret(w)], "healthCheckExprs": [entry]})


@attempt(
    ("a-path", "../{other}/secrets/treasure"),
    ("a-slash", "{other}/treasure"),
    ("a-query", "treasure?x=y"),
    ("a-fragment", "treasure#x"),
    ("encoded", "..%2f..%2fnamespaces%2f{other}%2fsecrets%2ftreasure"),
)
def health_by_the_name(w: World, name: str, written: str) -> Try:
    """A name is a part of a path to the API server, and stays one part."""
    check = {"apiVersion": "v1", "kind": "Secret", "name": written.format(other=w.other.namespace)}
    check["namespace"] = w.tenant.namespace
    return Try(
        {"a.yaml": own_map(w, name)}, {"healthChecks": [check], "healthCheckExprs": judged("Secret", QUOTE)}
    )


@attempt(("a-path", "../{other}"), ("all", "*"), ("empty", ""), ("deeper", "{other}/secrets/treasure?"))
def health_by_the_namespace(w: World, name: str, written: str) -> Try:
    """So is a namespace; that of no object is not that of all."""
    check = {"apiVersion": "v1", "kind": "Secret", "name": "treasure"}
    check["namespace"] = written.format(other=w.other.namespace)
    return Try(
        {"a.yaml": own_map(w, name)}, {"healthChecks": [check], "healthCheckExprs": judged("Secret", QUOTE)}
    )


# Errors of expressions. They stand in conditions and events, which more people read than the objects.

ERRORS = (
    ("no-such-key", "{'a': 1}[x] == 1"),
    ("no-such-field", "{x: 1}.pearl == 1"),
    ("int", "int(x) == 1"),
    ("uint", "uint(x) == 1u"),
    ("double", "double(x) == 1.0"),
    ("bool", "bool(x)"),
    ("timestamp", "timestamp(x) == timestamp('2020-01-01T00:00:00Z')"),
    ("duration", "duration(x) == duration('1s')"),
    ("base64", "base64.decode(x + '!') == b''"),
    ("division", "1 / (size(x) - size(x)) == 1"),
    ("index", "[1, 2][size(x)] == 1"),
    ("matches", "'a'.matches(x + '(')"),
    ("type", "x + 1 == x"),
    ("compare", "[x] < ['a']"),
    ("not-a-boolean", "x"),
    ("duplicate-key", "{x: 1, x: 2} == {}"),
    ("select", "dyn(x).field == 1"),
    ("no-overload", "dyn(x) && true"),
    ("too-long", "(" + "x + " * 200 + "x) == 1"),
    ("time-zone", "timestamp('2020-01-01T00:00:00Z').getHours(x) == 1"),
    ("substring", "x.substring(1000) == ''"),
    ("format", "'%d'.format([x]) == ''"),
)


@attempt(*ERRORS)
def error_about_health(w: World, name: str, expression: str) -> Try:
    """No error of an expression quotes a value, here one of a Secret."""
    stored = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": {"a": "b"}}}
    stored["stringData"] = {"word": PEARL}
    check = {"apiVersion": "v1", "kind": "Secret", "name": name, "namespace": w.tenant.namespace}
    spec = {"healthChecks": [check], "healthCheckExprs": judged("Secret", with_value(expression, READ))}
    return Try({"a.yaml": own_map(w, name)}, spec, objects=(stored,))


@attempt(*ERRORS[:8], ERRORS[11], ERRORS[16])
def error_about_readiness(w: World, name: str, expression: str) -> Try:
    """Nor one of a ``readyExpr``, here the variables of another Kustomization."""
    value = "dep.spec.postBuild.substitute.word"
    other = {
        "apiVersion": KUSTOMIZATION_VERSION,
        "kind": KUSTOMIZATION,
        "metadata": {"name": f"{name}-dep"},
        "spec": {
            "interval": "1h",
            "prune": True,
            "suspend": True,
            "sourceRef": {"kind": SOURCE, "name": "source"},
            "postBuild": {"substitute": {"word": PEARL}},
        },
    }
    depends = [{"name": f"{name}-dep", "readyExpr": with_value(expression, value)}]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends}, objects=(other,))


def with_value(expression: str, value: str) -> str:
    """The expression with the value in its place, a lone ``x``."""
    return re.sub(r"(?<![\w'.])x(?![\w'])", value, expression)


# Dependencies on another team: that it is Ready may be known, and nothing else.

DEP_FIELDS = (
    ("spec", "dep.spec.postBuild.substitute.word", "word"),
    ("annotation", "dep.metadata.annotations['example.com/word']", "word"),
    ("applied-revision", "dep.status.lastAppliedRevision", "revision"),
    ("attempted-revision", "dep.status.lastAttemptedRevision", "revision"),
    ("message", "dep.status.conditions.filter(c, c.type == 'Ready')[0].message", "message"),
    ("inventory", "dep.status.inventory.entries[0].id", "entry"),
    ("history", "dep.status.history[0].digest", "digest"),
    ("all-as-text", "string(dep)", "word"),
)


@attempt(*DEP_FIELDS, blind=True)
def dependency_asked_for(w: World, name: str, path: str, what: str, right: bool) -> Try:
    """An expression about another namespace's Kustomization sees how it is, not what its team wrote or runs."""
    truth = _truth(w, what)
    guess = truth if right else "z" * len(truth)
    depends = [
        {"name": "apps", "namespace": w.other.namespace, "readyExpr": f"{path} == {json.dumps(guess)}"}
    ]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends}, guess=guess)


@attempt(*[each[:2] for each in DEP_FIELDS])
def dependency_quoted(w: World, name: str, path: str) -> Try:
    """Nor does an error about it tell the value."""
    depends = [{"name": "apps", "namespace": w.other.namespace, "readyExpr": f"{{'a': 1}}[{path}] == 1"}]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends})


def _truth(w: World, what: str) -> str:
    status = w.other.get("apps")["status"]
    return {
        "word": WORD,
        "revision": str(status["lastAppliedRevision"]),
        "message": next(str(c["message"]) for c in status["conditions"] if c["type"] == "Ready"),
        "entry": str(status["inventory"]["entries"][0]["id"]),
        "digest": str(status["history"][0]["digest"]),
    }[what]


@attempt(blind=True)
def dependency_by_a_false_expression(w: World, name: str, right: bool) -> Try:
    """An expression that is false says so, and nothing of what it looked at."""
    guess = "dep.metadata.name == 'apps' && false"
    depends = [{"name": "apps", "namespace": w.other.namespace, "readyExpr": guess if right else "false"}]
    return Try({"a.yaml": own_map(w, name)}, {"dependsOn": depends}, guess=depends[0]["readyExpr"])


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


def own_map(w: World, name: str, **data: str) -> str:
    """A ConfigMap in the tenant's namespace."""
    obj = yaml.safe_load(config_map(name, **data))
    obj["metadata"]["namespace"] = w.tenant.namespace
    return dump(obj)
