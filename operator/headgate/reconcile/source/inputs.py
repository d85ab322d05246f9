"""What a reconcile of a GitRepository needs besides its remote: Secrets, and the sources that it includes.

They are read before the first request to the remote. What cannot be read raises a
:class:`~headgate.reconcile.source.errors.SourceError`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace

from headgate.api import GitRepository, ObjectKey, reasons
from headgate.fairness.pools import NETWORK
from headgate.git.checkout.shape import ArtifactShape, Included
from headgate.git.credentials.providers import Providers
from headgate.git.credentials.proxy import Proxy
from headgate.git.credentials.secret import Credentials
from headgate.git.errors import IncludeFailed
from headgate.git.tree.listed import SharedTree
from headgate.git.url import RemoteUrl
from headgate.kube import BadRequest, Client, Forbidden, NotFound, ObjectRef
from headgate.names import GIT_REPOSITORY, SOURCE_GROUP
from headgate.objects import Obj
from headgate.reconcile.core.store import SourceKey, Store
from headgate.reconcile.core.trees import SourceTrees
from headgate.reconcile.source.errors import IncludeUnavailable, IncludeUnopened, SecretUnreadable
from headgate.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class ReconcileInputs:
    """What a reconcile needs besides the remote."""

    shape: ArtifactShape
    included: list[Obj]
    """The artifacts of the included sources, in the order of the spec."""
    keys: dict[str, bytes] | None
    """Public keys for the verification of signatures; None if the spec requires none."""

    def close(self) -> None:
        """Release the included trees, which were held so that nothing replaces them in the meantime."""
        for each in self.shape.includes:
            each.tree.close()


class SourceInputs:
    """Reads the inputs. Used from the event loop; one for all sources."""

    def __init__(self, client: Client, store: Store, trees: SourceTrees, *, settings: SourceSettings) -> None:
        self._client, self._store, self._trees = client, store, trees
        self._max_timeout = settings.max_fetch_timeout
        self._providers = Providers(settings.azure_devops_hosts)

    def forget(self, key: ObjectKey) -> None:
        """Drop the cached credentials: the source is gone, or its server rejected them."""
        self._providers.forget(key)

    async def credentials(self, source: GitRepository, address: RemoteUrl) -> Credentials:
        """The credentials for the source's repository; raises :class:`SecretUnreadable` or a ``GitError``."""
        spec, proxy, data, name = source.spec, None, None, ""
        if spec.proxy_secret_ref is not None:
            secret = f"{source.namespace}/{spec.proxy_secret_ref.name}"
            found = await self._secret(
                source, spec.proxy_secret_ref.name, "failed to configure proxy options: failed to get secret"
            )
            proxy = Proxy.from_secret(secret, found)
        if spec.secret_ref is not None:
            name = f"{source.namespace}/{spec.secret_ref.name}"
            data = await self._secret(source, spec.secret_ref.name, "failed to get secret")
        return await NETWORK.run(
            source.namespace,
            self._providers.credentials,
            source.key,
            spec.provider,
            address,
            data,
            secret=name,
            service_account=spec.service_account_name,
            proxy=proxy,
            timeout=min(spec.timeout, self._max_timeout),
        )

    async def read(self, source: GitRepository) -> ReconcileInputs:
        """Read the inputs; the caller closes the result.

        Raises :class:`IncludeUnavailable`, :class:`IncludeUnopened`, :class:`SecretUnreadable` or a ``GitError``.
        """
        spec = source.spec
        keys = None
        if spec.verify is not None:
            keys = await self._secret(
                source,
                spec.verify.secret_ref.name,
                "public keys secret error: failed to get secret",
                reason=reasons.VERIFICATION_ERROR,
                condition=reasons.SOURCE_VERIFIED,
            )
        found = self._includes(source)
        artifacts = [artifact for _, artifact in found]
        # Nothing after this fails, so the caller closes what is shared.
        includes = [replace(included, tree=included.tree.share()) for included, _ in found]
        shape = ArtifactShape(spec.ignore, spec.sparse_checkout, spec.recurse_submodules, includes)
        return ReconcileInputs(shape, artifacts, keys)

    def _includes(self, source: GitRepository) -> list[tuple[Included, Obj]]:
        """The included sources, each with the artifact in its status."""
        found: list[tuple[Included, Obj]] = []
        self._refuse_circle(source)
        for include in source.spec.include:
            name = include.repository.name
            key = SourceKey(GIT_REPOSITORY, source.namespace, name)
            other = self._store.source(key)
            if other is None:
                raise IncludeUnavailable(
                    f"could not get resource for include '{name}': "
                    f'gitrepositories.{SOURCE_GROUP} "{name}" not found',
                    reasons.NOT_FOUND,
                )
            artifact = (other.get("status") or {}).get("artifact")
            if artifact is None:
                raise IncludeUnavailable(f"no artifact available for include '{name}'", reasons.NO_ARTIFACT)
            tree = self._trees.current(key)
            if not self._trees.has(key, artifact["revision"]) or not isinstance(tree, SharedTree):
                raise IncludeUnopened(name)
            found.append((Included(name, tree, include.from_path, include.target_path), artifact))
        return found

    def _refuse_circle(self, source: GitRepository) -> None:
        """Reject a circle of includes: repositories that include each other would grow without end."""
        pending = [(include.repository.name, include.repository.name) for include in source.spec.include]
        seen: set[str] = set()
        while pending:
            name, first = pending.pop()
            if name == source.name:
                raise IncludeFailed(f"'{first}' cannot be included: it includes '{source.name}' itself")
            if name in seen:
                continue
            seen.add(name)
            obj = self._store.source(SourceKey(GIT_REPOSITORY, source.namespace, name))
            for each in (obj or {"spec": {}})["spec"].get("include") or []:
                pending.append((each["repository"]["name"], first))

    def observed_shape(self, key: SourceKey, status: Obj) -> ArtifactShape | None:
        """The inputs of the stored artifact; None if an included tree is not available."""
        includes: list[Included] = []
        for each, artifact in zip(
            status.get("observedInclude") or [], status.get("includedArtifacts") or [], strict=False
        ):
            name = each["repository"]["name"]
            other = SourceKey(GIT_REPOSITORY, key.namespace, name)
            tree = self._trees.current(other)
            if not self._trees.has(other, artifact["revision"]) or not isinstance(tree, SharedTree):
                return None
            target = each.get("toPath") or name
            includes.append(Included(name, tree, each.get("fromPath") or "", target))
        return ArtifactShape(
            status.get("observedIgnore"),
            status.get("observedSparseCheckout") or (),
            bool(status.get("observedRecurseSubmodules")),
            includes,
        )

    def observed(self, key: SourceKey, status: Obj) -> ReconcileInputs | None:
        """The inputs of the stored artifact, to be closed by the caller; None if an included tree is not available.

        The signatures of its commit were verified before it was stored.
        """
        shape = self.observed_shape(key, status)
        if shape is None:
            return None
        shape = replace(shape, includes=[replace(each, tree=each.tree.share()) for each in shape.includes])
        return ReconcileInputs(shape, status.get("includedArtifacts") or [], None)

    async def _secret(
        self,
        source: GitRepository,
        name: str,
        failure: str,
        *,
        reason: str = reasons.AUTHENTICATION_FAILED,
        condition: str = reasons.FETCH_FAILED,
    ) -> dict[str, bytes]:
        """The data of a Secret in the source's namespace; raises :class:`SecretUnreadable`."""
        ref = ObjectRef("v1", "Secret", name, source.namespace)
        try:
            secret = await self._client.get(ref)
        except (NotFound, Forbidden, BadRequest) as error:
            message = f"{failure} '{source.namespace}/{name}': {error.message}"
            raise SecretUnreadable(message, reason, condition) from error
        return {k: base64.b64decode(v) for k, v in (secret.get("data") or {}).items()}


OBSERVED = (
    "observedIgnore",
    "observedInclude",
    "observedRecurseSubmodules",
    "observedSparseCheckout",
    "includedArtifacts",
)


def observed(source: GitRepository, inputs: ReconcileInputs) -> Obj:
    """What shapes the artifact, as the status reports it; None for a field that the status omits."""
    spec = source.spec
    includes: list[Obj] = []
    for include in spec.include:
        entry: Obj = {"repository": {"name": include.repository.name}}
        if include.from_path:
            entry["fromPath"] = include.from_path
        if include.to_path:
            entry["toPath"] = include.to_path
        includes.append(entry)
    return {
        "observedIgnore": spec.ignore,
        "observedInclude": includes or None,
        "observedRecurseSubmodules": spec.recurse_submodules or None,
        "observedSparseCheckout": list(spec.sparse_checkout) or None,
        "includedArtifacts": inputs.included or None,
    }


def same_artifacts(one: list[Obj], other: list[Obj]) -> bool:
    def identity(artifacts: list[Obj]) -> list[tuple[str, str]]:
        return [(each.get("revision", ""), each.get("digest", "")) for each in artifacts]

    return identity(one) == identity(other)


def same_content(observed: Obj, status: Obj) -> bool:
    """Whether the artifact in the status has the same files of its commit and the same files of others."""
    included = "includedArtifacts"
    return all(
        observed[name] == status.get(name) for name in OBSERVED if name != included
    ) and same_artifacts(observed[included] or [], status.get(included) or [])


def requires_verification(source: GitRepository, status: Obj) -> bool:
    """Whether the present revision still has to be verified in the mode of the spec."""
    if source.spec.verify is None:
        return False
    observed, mode = status.get("sourceVerificationMode"), source.spec.verify.mode
    return observed != "TagAndHEAD" and observed != mode
