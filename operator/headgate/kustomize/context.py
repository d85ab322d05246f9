"""The state of one build: its options, the types that it knows, and its use of the limits."""

from __future__ import annotations

from typing import Any

from headgate.documents.budget import SCAN, Budget, count_of
from headgate.documents.contentcache import ContentCache
from headgate.documents.copying import copied
from headgate.documents.errors import LimitExceeded, within
from headgate.documents.tree import blob_id
from headgate.documents.yaml import Dialect, first_value
from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.options import BuildOptions
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.reading.objects import Path, Placed, objects_in
from headgate.kustomize.resources.bookkeeping import has_bookkeeping
from headgate.kustomize.resources.ids import Gvk
from headgate.kustomize.resources.objects import metadata_of
from headgate.kustomize.resources.resource import Resource
from headgate.kustomize.schema import Layer, Schema

BUILTIN_OPENAPI = "v1.21.2"

_MAX_WARNINGS = 20


class Context:
    """The state that all kustomization files of one build share."""

    def __init__(self, options: BuildOptions, budget: Budget, cache: ContentCache) -> None:
        self.options = options
        self.budget = budget
        self._cache = cache
        self._schema = Schema.builtin()
        self._schema_chosen = False
        self._builtin_in_use = self._builtin_awaited = False
        self._cluster_scoped: dict[Gvk, bool] = {}
        self._resources = 0
        # Paths of files; the same path in another tree counts as read before, which is harmless.
        self._read: set[str] = set()
        self._warnings: dict[str, None] = {}
        self._more_warnings = 0

    # Warnings

    def warn(self, message: str, *, file: str, field: str = "") -> None:
        """Record a warning for the author of a file; once, however often the build meets its cause."""
        text = f"{file}, field {field}: {message}" if field else f"{file}: {message}"
        if text in self._warnings:
            return
        if len(self._warnings) < _MAX_WARNINGS:
            self._warnings[text] = None
        else:
            self._more_warnings += 1

    def warnings(self) -> tuple[str, ...]:
        """Return the warnings in order, up to a limit, and how many more there are."""
        more = (f"and {self._more_warnings} more warnings",) if self._more_warnings else ()
        return (*self._warnings, *more)

    # Types

    @property
    def schema(self) -> Schema:
        """The schema for merges."""
        self._builtin_in_use = self._builtin_in_use or not self._schema_chosen
        return self._schema

    def cluster_scoped(self, gvk: Gvk) -> bool:
        """Return whether objects of a kind are known to be cluster-scoped."""
        known = self._cluster_scoped.get(gvk)
        if known is None:
            namespaced = self._schema.is_namespaced(gvk.api_version, gvk.kind)
            self._builtin_awaited = self._builtin_awaited or (namespaced is None and not self._schema_chosen)
            known = self._cluster_scoped[gvk] = namespaced is False
        return known

    def use_openapi(self, openapi: dict[str, str], loader: Loader, *, top: bool) -> None:
        """Apply the ``openapi`` field of a kustomization file.

        The field of the file that is built decides; without it, the first of its bases with the field.
        """
        with within("openapi.path"):
            data = loader.load(openapi["path"]) if "path" in openapi else None
        if self._schema_chosen and not top:
            return
        if data is not None:
            if "version" in openapi:
                raise KustomizationError("openapi takes either a version or a path", field="openapi")
            file = loader.name_of(openapi["path"])
            document = first_value(data, file=file, dialect=Dialect.CONFIG, budget=self.budget, empty={})
            if not isinstance(document, dict):
                raise KustomizationError("must hold an OpenAPI document", file=file)
            self._schema = Schema.builtin().with_openapi(document, self._layer())
        elif openapi.get("version"):
            if openapi["version"] != BUILTIN_OPENAPI:
                raise KustomizationError(
                    f"the OpenAPI version {openapi['version']!r} is not built in, only {BUILTIN_OPENAPI} is",
                    field="openapi.version",
                )
            self._schema = Schema.builtin()
        else:
            return
        self._schema_chosen = True
        self._cluster_scoped.clear()

    def _layer(self) -> Layer:
        """Return how a document combines with the built-in types: kustomize may have loaded those before it.

        It loads them for the first merge and, after that, for the first kind whose scope it does not know.
        """
        if self._builtin_in_use:
            return Layer.OVER
        return Layer.UNDER if self._builtin_awaited else Layer.ALONE

    # Objects

    def read_objects(self, loader: Loader, path: str, dialect: Dialect = Dialect.RESOURCE) -> list[Placed]:
        """Return the objects in a file, which may come from the cache and must not be changed."""
        place = loader.locate(path)
        content_id = loader.tree.content_id(place)
        again = place in self._read
        self._read.add(place)
        known: tuple[list[Placed], int] | None = (
            self._cache.get(dialect.value, content_id) if content_id else None
        )
        if known is not None:
            loader.count(known[1])
            if again:
                self._charge_copies(known[0])
            return known[0]
        data = loader.read(place)
        objects = objects_in(data, file=place, budget=self.budget, dialect=dialect)
        if again:
            self._charge_copies(objects)
        if content_id:
            self._cache.put(dialect.value, content_id, (objects, len(data)), len(data))
        return objects

    def parse_objects(self, data: bytes, *, file: str, dialect: Dialect = Dialect.RESOURCE) -> list[Placed]:
        """Return the objects in a text, likewise; ``file`` only appears in messages."""
        # Aliases may repeat an inline text many times.
        self.budget.charge(len(data) // SCAN)
        content_id = blob_id(data)
        known: tuple[list[Placed], int] | None = self._cache.get(dialect.value, content_id)
        if known is not None:
            return known[0]
        objects = objects_in(data, file=file, budget=self.budget, dialect=dialect)
        self._cache.put(dialect.value, content_id, (objects, len(data)), len(data))
        return objects

    def _charge_copies(self, objects: list[Placed]) -> None:
        """Charge for another copy of the objects: a few bytes of aliases may have made them large."""
        self.budget.charge(4 * SCAN * sum([count_of(placed.obj) for placed in objects]))

    def resources(self, objects: list[Placed], file: str) -> list[Resource]:
        """Return resources with copies of the objects; raises LimitExceeded when the build has too many."""
        self._resources += len(objects)
        if self._resources > self.options.limits.resources:
            raise LimitExceeded(f"the build has more than {self.options.limits.resources} resources")
        result = []
        for obj, line, words, in_braces in objects:
            resource = Resource(copied(obj), self.cluster_scoped, self.budget)
            resource.in_braces = in_braces
            if words:
                resource.blanks = [
                    _at(resource.obj, word.path, word.in_braces) for word in words if not word.text
                ]
                resource.words = {word.path: word.text for word in words}
            resource.place = f"{file}:{line}"
            annotations = metadata_of(obj).get("annotations")
            if isinstance(annotations, dict) and has_bookkeeping(annotations):
                resource.adopt_bookkeeping(resource.annotations)
            result.append(resource)
        return result


def _at(value: Any, path: Path, flow: bool) -> tuple[Any, str | int]:
    """Return the container and key at a path; within braces kustomize prints a blank null as an empty string."""
    for step in path[:-1]:
        value = value[step]
    if flow:
        value[path[-1]] = ""
    return value, path[-1]
