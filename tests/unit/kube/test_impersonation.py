"""Whom a kubeconfig says to act as is sent as Kubernetes' clients send it, or the kubeconfig is refused."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.kube import AccessFailed, Client
from headgate.kube.impersonation import impersonation_of

User = dict[str, Any]


def kubeconfig(user: User, **cluster: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **cluster}}],
        "users": [{"name": "other", "user": {"as": "nobody"}}, {"name": "u", "user": user}],
        "contexts": [
            {"name": "else", "context": {"cluster": "c", "user": "other"}},
            {"name": "x", "context": {"cluster": "c", "user": "u"}},
        ],
        "current-context": "x",
    }


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        ({}, ()),
        ({"token": "t", "as": ""}, ()),
        ({"as": "jane"}, (("Impersonate-User", "jane"),)),
        (
            {"as": "system:serviceaccount:ns:sa", "as-uid": "u-1", "as-groups": ["a", "b:c"]},
            (
                ("Impersonate-User", "system:serviceaccount:ns:sa"),
                ("Impersonate-Uid", "u-1"),
                ("Impersonate-Group", "a"),
                ("Impersonate-Group", "b:c"),
            ),
        ),
        (
            {"as": "jane", "as-user-extra": {"Scopes": ["view", "edit"], "example.org/project": ["x"]}},
            (
                ("Impersonate-User", "jane"),
                ("Impersonate-Extra-scopes", "view"),
                ("Impersonate-Extra-scopes", "edit"),
                ("Impersonate-Extra-example.org%2Fproject", "x"),
            ),
        ),
        (
            {"as": "jane", "as-user-extra": {"50%": ["x"]}},
            (("Impersonate-User", "jane"), ("Impersonate-Extra-50%25", "x")),
        ),
    ],
)
def test_headers(user: User, headers: tuple[tuple[str, str], ...]) -> None:
    assert impersonation_of(kubeconfig(user)) == headers


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"as-groups": ["system:masters"]}, "set 'as'"),
        ({"as-uid": "1"}, "set 'as'"),
        ({"as-user-extra": {"a": ["b"]}}, "set 'as'"),
        ({"as": ["jane"]}, "as must be text"),
        ({"as": "jane\r\nImpersonate-Group: system:masters"}, "as must be text on one line"),
        ({"as": "jane", "as-groups": "system:masters"}, "as-groups must be a list"),
        ({"as": "jane", "as-groups": [1]}, "as-groups must be text"),
        ({"as": "jane", "as-groups": ["a\nb"]}, "as-groups must be text on one line"),
        ({"as": "jane", "as-user-extra": ["a"]}, "as-user-extra must be a mapping"),
        ({"as": "jane", "as-user-extra": {"a": "b"}}, r"as-user-extra\[a\] must be a list"),
        ({"as": "jane", "as-user-extra": {"a\n": ["b"]}}, "as-user-extra must be text on one line"),
    ],
)
def test_what_cannot_be_honoured_is_refused(user: User, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        impersonation_of(kubeconfig(user))


def test_another_context_has_another_user() -> None:
    assert impersonation_of(kubeconfig({}), "else") == (("Impersonate-User", "nobody"),)


async def test_nobody_acts_as_two_users() -> None:
    """The headers of one would take the place of the other's, and with them what limits the token."""
    async with await Client.connect(kubeconfig({"token": "t", "as": "jane"})) as client:
        assert client.acts_as == "jane"
        with pytest.raises(AccessFailed, match="acts as 'jane' already"):
            client.impersonate("system:serviceaccount:ns:sa")
    async with await Client.connect(kubeconfig({"token": "t"})) as client:
        assert client.acts_as == ""
        assert client.impersonate("jane").acts_as == "jane"
