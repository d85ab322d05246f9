"""The origins of objects and the transformers that changed them, for ``buildMetadata``.

With ``originAnnotations`` every object contains the file, and the repository, that it comes from, or the generator that
made it; with ``transformerAnnotations`` also the transformers that processed it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import NamedTuple

from headgate.documents.yaml import dump
from headgate.kustomize.giturl import parse_git_url

ORIGIN_ANNOTATIONS = "originAnnotations"
TRANSFORMER_ANNOTATIONS = "transformerAnnotations"
MANAGED_BY_LABEL = "managedByLabel"


class ConfiguredBy(NamedTuple):
    """The generator or transformer that made or changed an object; "builtin" ones have no name."""

    api_version: str
    kind: str
    name: str = ""
    namespace: str = ""


class Origin(NamedTuple):
    """A file, or the generator or transformer configured in one; paths are relative to the build's directory."""

    path: str = ""
    repo: str = ""
    ref: str = ""
    configured_in: str = ""
    configured_by: ConfiguredBy | None = None

    def append(self, path: str) -> Origin:
        """Return the origin of a file, directory or remote base that this file names as ``path``."""
        url = parse_git_url(path)
        if url is not None:
            return Origin(posixpath.normpath(url.path) if url.path else ".", url.repository, url.ref)
        return self._replace(path=posixpath.normpath(posixpath.join(self.path, path)))

    def by(self, author: ConfiguredBy, file: str) -> Origin:
        """Return the origin of objects from a generator or transformer configured in ``file``."""
        return Origin("", self.repo, self.ref, posixpath.normpath(posixpath.join(self.path, file)), author)

    def by_custom(self, author: ConfiguredBy) -> Origin:
        """Return the origin of objects from a plugin whose configuration is an object of this origin."""
        return Origin("", self.repo, self.ref, self.path, author)

    def text(self) -> str:
        """Return the annotation's value."""
        lines = [
            f"{name}: {_scalar(value)}"
            for name, value in (
                ("path", self.path),
                ("repo", self.repo),
                ("ref", self.ref),
                ("configuredIn", self.configured_in),
            )
            if value
        ]
        if self.configured_by is not None:
            author = self.configured_by
            lines.append("configuredBy:")
            lines.extend(
                f"  {name}: {_scalar(value)}"
                for name, value in (
                    ("apiVersion", author.api_version),
                    ("kind", author.kind),
                    ("name", author.name),
                    ("namespace", author.namespace),
                )
                if value
            )
        return "".join(f"{line}\n" for line in lines) or "{}\n"


def transformations_text(transformations: Iterable[Origin]) -> str:
    """Return the value of the annotation that lists transformers."""
    text = ""
    for origin in transformations:
        first, *rest = origin.text().splitlines()
        text += f"- {first}\n" + "".join(f"  {line}\n" for line in rest)
    return text


def _scalar(text: str) -> str:
    return dump(text).rstrip("\n")
