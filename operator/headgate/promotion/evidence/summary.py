"""Each environment in one value: what it follows, wants and runs, since when, and how far it is behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from headgate.api import ObjectKey
from headgate.git.refs.reference import DEFAULT_BRANCH, GitReference, Resolved
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import CloneError
from headgate.promotion.evidence.behind import Behind, ReadPaths, behind
from headgate.promotion.evidence.facts import HealthyCommit, healthy, soaked_since
from headgate.promotion.evidence.model import Evidence
from headgate.promotion.fleet import Fleet, RefState
from headgate.promotion.fleet.rendering import Rendering

__all__ = ["EnvironmentSummary", "follows_text", "summarize"]


@dataclass(frozen=True, slots=True)
class EnvironmentSummary:
    """One environment as a command shows it."""

    environment: Environment
    source: ObjectKey | None
    """The GitRepository that promotions move; None if it is not known."""
    follows: GitReference | None
    wants: Resolved | None
    """The commit that this selects in the clone."""
    evidence: Evidence | None
    missing: str
    """Why there is no evidence."""
    health: HealthyCommit
    runs: tuple[tuple[str, int], ...]
    """The commits that Kustomizations of the source have applied, and how many of them; most first."""
    since: datetime | None
    """Since when it has run this content healthy."""
    behind: Behind | None
    """Against the default branch; None if it is not known."""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def summarize(
    fleet: Fleet, environment: Environment, state: RefState, rendering: Rendering, found: Evidence | str
) -> EnvironmentSummary:
    """Put together what Git and the evidence say; ``rendering`` is that of the environment at ``state``.

    Raises :class:`~headgate.promotion.errors.CloneError` only if the clone cannot be read.
    """
    source = rendering.followed
    rendered = rendering.source(source)
    notes = list(rendering.notes)
    problems = [each.message for each in rendering.problems]
    follows = rendered.reference if rendered is not None else None
    wants = rendered.resolved if rendered is not None else None
    if isinstance(found, str):
        health = HealthyCommit("", None, ())
        return EnvironmentSummary(
            environment,
            source,
            follows,
            wants,
            None,
            found,
            health,
            (),
            None,
            None,
            tuple(problems),
            tuple(notes),
        )
    live = next((GitReference.of(each.reference) for each in found.repositories if each.key == source), None)
    if live is not None and follows is not None and follows_text(live) != follows_text(follows):
        notes.append(
            f"GitRepository '{source}' follows {follows_text(live)} in the cluster and "
            f"{follows_text(follows)} in Git"
        )
    counted = Counter(
        each.commit for each in found.kustomizations if each.commit and source in (None, each.source)
    )
    runs = tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
    health, lag = healthy(found, source), None
    if runs:
        try:
            lag, expected = _behind(fleet, environment, state, source, health.commit or runs[0][0])
            health = healthy(found, source, expected=expected)
        except CloneError as error:
            notes.append(f"how far it is behind is not known: {error}")
    notes += found.notes
    return EnvironmentSummary(
        environment,
        source,
        follows,
        wants,
        found,
        "",
        health,
        runs,
        soaked_since(found) if health.is_healthy else None,
        lag,
        tuple(problems),
        tuple(dict.fromkeys(notes)),
    )


def _behind(
    fleet: Fleet, environment: Environment, state: RefState, source: ObjectKey | None, commit: str
) -> tuple[Behind | None, frozenset[ObjectKey]]:
    """How far ``commit`` is behind the default branch, and which Kustomizations Git has at it."""
    clone: Clone = fleet.clone
    clone.resolve(commit)
    if source is None:
        return None, frozenset()
    present = fleet.render(environment, state.with_source(source, commit))
    expected = frozenset(each.key for each in present.kustomizations)
    head = state.default_commit
    if not head:
        return None, expected
    newest = fleet.render(environment, state.with_source(source, head))
    return behind(clone, commit, head, _read_paths(environment, source, present, newest)), expected


def _read_paths(environment: Environment, source: ObjectKey, *renderings: Rendering) -> ReadPaths:
    inputs, folders = [], []
    for rendering in renderings:
        if rendering.root or not rendering.kustomizations:
            folders.append(environment.cluster)
        for each in rendering.kustomizations:
            if each.source != source:
                continue
            if each.inputs is not None:
                inputs.append(each.inputs)
            else:
                # What it would read is not known, but it begins there.
                folders.append(str(each.spec.get("path") or "").removeprefix("./"))
    return ReadPaths(inputs, folders)


def follows_text(reference: GitReference) -> str:
    """Return what a reference follows, in words: ``branch main``, ``semver >=1.0.0``.

    >>> follows_text(GitReference(semver="1.x", branch="main"))
    'semver 1.x'
    """
    for kind in ("commit", "name", "tag", "semver"):
        value = getattr(reference, kind)
        if value:
            return f"{kind} {value[:12] if kind == 'commit' else value}"
    return f"branch {reference.branch or DEFAULT_BRANCH}"
