"""What a build reads from the cluster besides the source: values of variables, and keys for decryption.

A build is repeated when any of it changes: the version of the inputs depends on UID and resource version of each object
that was read (or on its absence).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from headgate.api import Kustomization, ObjectKey, reasons
from headgate.kube import ApiError, Client, NotFound, ObjectRef
from headgate.objects import Obj
from headgate.postbuild import (
    PostBuildError,
    VariableReference,
    Variables,
    collect_variables,
    variable_references,
)
from headgate.reconcile.kustomization.build.clusterinputs import NOTHING_READ, ClusterInputs
from headgate.reconcile.kustomization.build.keys import KeyReader, KeysMissing, SharedKeys
from headgate.reconcile.kustomization.errors import Failed
from headgate.settings import DecryptionSettings


class InputsMissing(Failed):
    """An object that the build needs cannot be read; the message names it."""

    def __init__(self, message: str) -> None:
        super().__init__(reasons.BUILD_FAILED, message)


def references(kustomization: Obj, shared: SharedKeys | None = None) -> Iterator[ObjectRef]:
    """The ConfigMaps and Secrets that a raw Kustomization depends on: variables, keys, kubeconfig."""
    spec, namespace = kustomization["spec"], kustomization["metadata"]["namespace"]
    for entry in (spec.get("postBuild") or {}).get("substituteFrom") or ():
        yield ObjectRef("v1", entry["kind"], entry["name"], namespace)
    key = (spec.get("decryption") or {}).get("secretRef")
    if key:
        yield ObjectRef("v1", "Secret", key["name"], namespace)
    if shared is not None:
        yield from shared.used_by(spec)
    access = spec.get("kubeConfig") or {}
    for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
        if access.get(field):
            yield ObjectRef("v1", kind, access[field]["name"], namespace)


def source_references(source: Obj) -> Iterator[ObjectRef]:
    """The Secrets that a raw GitRepository refers to: credentials, proxy, keys for verification."""
    spec, namespace = source["spec"], source["metadata"]["namespace"]
    holders = (spec.get("secretRef"), spec.get("proxySecretRef"), (spec.get("verify") or {}).get("secretRef"))
    for holder in holders:
        if holder:
            yield ObjectRef("v1", "Secret", holder["name"], namespace)


class InputReader:
    """Reads the inputs of builds."""

    def __init__(self, client: Client, config: DecryptionSettings) -> None:
        self._client, self._keys = client, KeyReader(client, config)

    async def read(self, ks: Kustomization, spec: Obj) -> ClusterInputs:
        """All inputs of a build by ``spec``, the raw spec of ``ks``; raises :class:`InputsMissing`."""
        try:
            keys = await self._keys.read(ks)
        except KeysMissing as error:
            raise InputsMissing(f"decryption failed: {error}") from error
        version, variables, lacking = await self._variables(ks, spec.get("postBuild"))
        if keys is not None:
            version = hashlib.sha256(f"{version} {keys.version}".encode()).hexdigest()
        return ClusterInputs(version, variables, keys, lacking)

    async def _variables(
        self, ks: Kustomization, post_build: Obj | None
    ) -> tuple[str, Variables | None, str]:
        if post_build is None:
            return NOTHING_READ, None, ""
        wanted = variable_references(post_build)
        try:
            found = {r: o for r in wanted if (o := await self._find(r, ks.key)) is not None}
        except InputsMissing as error:
            return NOTHING_READ, None, str(error)
        version = _version(found.get(r) for r in wanted)
        try:
            return version, collect_variables(post_build, found), ""
        except PostBuildError as error:
            return version, None, str(error)

    async def _find(self, reference: VariableReference, key: ObjectKey) -> Obj | None:
        try:
            return await self._client.get(ObjectRef("v1", reference.kind, reference.name, key.namespace))
        except NotFound:
            return None
        except ApiError as error:
            where = f"{reference.kind}/{key.namespace}/{reference.name}"
            raise InputsMissing(f"substitute from '{where}' error: {error.message}") from error


def _version(objects: Iterable[Obj | None]) -> str:
    seen = [o and (o["metadata"]["uid"], o["metadata"]["resourceVersion"]) for o in objects]
    return hashlib.sha256(repr(seen).encode()).hexdigest() if seen else NOTHING_READ
