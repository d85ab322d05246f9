"""Gitea with an account and its repositories, for tests against the real server (:mod:`giteaserver`)."""

from __future__ import annotations

import json
from typing import Any

import urllib3

import giteaserver

Json = Any


class Account:
    """An account of a server, and a token that may do everything in its name."""

    def __init__(self, gitea: giteaserver.Gitea, name: str) -> None:
        gitea.add_user(name)
        self.gitea, self.name = gitea, name
        self.token = gitea.token(name, "all")

    def call(self, method: str, path: str, body: Json = None, token: str = "") -> Json:
        """The decoded answer of the API; ``path`` is below its root."""
        answer = urllib3.request(
            method,
            f"{self.gitea.url}/api/v1{path}",
            headers={"Authorization": f"token {token or self.token}"},
            json=body,
        )
        assert answer.status < 300, answer.data
        return json.loads(answer.data) if answer.data else None

    def create_repository(self, name: str, **options: Json) -> str:
        """A new repository with the default branch ``main``; returns the URL that everybody may read it from."""
        self.call("POST", "/user/repos", {"name": name, "default_branch": "main", **options})
        return f"{self.gitea.url}/{self.name}/{name}"

    def pushed(self, repository: str) -> str:
        """The URL with which git may push to a repository."""
        return (
            f"{self.gitea.url.replace('://', f'://{self.name}:{self.token}@')}/{self.name}/{repository}.git"
        )
