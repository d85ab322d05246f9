"""What a promotion is computed from: a copy of the remote, its environments, how to render and to observe them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from headgate.git.errors import GitError
from headgate.git.refs.reference import DEFAULT_BRANCH, HEADS, TAGS, GitReference, Refs, Resolved
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment, Environments
from headgate.promotion.errors import PromotionError, RevisionUnknown
from headgate.promotion.evidence.model import Evidence
from headgate.promotion.fleet.rendering import RenderedSource, Rendering
from headgate.promotion.plans.promoters import Promoters

__all__ = ["World", "described", "moved", "pointed", "source_of", "verifies_commits", "verifies_tags"]

Renderer = Callable[[Environment, Refs], Rendering]
"""Renders an environment as if the remote had these refs."""


@dataclass
class World:
    """See the module's text. Renderings are kept: the same state is rendered once."""

    clone: Clone
    """A copy of the remote: what it has now."""
    environments: Environments
    renderer: Renderer
    observe: Callable[[Environment], Evidence]
    """What an environment runs; raises :class:`headgate.promotion.errors.EvidenceMissing`."""
    now: datetime
    promoter: str
    """``Name <email>`` of the user."""
    evidence_options: tuple[str, ...] = ()
    """What the command line says of evidence in place of the policy, for the audit."""
    _rendered: dict[tuple[str, frozenset[tuple[str, str]]], Rendering] = field(default_factory=dict)

    @property
    def refs(self) -> Refs:
        """The refs of the remote."""
        return self.clone.refs()

    @property
    def default_branch(self) -> str:
        """Without ``refs/heads/``."""
        return self.clone.default_branch()

    @cached_property
    def promoters(self) -> Promoters:
        """Who may promote, as the policy says; raises :class:`CloneError`."""
        return Promoters(self.clone, self.environments.promoters)

    @property
    def promoter_email(self) -> str:
        """The address of the user."""
        return self.promoter.rpartition("<")[2].rstrip(">")

    def render(self, environment: Environment, refs: Refs | None = None) -> Rendering:
        """Render an environment as if the remote had these refs; by default those that it has."""
        state = self.refs if refs is None else refs
        key = environment.name, frozenset((name, state.commit(name) or "") for name in state.ids)
        if key not in self._rendered:
            self._rendered[key] = self.renderer(environment, state)
        return self._rendered[key]

    def follows(self, source: RenderedSource) -> Resolved | None:
        """The commit that a GitRepository of this repository selects; None if it selects none yet."""
        try:
            return self.clone.select(source.reference, self.refs)
        except RevisionUnknown:
            return None
        except GitError as error:
            raise PromotionError(f"GitRepository {source.key}: {error}") from None


def source_of(environment: Environment, rendering: Rendering) -> RenderedSource:
    """Return the GitRepository that promotions of an environment move; raises :class:`PromotionError`.

    It is the one that ``headgate.yaml`` names, or the only one that is this repository.
    """
    ours = [each for each in rendering.sources if each.resolved is not None] or list(rendering.sources)
    if environment.source:
        for each in rendering.sources:
            if str(each.key) == environment.source:
                return each
        raise PromotionError(
            f"environment '{environment.name}': no GitRepository is named '{environment.source}'; there are: "
            + (", ".join(str(each.key) for each in rendering.sources) or "none")
        )
    if len(ours) == 1:
        return ours[0]
    if not ours:
        raise PromotionError(
            f"environment '{environment.name}': {environment.cluster} holds no GitRepository of this repository"
        )
    used = {each.source for each in rendering.kustomizations}
    wanted = [each for each in ours if each.key in used]
    if len(wanted) == 1:
        return wanted[0]
    names = ", ".join(str(each.key) for each in ours)
    raise PromotionError(
        f"environment '{environment.name}' has several GitRepositories ({names}): name the one that promotions move "
        "as 'source' in headgate.yaml"
    )


def verifies_tags(source: RenderedSource) -> bool:
    """Whether a GitRepository takes signed tags only."""
    return _verification(source) in ("tag", "tagandhead")


def verifies_commits(source: RenderedSource) -> bool:
    """Whether a GitRepository takes signed commits only."""
    return _verification(source) in ("head", "tagandhead")


def _verification(source: RenderedSource) -> str:
    verify = source.spec.get("verify")
    return str(verify.get("mode") or "HEAD").lower() if isinstance(verify, dict) else ""


def moved(refs: Refs, name: str, commit: str) -> Refs:
    """Return refs of which one names another commit, or is new."""
    peeled = {key: value for key, value in refs.peeled.items() if key != name}
    return replace(refs, ids={**refs.ids, name: commit}, peeled=peeled)


def pointed(refs: Refs, resolved: Resolved, commit: str) -> Refs | None:
    """Return refs in which what selected one commit selects another; None where no ref selects it."""
    return moved(refs, resolved.ref, commit) if resolved.ref else None


def described(reference: GitReference) -> str:
    """What a GitRepository follows, in words."""
    if reference.commit:
        return f"commit {reference.commit[:12]}"
    if reference.name:
        return reference.name.removeprefix(HEADS).removeprefix(TAGS)
    if reference.tag:
        return f"tag {reference.tag}"
    if reference.semver:
        return f"semver {reference.semver}"
    return f"branch {reference.branch or DEFAULT_BRANCH}"
