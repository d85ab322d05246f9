"""An inventory may name any number of kinds that nobody knows: the API server is not asked about each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from headgate.apply import DeleteOptions, Owner, delete_all
from headgate.kube import ApiError, Client, NoMatch, ObjectRef, ServerTimeout

GROUP = "acme.test"


class Api:
    """Serves no kind, and has one definition, which discovery does not list yet."""

    cluster = "https://memory"

    def __init__(self, error: ApiError | None = None) -> None:
        self.mapper = SimpleNamespace(served=self.served)
        self.asked: Counter[str] = Counter()
        self.error = error

    async def served(self, group: str, kind: str, version: str, *, since: float) -> None:
        raise NoMatch(f"{group}/{version}", kind)

    async def list_pages(self, *_: str, accept: str) -> AsyncIterator[dict[str, Any]]:
        self.asked["list"] += 1
        if self.error is not None:
            raise self.error
        yield {"items": [{"metadata": {"name": f"widgets.{GROUP}"}}, {"metadata": {"name": "a.other.test"}}]}

    async def get(self, ref: ObjectRef) -> dict[str, Any]:
        self.asked[ref.name] += 1
        established = [{"type": "Established", "status": "True"}, {"type": "NamesAccepted", "status": "True"}]
        return {
            "apiVersion": ref.api_version,
            "kind": ref.kind,
            "metadata": {"name": ref.name, "uid": "u", "resourceVersion": "1"},
            "spec": {"names": {"kind": "Widget"}},
            "status": {"conditions": established},
        }


def forged(count: int) -> list[ObjectRef]:
    return [ObjectRef(f"{GROUP}/v1", f"Forged{number}", "a", "team") for number in range(count)]


async def test_definitions_are_asked_for_once_in_a_run() -> None:
    api, widget = Api(), ObjectRef(f"{GROUP}/v1", "Widget", "a", "team")
    result = await delete_all(cast(Client, api), [*forged(50), widget], DeleteOptions(Owner("apps", "team")))
    assert api.asked == {"list": 1, f"widgets.{GROUP}": 1}
    assert result.survivors == (widget,)
    assert "CustomResourceDefinition/widgets.acme.test exists" in result.errors[0]


async def test_a_server_that_does_not_answer_is_asked_once_in_a_run() -> None:
    api = Api(ServerTimeout("no answer in time", status=504))
    result = await delete_all(cast(Client, api), forged(50), DeleteOptions(Owner("apps", "team")))
    assert (api.asked["list"], len(result.survivors)) == (1, 50)
