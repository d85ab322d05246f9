"""One object during a build, with the history that name references and generators need.

kustomize keeps this history in annotations of the object; here it is in fields next to the plain object, so that
nothing has to be parsed or removed. :mod:`headgate.kustomize.transform.patches` writes the annotations for the few
operations that can read them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, NamedTuple, TypedDict

from headgate.documents.budget import NODE, Budget
from headgate.documents.yaml.scalars import created_texts, scalar_text
from headgate.kustomize.errors import ResourceError
from headgate.kustomize.resources.bookkeeping import (
    ALLOW_KIND_CHANGE,
    ALLOW_NAME_CHANGE,
    GENERATOR_BEHAVIOR,
    HELM_GENERATED,
    NEEDS_HASH,
    NOTED_ANNOTATIONS,
    PREFIXES,
    PREVIOUS_KINDS,
    PREVIOUS_NAMES,
    PREVIOUS_NAMESPACES,
    SUFFIXES,
)
from headgate.kustomize.resources.ids import DEFAULT_NAMESPACE, Gvk, ResId, effective_namespace, parse_gvk
from headgate.kustomize.resources.objects import NO_WORDS, label_of, metadata_of, string_map
from headgate.kustomize.resources.places import Patched
from headgate.kustomize.resources.provenance import ConfiguredBy, Origin
from headgate.objects import Obj

_FEW_NAMES = 16


class ErrorPlace(TypedDict):
    """The arguments of errors that locate an object."""

    file: str | None
    line: int | None
    object: str


ScopeOf = Callable[[Gvk], bool]


class Previous(NamedTuple):
    """An earlier identity of an object in the build; group and version are always the current ones.

    ``times`` is how often in a row the identity was recorded: most steps that record an identity do not change it.
    """

    namespace: str
    name: str
    kind: str
    times: int = 1


@dataclass(slots=True)
class SharedValue:
    """One key whose value several maps of an object share (see :mod:`.sharing`).

    ``notes`` is the :meth:`Resource.notes_state` at which ``metadata.annotations`` was last one of the maps.
    """

    key: str
    maps: list[Obj]
    notes: tuple[Any, ...]


class Resource:
    """An object and its history; the resource owns ``obj`` and changes it in place."""

    __slots__ = (
        "allow_kind_change",
        "allow_name_change",
        "behavior",
        "blanks",
        "budget",
        "cluster_scoped",
        "helm_generated",
        "in_braces",
        "needs_hash",
        "obj",
        "origin",
        "patches",
        "place",
        "position",
        "prefixes",
        "previous",
        "shared",
        "suffixes",
        "transformations",
        "variables",
        "words",
    )

    def __init__(self, obj: Obj, cluster_scoped: ScopeOf, budget: Budget) -> None:
        self.obj = obj
        self.cluster_scoped = cluster_scoped
        self.budget = budget
        self.previous: tuple[Previous, ...] = ()
        self.prefixes: tuple[str, ...] = ()
        self.suffixes: tuple[str, ...] = ()
        self.behavior = ""
        self.needs_hash = False
        # The file and, after a colon, the line.
        self.place: str | None = None
        # The patches that changed it, in their order: what is wrong with it may be their fault.
        self.patches: tuple[Patched, ...] = ()
        # The index in the collection.
        self.position = -1
        # The blank nulls: strategic merge patches remove these fields.
        self.blanks: list[tuple[Any, str | int]] = []
        # The texts of nulls that are not written "null" and of booleans that are not written "true" or "false", by
        # their path in the object.
        self.words: Mapping[tuple[str | int, ...], str] = NO_WORDS
        # Written as {...} in the file: everything inside is printed on one line, and folded text keeps its form.
        self.in_braces = False
        self.shared: list[SharedValue] = []
        self.allow_name_change = False
        self.allow_kind_change = False
        self.helm_generated = False
        self.variables: tuple[str, ...] = ()
        self.origin: Origin | None = None
        self.transformations: tuple[Origin, ...] = ()

    def copy_history(self, other: Resource) -> None:
        """Copy everything except the object from another resource."""
        self.previous = other.previous
        self.prefixes = other.prefixes
        self.suffixes = other.suffixes
        self.behavior = other.behavior
        self.needs_hash = other.needs_hash
        self.allow_name_change = other.allow_name_change
        self.allow_kind_change = other.allow_kind_change
        self.helm_generated = other.helm_generated
        self.variables = other.variables
        self.origin = other.origin
        self.transformations = other.transformations
        self.patches = other.patches

    # Identity

    @property
    def gvk(self) -> Gvk:
        """The object's current group, version and kind."""
        obj = self.obj
        api_version, kind = obj.get("apiVersion", ""), obj.get("kind", "")
        if type(api_version) is not str:
            api_version = scalar_text(api_version) if api_version is not None else ""
        if type(kind) is not str:
            kind = scalar_text(kind) if kind is not None else ""
        return parse_gvk(api_version, kind)

    @property
    def author(self) -> ConfiguredBy:
        """The generator or transformer that the object configures."""
        gvk = self.gvk
        return ConfiguredBy(gvk.api_version, gvk.kind, self.name, self.namespace)

    @property
    def kind(self) -> str:
        """The object's current kind."""
        kind = self.obj.get("kind", "")
        return kind if type(kind) is str else scalar_text(kind)

    @property
    def name(self) -> str:
        """``metadata.name`` as text, "" if missing."""
        name = metadata_of(self.obj).get("name")
        return name if type(name) is str else "" if name is None else scalar_text(name)

    @property
    def namespace(self) -> str:
        """``metadata.namespace`` as text, "" if missing."""
        namespace = metadata_of(self.obj).get("namespace")
        return namespace if type(namespace) is str else "" if namespace is None else scalar_text(namespace)

    def id(self) -> ResId:
        """Return the object's current identity."""
        obj = self.obj
        api_version, kind, metadata = obj.get("apiVersion"), obj.get("kind"), obj.get("metadata")
        if type(api_version) is str and type(kind) is str and type(metadata) is dict:
            gvk = parse_gvk(api_version, kind)
            name, namespace = metadata.get("name"), metadata.get("namespace", "")
            if type(name) is str and type(namespace) is str:
                return ResId(gvk, name, effective_namespace(namespace, self.cluster_scoped(gvk)))
        # At least one of them is not plain text.
        gvk = self.gvk
        return ResId(gvk, self.name, effective_namespace(self.namespace, self.cluster_scoped(gvk)))

    def previous_ids(self) -> list[ResId]:
        """Return the object's earlier identities, oldest first."""
        if not self.previous:
            return []
        group, version, _ = self.gvk
        return [
            ResId(Gvk(group, version, kind), name, namespace or DEFAULT_NAMESPACE)
            for namespace, name, kind, _ in self.previous
        ]

    def original_id(self) -> ResId:
        """Return the identity with which the object entered the build."""
        if not self.previous:
            return self.id()
        group, version, _ = self.gvk
        namespace, name, kind, _ = self.previous[0]
        return ResId(Gvk(group, version, kind), name, namespace or DEFAULT_NAMESPACE)

    @property
    def original_gvk(self) -> Gvk:
        """The group, version and kind with which the object entered the build."""
        if not self.previous:
            return self.gvk
        group, version, _ = self.gvk
        return Gvk(group, version, self.previous[0].kind)

    def remember_id(self) -> None:
        """Record the current identity before a change; raises ResourceError when a patch has removed it."""
        gvk, name = self.gvk, self.name
        if not name or not gvk.kind:
            raise ResourceError("has lost its name or kind to a patch", object=str(self))
        self.mend_annotations()
        namespace = effective_namespace(self.namespace, self.cluster_scoped(gvk))
        # The indexes process all earlier identities, which is noticeable for many.
        self.budget.charge(NODE + NODE * max(0, len(self.previous) - _FEW_NAMES))
        self.previous = _noted(self.previous, namespace, name, gvk.kind)

    def mend_annotations(self) -> None:
        """Remove annotations that are not a map, and with them the bookkeeping in them."""
        metadata = metadata_of(self.obj)
        if isinstance(metadata.get("annotations"), (dict, NoneType)):
            return
        del metadata["annotations"]
        self.reread_notes()

    def reread_notes(self) -> None:
        """Read the bookkeeping again after a change of all annotations, and drop what they no longer contain."""
        self.adopt_bookkeeping(self.annotations)
        self.origin, self.transformations = None, ()

    def __str__(self) -> str:
        return label_of(self.obj)

    def placed(self) -> ErrorPlace:
        """Return the location of the object for errors."""
        file, _, line = (self.place or "").rpartition(":")
        known = line.isdigit()
        return {
            "file": (file if known else self.place) or None,
            "line": int(line) if known else None,
            "object": str(self),
        }

    # Metadata

    @property
    def metadata(self) -> Obj:
        """The object's metadata map, created if missing."""
        metadata = self.obj.get("metadata")
        if not isinstance(metadata, dict):
            metadata = self.obj["metadata"] = {}
        return metadata

    @property
    def labels(self) -> dict[str, str]:
        """A copy of the labels, as text."""
        return self.texts("metadata", "labels")

    @property
    def annotations(self) -> dict[str, str]:
        """A copy of the annotations, as text; without bookkeeping."""
        return self.texts("metadata", "annotations")

    def texts(self, *path: str) -> dict[str, str]:
        """A copy of the map at a path of one or two fields, every value as text."""
        value = metadata_of(self.obj) if len(path) > 1 else self.obj
        return string_map(value.get(path[-1]), self.words, path)

    def write_texts(self, field: str, values: dict[str, str]) -> None:
        """Rewrite ``metadata.labels`` or ``metadata.annotations`` as text; an empty map removes the field."""
        self.set_map(field, created_texts(values))

    def set_map(self, field: str, values: dict[str, Any]) -> None:
        """Set ``metadata.labels`` or ``metadata.annotations``; an empty map removes the field."""
        if values:
            self.metadata[field] = values
        else:
            self.metadata.pop(field, None)

    # Bookkeeping as annotations

    def bookkeeping(self) -> dict[str, str]:
        """Return the history as the annotations in which kustomize keeps it."""
        notes: dict[str, str] = {}
        if self.previous:
            notes[PREVIOUS_NAMES] = ",".join(item.name for item in self.previous for _ in range(item.times))
            notes[PREVIOUS_NAMESPACES] = ",".join(
                item.namespace for item in self.previous for _ in range(item.times)
            )
            notes[PREVIOUS_KINDS] = ",".join(item.kind for item in self.previous for _ in range(item.times))
        if self.prefixes:
            notes[PREFIXES] = ",".join(self.prefixes)
        if self.suffixes:
            notes[SUFFIXES] = ",".join(self.suffixes)
        if self.behavior:
            notes[GENERATOR_BEHAVIOR] = self.behavior
        for name, flag in (
            (NEEDS_HASH, self.needs_hash),
            (ALLOW_NAME_CHANGE, self.allow_name_change),
            (ALLOW_KIND_CHANGE, self.allow_kind_change),
        ):
            if flag:
                notes[name] = "enabled"
        if self.helm_generated:
            notes[HELM_GENERATED] = "true"
        return notes

    def is_plainly_noted(self) -> bool:
        """Return whether the annotations can represent the history without loss and contain no other bookkeeping."""
        annotations = metadata_of(self.obj).get("annotations")
        if isinstance(annotations, dict):
            if not NOTED_ANNOTATIONS.isdisjoint(annotations):
                return False
        elif annotations is not None:
            return False
        # In the annotations, commas separate the names.
        return not any(
            "," in text for item in self.previous for text in (item.namespace, item.name, item.kind)
        ) and not any("," in text for text in (*self.prefixes, *self.suffixes))

    def has_notes(self) -> bool:
        """Return whether kustomize would have bookkeeping in the object's annotations by now."""
        return self.origin is not None or bool(self.transformations or self.bookkeeping())

    def notes_state(self) -> tuple[Any, ...]:
        """Return a value that changes whenever kustomize would add bookkeeping to the annotations."""
        return (
            sum([item.times for item in self.previous]),
            len(self.prefixes),
            len(self.suffixes),
            self.variables,
            self.origin is not None,
            len(self.transformations),
        )

    def adopt_bookkeeping(self, annotations: dict[str, str]) -> None:
        """Read the history from annotations, for input that contains them."""

        def parts(name: str) -> list[str]:
            return annotations[name].split(",") if name in annotations else []

        names = parts(PREVIOUS_NAMES)
        namespaces, kinds = parts(PREVIOUS_NAMESPACES), parts(PREVIOUS_KINDS)
        if len(names) == len(namespaces) == len(kinds):
            triples = zip(namespaces, names, kinds, strict=True)
            self.previous = tuple(
                Previous(*triple, len(list(same))) for triple, same in itertools.groupby(triples)
            )
        self.prefixes = tuple(parts(PREFIXES))
        self.suffixes = tuple(parts(SUFFIXES))
        self.behavior = annotations.get(GENERATOR_BEHAVIOR, "")
        self.needs_hash = annotations.get(NEEDS_HASH) == "enabled"
        self.allow_name_change = annotations.get(ALLOW_NAME_CHANGE) == "enabled"
        self.allow_kind_change = annotations.get(ALLOW_KIND_CHANGE) == "enabled"
        self.helm_generated = annotations.get(HELM_GENERATED) == "true"


def _noted(previous: tuple[Previous, ...], namespace: str, name: str, kind: str) -> tuple[Previous, ...]:
    """Return the history with one more identity."""
    if previous:
        last = previous[-1]
        if last.name == name and last.namespace == namespace and last.kind == kind:
            return (*previous[:-1], Previous(namespace, name, kind, last.times + 1))
    return (*previous, Previous(namespace, name, kind))
