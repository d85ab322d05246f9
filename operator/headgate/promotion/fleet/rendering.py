"""One environment at one state of the repository: its sources, its Kustomizations and their objects, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headgate.api import ObjectKey
from headgate.documents.tree import Inputs
from headgate.git.refs.reference import GitReference, Resolved
from headgate.kube import ObjectRef
from headgate.objects import Obj

if TYPE_CHECKING:
    from headgate.postbuild import Masks

__all__ = ["Problem", "RenderedKustomization", "RenderedObject", "RenderedSource", "Rendering"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be rendered, and why; one sentence that names file, line, object and field."""

    message: str
    kustomization: ObjectKey | None = None


@dataclass(frozen=True, slots=True)
class RenderedSource:
    """A GitRepository of the environment."""

    key: ObjectKey
    url: str
    reference: GitReference
    """What it follows."""
    resolved: Resolved | None
    """The commit that it selects in this state; None if it is another repository, or selects none."""
    spec: Obj
    place: str | None = None
    """File and line of its manifest."""


@dataclass(frozen=True, slots=True)
class RenderedObject:
    """An object as the operator would apply it, and where it comes from."""

    ref: ObjectRef
    """The namespace is empty where the manifest has none, as the REST mapping of the cluster decides."""
    obj: Obj
    """Values of variables that nobody gave are :data:`UNKNOWN_OPEN` … :data:`UNKNOWN_CLOSE` around the name."""
    place: str | None = None
    """File and, after a colon, the line."""
    encrypted: bool = False
    """Whether it holds values that nobody decrypted."""
    original_name: str = ""
    """Its name without the hash that a generator appends; empty if the name has none."""


UNKNOWN_OPEN, UNKNOWN_CLOSE = "\ufdd0", "\ufdd1"
"""Noncharacters of Unicode around the name of a variable whose value is unknown: in no file, so never mistaken."""


@dataclass(frozen=True, slots=True)
class RenderedKustomization:
    """A Kustomization of the environment and what it applies."""

    key: ObjectKey
    spec: Obj
    source: ObjectKey | None
    """The GitRepository of this environment that it uses; None for a source that is not in this repository."""
    commit: str
    """The commit that it was built from; empty if it was not built."""
    objects: tuple[RenderedObject, ...] = ()
    inputs: Inputs | None = None
    """What the build read; None if it was not built."""
    depends_on: tuple[ObjectKey, ...] = ()
    made_by: ObjectKey | None = None
    """The Kustomization that applies this one; None if it is in the cluster folder itself."""
    place: str | None = None
    problem: Problem | None = None
    """Why it could not be built; its objects are then unknown, not absent."""
    suspended: bool = False
    prunes: bool = False
    skipped: bool = False
    """Whether it was not built because nothing that its build can read differs between the two renderings of a pair:
    its objects are then unknown, and the same in both."""
    masks: Masks | None = field(default=None, compare=False, repr=False)
    """The secret values that the build put into its objects: decrypted ones, and variables from Secrets."""
    secrets: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    """The values of variables from Secrets, also those that are too short for a mask."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """Everything that one environment applies, at one state of the repository."""

    environment: str
    cluster: str
    """The cluster folder."""
    sources: tuple[RenderedSource, ...] = ()
    kustomizations: tuple[RenderedKustomization, ...] = ()
    """Each after those that it depends on."""
    root: tuple[RenderedObject, ...] = ()
    """Objects of the cluster folder itself, if no Kustomization applies it."""
    root_commit: str = ""
    """The commit at which the cluster folder was read; empty if the folder does not exist there."""
    followed: ObjectKey | None = None
    """The GitRepository that a promotion moves; None if the environment has none of this repository."""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """What was assumed; one sentence each."""
    unknown_variables: tuple[str, ...] = ()
    by_key: Mapping[ObjectKey, RenderedKustomization] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_key", {each.key: each for each in self.kustomizations})

    def source(self, key: ObjectKey | None) -> RenderedSource | None:
        """The GitRepository of this key; None if the environment has none."""
        return next((each for each in self.sources if each.key == key), None)

    def commit_of(self, key: ObjectKey | None) -> str:
        """The commit that the GitRepository of this key selects; empty if it is not known."""
        source = self.source(key)
        return source.resolved.commit if source is not None and source.resolved is not None else ""

    @property
    def objects(self) -> tuple[RenderedObject, ...]:
        """All objects: those of the cluster folder, then those of each Kustomization."""
        return self.root + tuple(each for one in self.kustomizations for each in one.objects)
