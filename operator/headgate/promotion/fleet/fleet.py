"""Renders environments: everything that one applies, at one state of the repository or at two."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from headgate.api import ObjectKey
from headgate.postbuild.masks import MASK, SHORTEST, Masks
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet.building import Builds
from headgate.promotion.fleet.options import FleetOptions
from headgate.promotion.fleet.rendering import Problem, RenderedKustomization, RenderedSource, Rendering
from headgate.promotion.fleet.roots import Root, find_root
from headgate.promotion.fleet.side import Side
from headgate.promotion.fleet.sources import Trees
from headgate.promotion.fleet.state import RefState
from headgate.promotion.fleet.walk import FleetWalk

__all__ = ["Fleet"]


class Fleet:
    """The environments of one repository. Renderings share what they read alike; close it when done."""

    def __init__(self, clone: Clone, options: FleetOptions | None = None) -> None:
        self.clone, self.options = clone, options or FleetOptions()
        self._trees = Trees(clone, self.options.source_urls)
        self.results = Builds(self.options)
        """The builds so far, which later ones may share."""
        self._deadline = time.monotonic() + self.options.limits.seconds

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the trees."""
        self._trees.close()

    @property
    def builds(self) -> int:
        """How many builds have run so far."""
        return self.results.count

    def state(self) -> RefState:
        """Return what the refs of the remote select now; raises :class:`~headgate.promotion.errors.CloneError`."""
        branch = self.options.default_branch or self.clone.default_branch()
        return RefState(self.clone.refs(), branch)

    def render(self, environment: Environment, state: RefState) -> Rendering:
        """Return everything that an environment applies at a state.

        What cannot be rendered is a problem of the result. Raises :class:`~headgate.promotion.errors.CloneError` only
        if the clone cannot be read.
        """
        return self._rendered(environment, [state])[0]

    def render_pair(
        self, environment: Environment, before: RefState, after: RefState
    ) -> tuple[Rendering, Rendering]:
        """Return two renderings to compare: as :meth:`render`, except that what is the same in both may be skipped.

        See :attr:`~headgate.promotion.fleet.rendering.RenderedKustomization.skipped`. A Kustomization that is in only
        one of them is never skipped.
        """
        first, second = self._rendered(environment, [before, after])
        return first, second

    def followed(self, environment: Environment, state: RefState) -> RenderedSource | None:
        """Return the GitRepository that a promotion moves, from the cluster folder alone; None if there is none.

        Nothing else is built, unless ``source`` names another one than the folder follows. Raises as :meth:`render`.
        """
        side, root = self._with_root(environment, state)
        if _named(environment) not in (None, root.followed):
            rendering = self.render(environment, state)
            return rendering.source(rendering.followed)
        return None if root.followed is None else side.sources[root.followed]

    def _rendered(self, environment: Environment, states: Sequence[RefState]) -> list[Rendering]:
        roots = [self._with_root(environment, state) for state in states]
        for side, root in roots:
            side.root = root.objects
        FleetWalk(self._trees, self.results, self.options, self._deadline, [side for side, _ in roots]).run()
        return [self._result(environment, side, root) for side, root in roots]

    def _with_root(self, environment: Environment, state: RefState) -> tuple[Side, Root]:
        """A state of which only the cluster folder is known."""
        side = Side(state, default_source=_given(environment))
        return side, find_root(environment, side, self._trees, self.results)

    @staticmethod
    def _result(environment: Environment, side: Side, root: Root) -> Rendering:
        kustomizations = side.rendered()
        mask = _mask(kustomizations)
        return Rendering(
            environment=environment.name,
            cluster=environment.cluster,
            sources=tuple(side.sources.values()),
            kustomizations=tuple(
                each if each.problem is None else replace(each, problem=mask(each.problem))
                for each in kustomizations
            ),
            root=() if root.applied else root.objects,
            root_commit=root.commit,
            followed=_moved(environment, side, root),
            problems=tuple(map(mask, side.problems)),
            notes=tuple(side.notes),
            unknown_variables=side.unknown_variables(),
        )


def _mask(kustomizations: Sequence[RenderedKustomization]) -> Callable[[Problem], Problem]:
    """Hides secret values in problems: a build may put one into a Kustomization, and what is wrong there is quoted."""
    masks = Masks()
    for each in kustomizations:
        masks = masks | each.masks if each.masks is not None else masks
    secrets = {value for each in kustomizations for value in each.secrets if value and len(value) < SHORTEST}
    short = re.compile(
        "|".join(rf"(?<![\w-]){re.escape(each)}(?![\w-])" for each in sorted(secrets)) or r"(?!)"
    )

    def mask(problem: Problem) -> Problem:
        return replace(problem, message=short.sub(MASK, masks(problem.message)))

    return mask


def _named(environment: Environment) -> ObjectKey | None:
    """The GitRepository that the policy says a promotion moves."""
    namespace, _, name = environment.source.rpartition("/")
    return ObjectKey(namespace, name) if name else None


def _moved(environment: Environment, side: Side, root: Root) -> ObjectKey | None:
    """What a promotion moves: the cluster folder may follow the default branch, and pin what is applied."""
    named = _named(environment)
    source = None if named is None else side.sources.get(named)
    return root.followed if source is None or source.resolved is None else named


def _given(environment: Environment) -> RenderedSource | None:
    if environment.follows is None:
        return None
    namespace, _, name = (environment.source or "flux-system/flux-system").rpartition("/")
    return RenderedSource(ObjectKey(namespace, name), "", environment.follows, None, {})
