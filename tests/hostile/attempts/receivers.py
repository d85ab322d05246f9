"""Attempts to misuse Receivers, their filters and their webhook calls."""

from __future__ import annotations

import json
from typing import Any

from tests.hostile.attempt import Attempt, Obj, Try, attempt, secret
from tests.hostile.objects import (
    NOT_FOUND,
)
from tests.hostile.servers import http
from tests.hostile.world import RECEIVER, RECEIVER_VERSION, World
from tests.support.cluster import (
    KUSTOMIZATION,
    KUSTOMIZATION_VERSION,
    SOURCE,
)

ATTEMPTS: list[Attempt] = []


@attempt(
    ("namespace", {"kind": SOURCE, "name": "source", "namespace": "{other}"}),
    (
        "kustomization",
        {"apiVersion": KUSTOMIZATION_VERSION, "kind": KUSTOMIZATION, "name": "apps", "namespace": "{other}"},
    ),
    ("path-in-the-name", {"kind": SOURCE, "name": "../../{other}/gitrepositories/source"}),
    ("all-of-them", {"kind": SOURCE, "name": "*", "namespace": "{other}", "matchLabels": {"a": "b"}}),
    ("all-by-a-selector", {"kind": SOURCE, "name": "*", "matchLabels": {"a": "b,!c"}}),
    ("all-of-no-namespace", {"kind": SOURCE, "name": "*", "namespace": "", "matchLabels": {"a": "b"}}),
    ("version-with-a-path", {"apiVersion": "v1/namespaces/{other}", "kind": SOURCE, "name": "source"}),
    may_pass=True,
)
def receiver_of(w: World, name: str, resource: dict[str, Any]) -> Try:
    """A webhook call reconciles only objects in the Receiver's own namespace."""
    text = json.dumps(resource).replace("{other}", w.other.namespace)
    return receiver(w, name, resources=[json.loads(text)])


@attempt(blind=True, may_pass=True)
def receiver_whose_answer_tells(w: World, name: str, right: bool) -> Try:
    """The response to a webhook call does not depend on whether another namespace has such an object."""
    guess = "source" if right else NOT_FOUND
    resource = {"kind": SOURCE, "name": guess, "namespace": w.other.namespace}
    return receiver(w, name, resources=[resource])


@attempt(
    ("key", "{'a': 1}[res.metadata.annotations.pearl] == 1"),
    ("int", "int(res.metadata.annotations.pearl) == 1"),
    ("request", "{'a': 1}[req.pearl] == 1"),
    ("matches", "'a'.matches(req.pearl + '(')"),
    may_pass=True,
)
def receiver_filter_error(w: World, name: str, expression: str) -> Try:
    """The error of a filter quotes neither the object nor the call, not even in the log."""
    resource = {"kind": SOURCE, "name": "source"}
    return receiver(w, name, resources=[resource], resourceFilter=expression)


@attempt(("a-slash", "{other}/treasure"), ("a-path", "../../{other}/secrets/treasure"))
def receiver_token_from(w: World, name: str, written: str) -> Try:
    """The token of a Receiver comes from its own namespace; otherwise its path would reveal the other's token."""
    return receiver(w, name, secretRef={"name": written.format(other=w.other.namespace)})


def receiver(w: World, name: str, **spec: Any) -> Try:
    """A Receiver of type generic; the tenant calls its webhook once it is Ready."""
    wanted = {
        "type": "generic",
        "secretRef": {"name": name},
        "resources": [{"kind": SOURCE, "name": "source"}],
        **spec,
    }
    made = {"apiVersion": RECEIVER_VERSION, "kind": RECEIVER, "metadata": {"name": name}, "spec": wanted}
    return Try(spec=None, objects=(secret(name, token=f"token-{name}"), made), then=_call)


def _call(w: World, obj: Obj) -> str:
    path = (obj.get("status") or {}).get("webhookPath")
    if not path:
        return ""
    body = json.dumps({"pearl": "pearl-5d1c-of-a-secret"}).encode()
    return http(w.hooks, path, body)
