"""As whom the operator applies the objects of a Kustomization, and whether the user may do as it does."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.kube import ApiError, Client, NotFound, ObjectRef
from headgate.promotion.changes.hiding import unknown_in
from headgate.promotion.fleet.rendering import RenderedKustomization

__all__ = ["Actor", "Actors"]

_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sends the dry runs of a Kustomization."""

    client: Client
    problem: str = ""
    """Why it is the user, although the operator acts as a service account."""


class Actors:
    """Clients that act as the operator does. Each service account is looked up once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[tuple[str, str], Actor] = {}

    async def of(self, each: RenderedKustomization) -> Actor:
        """Who sends the dry runs of a Kustomization; raises :class:`headgate.kube.ApiError`."""
        account = each.spec.get("serviceAccountName")
        if not isinstance(account, str) or not account:
            return Actor(self._client)
        at = each.key.namespace, account
        if at not in self._known:
            self._known[at] = await self._found(*at)
        return self._known[at]

    async def _found(self, namespace: str, account: str) -> Actor:
        name = f"service account {namespace}/{account}"
        if any(unknown_in(account)):
            return self._instead(
                f"the operator acts as a {name}, whose name is not known; give it with --vars"
            )
        if self._client.acts_as:
            return self._instead(
                f"the operator acts as the {name}, and the kubeconfig as '{self._client.acts_as}': a request can "
                "impersonate only one user"
            )
        try:
            await self._client.get(ObjectRef("v1", "ServiceAccount", account, namespace))
        except NotFound:
            return self._instead(f"the operator acts as the {name}, which does not exist on the cluster")
        except ApiError:
            # Who may impersonate an account need not be able to read it.
            pass
        try:
            may = await self._may_impersonate(namespace, account)
        except ApiError as error:
            return self._instead(
                f"the operator acts as the {name}, and nobody says whether you may impersonate it: {error}"
            )
        if not may:
            return self._instead(
                f"the operator acts as the {name}, which you may not impersonate: you need the verb 'impersonate' for "
                f"serviceaccounts in the namespace {namespace}"
            )
        return Actor(self._client.impersonate(f"system:serviceaccount:{namespace}:{account}"))

    def _instead(self, why: str) -> Actor:
        return Actor(
            self._client,
            problem=f"{why}. The dry runs had your rights, so what the account may do is not known",
        )

    async def _may_impersonate(self, namespace: str, account: str) -> bool:
        wanted = {
            "verb": "impersonate",
            "resource": "serviceaccounts",
            "namespace": namespace,
            "name": account,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        answer = await self._client.request("POST", _REVIEW, body=body, content_type="application/json")
        status = answer.get("status") if isinstance(answer, dict) else None
        return isinstance(status, dict) and status.get("allowed") is True
