"""Both stages of each environment: what the merge changes, and what the next promotion changes.

On merge, the default branch moves from base to head and all else stays. At the next promotion, the source that the
environment follows selects head, too: the difference counts from what the environment really follows now.
"""

from __future__ import annotations

from collections.abc import Iterable

from headgate.git.refs.reference import DEFAULT_BRANCH, GitReference
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import ChangeStage, EnvironmentAnswer
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet import WORK_TREE, Fleet
from headgate.promotion.fleet.rendering import Rendering
from headgate.promotion.ranges.commits import Range
from headgate.promotion.report.document import ChangeReport

__all__ = ["changes_of_range", "follows", "selected"]


def changes_of_range(fleet: Fleet, environments: Iterable[Environment], commits: Range) -> ChangeReport:
    """Return what a range of commits does to each of the environments; raises :class:`CloneError`."""
    return ChangeReport(
        commits.base,
        commits.base_commit,
        commits.head,
        "" if commits.head_commit == WORK_TREE else commits.head_commit,
        tuple(_answer(fleet, each, commits) for each in environments),
        commits.notes,
    )


def _answer(fleet: Fleet, environment: Environment, commits: Range) -> EnvironmentAnswer:
    now = fleet.state()
    base = now.with_branch(now.default_branch, commits.base_commit)
    merged = now.with_branch(now.default_branch, commits.head_commit)
    before, after = fleet.render_pair(environment, base, merged)
    words = follows(before) or follows(after)
    on_merge = compare(before, after, ChangeStage.ON_MERGE, words)
    followed = after.followed or before.followed
    at_promotion = None
    if followed is not None and selected(after) != commits.head_commit:
        promoted = merged.with_source(followed, commits.head_commit)
        at_promotion = compare(
            *fleet.render_pair(environment, base, promoted), ChangeStage.AT_PROMOTION, words
        )
    return EnvironmentAnswer(environment.name, words, on_merge, at_promotion, environment.after)


def selected(rendering: Rendering) -> str:
    """The commit that the environment follows; empty if it selects none."""
    return rendering.commit_of(rendering.followed)


def follows(rendering: Rendering) -> str:
    """What an environment follows, in words: ``branch main``, ``semver >=1.0.0``; empty if nobody knows."""
    source = rendering.source(rendering.followed)
    return "" if source is None else _words(source.reference)


def _words(reference: GitReference) -> str:
    for name in ("commit", "name", "tag", "semver", "branch"):
        value = getattr(reference, name)
        if value:
            return f"{'ref' if name == 'name' else name} {value}"
    return f"branch {DEFAULT_BRANCH}"
