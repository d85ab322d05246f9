"""One build as the operator does it, without a cluster. What two renderings read alike is built once.

A build depends on the spec, the variables and what it read of the tree, not on the revision. So its result serves any
tree with the same content at the recorded paths.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headgate.documents.errors import BuildError
from headgate.documents.tree import Inputs, Tree
from headgate.kube import ref_of
from headgate.objects import Obj
from headgate.postbuild import Masks, PostBuildError, Variables
from headgate.postbuild.sops import is_encrypted
from headgate.promotion.fleet.options import FleetOptions
from headgate.promotion.fleet.rendering import RenderedObject
from headgate.promotion.fleet.variables import Lookup, PartlyKnown, shown, variables_of
from headgate.reconcile.kustomization.build.builds import (
    BuildResult,
    BuildRules,
    build_directory,
    build_objects,
)
from headgate.reconcile.kustomization.build.clusterinputs import ClusterInputs
from headgate.reconcile.kustomization.build.decryption import Keys
from headgate.reconcile.kustomization.build.errors import DecryptionFailed

__all__ = ["Builds", "BuiltKustomization"]

_NOT_READ = frozenset(
    {
        "deletionPolicy",
        "dependsOn",
        "force",
        "healthCheckExprs",
        "healthChecks",
        "ignore",
        "interval",
        "kubeConfig",
        "postBuild",
        "prune",
        "retryInterval",
        "serviceAccountName",
        "sourceRef",
        "suspend",
        "timeout",
        "wait",
    }
)
"""Fields of a Kustomization that its build does not read; the variables of ``postBuild`` count as such."""
_CIPHERTEXT = b"ENC[AES256_GCM,data:"
_HASH = 11
"""Characters of a dash and the hash that a generator appends to a name."""


@dataclass(frozen=True, slots=True)
class BuiltKustomization:
    """The result of one build."""

    objects: tuple[RenderedObject, ...] = ()
    inputs: Inputs | None = None
    unknown: tuple[str, ...] = ()
    """The variables that were used and are not known."""
    masks: Masks | None = field(default=None, compare=False, repr=False)
    """The secret values that may be in the objects."""
    secrets: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """The values of variables from Secrets."""
    error: str = ""
    """Why there is no result; names file, line, object and field."""


@dataclass(slots=True)
class _Kept:
    built: list[BuiltKustomization] = field(default_factory=list)


class Builds:
    """Builds, and keeps the results."""

    def __init__(self, options: FleetOptions) -> None:
        self._options = options
        self._rules = BuildRules(
            remote_bases=options.remote_bases,
            strict_substitutions=options.strict_substitutions,
            keep_encrypted=True,
        )
        self._kept: dict[str, _Kept] = {}
        self.count = 0
        """How many builds have run."""

    def build(self, tree: Tree, spec: Mapping[str, Any], lookup: Lookup) -> BuiltKustomization:
        """Return the objects of a Kustomization's spec, or why there are none; never raises for a faulty repository."""
        try:
            variables = variables_of(spec.get("postBuild"), lookup, self._options.variables)
        except PostBuildError as error:
            return BuiltKustomization(error=f"post build failed: {error}")
        kept = self._kept.setdefault(self._key(spec, variables), _Kept())
        for built in kept.built:
            if built.inputs is not None and built.inputs.unchanged_in(tree):
                return built
        built = self._built(tree, spec, variables)
        kept.built.append(built)
        return built

    def _key(self, spec: Mapping[str, Any], variables: Variables | None) -> str:
        read = {name: value for name, value in spec.items() if name not in _NOT_READ}
        if isinstance(spec.get("path", ""), str):
            # One directory has several spellings: "./apps" and "apps".
            read["path"] = build_directory(spec.get("path"))
        values: Any = None
        if variables is not None:
            known = isinstance(variables.values, PartlyKnown)
            values = [sorted(variables.values.items()), known, variables.always, sorted(variables.secret)]
        return json.dumps([read, values], sort_keys=True, default=repr)

    def _built(self, tree: Tree, spec: Mapping[str, Any], variables: Variables | None) -> BuiltKustomization:
        self.count += 1
        keys = self._keys(spec)
        try:
            try:
                result = build_objects(tree, spec, ClusterInputs(variables=variables, keys=keys), self._rules)
            except DecryptionFailed:
                # The key opens other files: what it does not open stays encrypted.
                result = build_objects(tree, spec, ClusterInputs(variables=variables), self._rules)
        except BuildError as error:
            # A message may quote the value of a variable.
            return BuiltKustomization(error=shown(ClusterInputs(variables=variables).masks(str(error))))
        except RecursionError:
            return BuiltKustomization(error="the input is nested too deeply")
        unknown = (
            tuple(variables.values.unknown) if variables and isinstance(variables.values, PartlyKnown) else ()
        )
        secrets = variables.secret if variables is not None else frozenset()
        return BuiltKustomization(
            tuple(_rendered(result)), result.inputs, unknown, result.masks or None, secrets
        )

    def _keys(self, spec: Mapping[str, Any]) -> Keys | None:
        decryption = spec.get("decryption")
        if self._options.age_key is None or not isinstance(decryption, dict):
            return None
        return Keys("given", "age key", {"given.agekey": self._options.age_key})


def _rendered(result: BuildResult) -> Iterator[RenderedObject]:
    places = result.places or [None] * len(result.objects)
    for obj, place in zip(result.objects, places, strict=True):
        ref = ref_of(obj)
        hashed = (ref.kind, ref.name) in result.hashed
        yield RenderedObject(
            ref, obj, place, encrypted=_is_encrypted(obj), original_name=ref.name[:-_HASH] if hashed else ""
        )


def _is_encrypted(obj: Obj) -> bool:
    """Whether an object holds ciphertext of SOPS: as a whole, or in the content of a file that a generator read."""
    if is_encrypted(obj):
        return True
    if obj.get("kind") not in ("ConfigMap", "Secret"):
        return False
    return any(_CIPHERTEXT in text for text in _contents(obj))


def _contents(obj: Obj) -> Iterator[bytes]:
    for name in ("data", "stringData", "binaryData"):
        section = obj.get(name)
        for value in section.values() if isinstance(section, dict) else ():
            if isinstance(value, str):
                yield value.encode("utf-8", "surrogatepass")
                if name == "binaryData" or (name == "data" and obj["kind"] == "Secret"):
                    try:
                        yield base64.b64decode(value)
                    except (binascii.Error, ValueError):
                        continue
