"""What evidence proves: the commit that an environment runs healthy, and for how long its content has. Pure.

A fact that the evidence does not prove is absent, with the reasons; nothing here guesses in favor of a promotion.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from headgate.api import ObjectKey
from headgate.api.reasons import PROGRESSING
from headgate.promotion.evidence.model import STALE_AFTER, Evidence, RunningKustomization

__all__ = ["HealthyCommit", "SameContent", "healthy", "problem_of", "soaked_since"]

SameContent = Callable[[RunningKustomization, str, str], bool]
"""Whether a Kustomization builds the same objects from two commits of its source."""


@dataclass(frozen=True, slots=True)
class HealthyCommit:
    """Which commit an environment runs healthy now."""

    commit: str
    """Empty if :attr:`problems` says why there is none."""
    since: datetime | None
    """Since when every Kustomization has been Ready, at any revision; None if one is not, or if nobody knows."""
    problems: tuple[str, ...] = ()
    """One sentence for each reason why no commit runs healthy."""

    @property
    def is_healthy(self) -> bool:
        """Whether a commit runs healthy."""
        return bool(self.commit)


def healthy(
    evidence: Evidence, source: ObjectKey | None = None, *, expected: Collection[ObjectKey] = ()
) -> HealthyCommit:
    """Return the commit that the environment runs healthy.

    Every Kustomization must be Ready at the revision that it tried last, and all that use the same GitRepository at the
    same commit. With several GitRepositories, ``source`` names the one whose commit counts; without it, all must have
    the same. ``expected``: the Kustomizations that Git has, none of which may be missing.
    """
    known = {each.key for each in evidence.kustomizations}
    problems = [
        f"Kustomization '{key}' is in Git, but not in the environment"
        for key in sorted(expected)
        if key not in known
    ]
    commits: dict[ObjectKey, set[str]] = {}
    for each in evidence.kustomizations:
        problems += _problems(each)
        if each.source is not None and each.commit:
            commits.setdefault(each.source, set()).add(each.commit)
    if evidence.problem:
        problems.append(evidence.problem)
    if not evidence.kustomizations:
        problems.append(f"no Kustomization of environment '{evidence.environment}' is known")
    for key, found in sorted(commits.items()):
        if len(found) > 1:
            problems.append(
                f"the Kustomizations of GitRepository '{key}' are not at the same commit: {_split(evidence, key)}"
            )
    commit = ""
    if source is not None:
        commit = min(commits.get(source, ()), default="")
        if not commit and not problems:
            problems.append(f"no Kustomization uses the GitRepository '{source}'")
    elif not problems:
        every = {each for found in commits.values() for each in found}
        commit = every.pop() if len(every) == 1 else ""
        if not commit:
            problems.append(
                "its GitRepositories are at different commits; name one as 'source' in headgate.yaml"
            )
    if problems:
        return HealthyCommit("", None, tuple(problems))
    times = [each.since for each in evidence.kustomizations]
    return HealthyCommit(commit, _latest(times))


def soaked_since(evidence: Evidence, same: SameContent | None = None, *, commit: str = "") -> datetime | None:
    """Return since when the environment has run healthy what it runs now; None if it is not known or not healthy.

    Content counts, not commits: a commit that changes nothing that a Kustomization builds does not begin a new soak.
    Digests of the built objects decide; where the evidence has none, ``same`` does. With ``commit``, what runs must be
    the content of that commit, as ``same`` says if it is another one.
    """
    if any(_problems(each) for each in evidence.kustomizations) or not evidence.kustomizations:
        return None
    if commit and not all(_runs(each, commit, same) for each in evidence.kustomizations):
        return None
    times = [
        _earliest((_content_since(each), _observed_since(evidence, each, same)))
        for each in evidence.kustomizations
    ]
    return _latest(times)


def problem_of(each: RunningKustomization) -> str:
    """Return why a Kustomization runs nothing healthy, as a predicate such as ``is suspended``; empty if it does.

    A revision that failed is not one that is on its way: Flux leaves ``lastAttemptedRevision`` on both.
    """
    if each.suspended:
        return "is suspended"
    reason = f" ({each.reason})" if each.reason else ""
    if each.attempted and each.commit and each.attempted != each.commit:
        failed = not each.ready and each.reason not in ("", PROGRESSING)
        what = f"is not Ready{reason} at" if failed else "is reconciling"
        return f"{what} commit {each.attempted[:12]}, and last succeeded at {each.commit[:12]}"
    if not each.ready:
        return f"is not Ready{reason}"
    if each.source is not None and not each.commit:
        return "has applied no revision yet"
    return ""


def _problems(each: RunningKustomization) -> list[str]:
    problem = problem_of(each)
    return [f"Kustomization '{each.key}' {problem}"] if problem else []


def _split(evidence: Evidence, source: ObjectKey) -> str:
    """Which Kustomizations are where, the smaller groups first."""
    groups: dict[str, list[str]] = {}
    for each in evidence.kustomizations:
        if each.source == source and each.commit:
            groups.setdefault(each.commit, []).append(each.key.name)
    ordered = sorted(groups.items(), key=lambda group: (len(group[1]), group[0]))
    return "; ".join(f"{_few(names)} at {commit[:12]}" for commit, names in ordered)


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _content_since(each: RunningKustomization) -> datetime | None:
    """Since when the status itself says that this content runs."""
    # Without a history, Ready's own transition is at this revision: Flux changes it with the message.
    return each.digest_since if each.digest else each.since


def _observed_since(
    evidence: Evidence, now: RunningKustomization, same: SameContent | None
) -> datetime | None:
    """Since when a row of observations without gaps has shown this content, healthy each time."""
    found = evidence.begun
    if found is None:
        return None
    for earlier in evidence.past:
        gap = (found - earlier.at).total_seconds()
        then = next((each for each in earlier.kustomizations if each.key == now.key), None)
        if not 0 <= gap <= STALE_AFTER or then is None or not _is_same(now, then, same):
            break
        # What ran in between is known only up to the length of the gap, which evidence may have anywhere.
        found = earlier.begun or earlier.at
    return found


def _runs(each: RunningKustomization, commit: str, same: SameContent | None) -> bool:
    return (
        each.source is None or each.commit == commit or (same is not None and same(each, commit, each.commit))
    )


def _is_same(now: RunningKustomization, then: RunningKustomization, same: SameContent | None) -> bool:
    if _problems(then):
        return False
    if now.digest and then.digest:
        return now.digest == then.digest
    if now.source != then.source:
        return False
    return now.commit == then.commit or (same is not None and same(now, then.commit, now.commit))


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((each for each in times if each is not None), default=None)


def _latest(times: Sequence[datetime | None]) -> datetime | None:
    """The latest of all; None if one is missing."""
    known = [each for each in times if each is not None]
    return max(known) if known and len(known) == len(times) else None
