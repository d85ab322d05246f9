"""One function for each guard: from the facts to a verdict. Pure; what the facts do not say refuses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from headgate.api.windows import closes_at, is_open, opens_at
from headgate.promotion.evidence.facts import problem_of
from headgate.promotion.evidence.model import STALE_AFTER, Evidence, RunningKustomization
from headgate.promotion.guards.facts import Bad, Facts
from headgate.promotion.guards.model import Guard, GuardVerdict, Override

__all__ = ["evaluate"]

SHOWN = 5
"""How many names a message lists."""


def evaluate(facts: Facts, overrides: Iterable[Override] = ()) -> tuple[GuardVerdict, ...]:
    """Return the verdict of every guard, in a fixed order, with the overrides of those that refuse."""
    given = {each.guard: each for each in overrides}
    verdicts = []
    for guard, rule in _RULES.items():
        verdict = rule(facts)
        if not verdict.passed and guard.overridable and guard in given:
            verdict = GuardVerdict(guard, False, verdict.message, verdict.passes_at, given[guard])
        verdicts.append(verdict)
    return tuple(verdicts)


def _evidence(facts: Facts) -> GuardVerdict:
    good, missing = [], []
    for name in facts.environment.after:
        found = facts.evidence.get(name, "nobody says what it runs")
        if isinstance(found, str):
            missing.append(f"{name}: {found}")
        elif found.is_stale(facts.now):
            missing.append(f"{name}: {_stale(found, facts.now)}")
        elif found.problem:
            missing.append(f"{name}: {found.problem}")
        else:
            good.append(f"{name}: {_origin(found)}, {_age(found, facts.now)} old")
    if missing:
        return GuardVerdict(Guard.EVIDENCE, False, "; ".join(missing))
    return GuardVerdict(Guard.EVIDENCE, True, "; ".join(good) or "no environment comes before this one")


def _stale(found: Evidence, now: datetime) -> str:
    if found.at > now:
        return (
            f"the {found.origin.value} is dated {_moment(found.at)}, which is in the future: check the clocks"
        )
    return (
        f"the {_origin(found)} is {_age(found, now)} old, and proves nothing after "
        f"{_span(STALE_AFTER)}; see whether its operator still reports"
    )


def _candidate(facts: Facts) -> GuardVerdict:
    if facts.candidate_problem or not facts.candidate:
        problem = facts.candidate_problem or "no commit to promote was found"
        return GuardVerdict(Guard.CANDIDATE, False, problem)
    return GuardVerdict(Guard.CANDIDATE, True, facts.candidate[:12])


def _base(facts: Facts) -> GuardVerdict:
    if facts.base.problem or not facts.base.proof:
        return GuardVerdict(Guard.BASE, False, facts.base.problem or "nobody says what the environment runs")
    return GuardVerdict(Guard.BASE, True, facts.base.proof)


def _healthy(facts: Facts) -> GuardVerdict:
    """Evidence that is missing or stale refuses here too: an override of ``evidence`` does not prove health."""
    wrong: list[str] = []
    total = 0
    if facts.candidate_problem and not facts.expected:
        return GuardVerdict(Guard.HEALTHY, False, "not known, because of the candidate")
    for name in facts.environment.after:
        found = facts.evidence.get(name)
        if not isinstance(found, Evidence) or found.is_stale(facts.now):
            wrong.append(f"{name}: not known")
            continue
        running = {each.key: each for each in found.kustomizations}
        expected = facts.expected.get(name)
        if not expected:
            wrong.append(f"{name}: it has no Kustomization that could prove anything")
            continue
        soaks = facts.soaks.get(name, {})
        for key in sorted(expected | running.keys(), key=str):
            total += 1
            problem = _unhealthy(running.get(key), soaks.get(key) is not None and soaks[key].runs_candidate)
            if problem:
                wrong.append(f"{name}: Kustomization/{key} {problem}")
    if wrong:
        return GuardVerdict(Guard.HEALTHY, False, f"at {facts.candidate[:12]}: {_listed(wrong)}")
    return GuardVerdict(Guard.HEALTHY, True, f"{total} Kustomizations Ready at {facts.candidate[:12]}")


def _unhealthy(found: RunningKustomization | None, runs_candidate: bool) -> str:
    if found is None:
        return "is in Git, but not on the cluster"
    problem = problem_of(found)
    if not problem and not runs_candidate:
        problem = f"runs {found.commit[:12] or 'nothing yet'}"
    return problem


def _soak(facts: Facts) -> GuardVerdict:
    wanted = facts.environment.soak
    if not wanted or not facts.environment.after:
        return GuardVerdict(Guard.SOAK, True, "none is required")
    since: list[datetime] = []
    for name in facts.environment.after:
        found = facts.evidence.get(name)
        if not isinstance(found, Evidence) or found.is_stale(facts.now):
            return GuardVerdict(Guard.SOAK, False, f"0s of {_span(wanted)}; it is not known what {name} runs")
        soaks = facts.soaks.get(name, {})
        keys = facts.expected.get(name, frozenset()) | soaks.keys()
        for key in keys:
            soak = soaks.get(key)
            if soak is None or not soak.runs_candidate or soak.since is None or soak.since > facts.now:
                message = f"0s of {_span(wanted)}; begins when {name} is Ready with this content"
                return GuardVerdict(Guard.SOAK, False, message)
            since.append(soak.since)
        if not keys:
            return GuardVerdict(
                Guard.SOAK, False, f"0s of {_span(wanted)}; nobody says since when {name} runs it"
            )
    begin = max(since)
    passed = (facts.now - begin).total_seconds()
    end = begin + timedelta(seconds=wanted)
    if passed < wanted:
        message = f"{_span(passed)} of {_span(wanted)}; passes at {_moment(end)}"
        return GuardVerdict(Guard.SOAK, False, message, end)
    return GuardVerdict(Guard.SOAK, True, f"{_span(passed)} of {_span(wanted)}")


def _proven(facts: Facts) -> GuardVerdict:
    required = facts.environment.require_proven
    if facts.unproven is None:
        message = "it is not known which objects have run before"
        return GuardVerdict(Guard.PROVEN, not required, message)
    if not facts.environment.after:
        return GuardVerdict(Guard.PROVEN, True, "no environment comes before this one")
    if facts.unproven:
        before = " or ".join(facts.environment.after)
        message = f"never ran in {before}: {_listed(facts.unproven)}"
        return GuardVerdict(Guard.PROVEN, not required, message)
    return GuardVerdict(Guard.PROVEN, True, "each object that changes has run before")


def _not_rolled_back(facts: Facts) -> GuardVerdict:
    if facts.bad is None:
        problem = facts.bad_problem or "the history of the candidate could not be read"
        return GuardVerdict(Guard.NOT_ROLLED_BACK, False, problem)
    bad = [each for each in facts.bad if not each.reverted and not each.decided]
    if bad:
        names = [_bad_name(each) for each in bad]
        copied = all(each.copied or each.claimed for each in bad)
        passes = "no longer has all of these changes" if copied else "also contains a revert of it"
        message = f"contains {_listed(names)}; passes when the candidate {passes}"
        return GuardVerdict(Guard.NOT_ROLLED_BACK, False, message)
    decided = [f"{_bad_name(each)} before" for each in facts.bad if each.decided and not each.reverted]
    if decided:
        message = f"contains {_listed(decided)}, and {facts.environment.name} follows it again"
        return GuardVerdict(Guard.NOT_ROLLED_BACK, True, message)
    return GuardVerdict(
        Guard.NOT_ROLLED_BACK, True, "contains no commit that was rolled back and not reverted"
    )


def _bad_name(each: Bad) -> str:
    what = "the changes of " if each.copied or each.claimed else ""
    but = ", although a message says that it reverts them" if each.claimed else ""
    return f"{what}{each.commit[:12]}, which {each.by} rolled back{but}"


def _rendered(facts: Facts) -> GuardVerdict:
    if facts.problems:
        return GuardVerdict(Guard.RENDERED, False, _listed(dict.fromkeys(facts.problems)))
    return GuardVerdict(Guard.RENDERED, True, "everything can be built")


def _not_empty(facts: Facts) -> GuardVerdict:
    if facts.is_empty is None:
        return GuardVerdict(Guard.NOT_EMPTY, False, "it is not known what changes")
    if facts.is_empty:
        if not facts.candidate:
            return GuardVerdict(Guard.NOT_EMPTY, False, "there is no candidate")
        message = f"{facts.candidate[:12]} changes nothing in {facts.environment.name}, which has this content already"
        return GuardVerdict(Guard.NOT_EMPTY, False, message)
    return GuardVerdict(Guard.NOT_EMPTY, True, "something changes")


def _not_suspended(facts: Facts) -> GuardVerdict:
    if facts.suspended:
        message = (
            f"suspended: {_listed(facts.suspended)}; {facts.environment.name} would not act on the promotion"
        )
        return GuardVerdict(Guard.NOT_SUSPENDED, False, message)
    return GuardVerdict(Guard.NOT_SUSPENDED, True, "nothing is suspended")


def _window(facts: Facts) -> GuardVerdict:
    windows = facts.environment.windows
    if not windows:
        return GuardVerdict(Guard.WINDOW, True, "always open")
    if is_open(windows, facts.now):
        until = closes_at(windows, facts.now)
        return GuardVerdict(Guard.WINDOW, True, f"open until {_moment(until)}" if until else "open")
    opens = opens_at(windows, facts.now)
    if opens is None:
        return GuardVerdict(Guard.WINDOW, False, "closed, and none opens within the next years")
    return GuardVerdict(Guard.WINDOW, False, f"closed; opens at {_moment(opens)}", opens)


def _approvals(facts: Facts) -> GuardVerdict:
    policy = facts.environment.approvals
    if policy is None or policy.count <= 0:
        return GuardVerdict(Guard.APPROVALS, True, "none is required")
    principals: dict[str, str] = {}
    keys: set[str] = set()
    for each in facts.approvals:
        if not each.problem and each.principal and each.key not in keys:
            keys.add(each.key)
            principals.setdefault(each.principal.casefold(), each.principal)
    ignored = [f"{each.principal or each.key}: {each.problem}" for each in facts.approvals if each.problem]
    note = f" (not counted: {_listed(ignored)})" if ignored else ""
    names = ", ".join(sorted(principals.values()))
    message = f"{len(principals)} of {policy.count}" + (f": {names}" if names else "") + note
    if len(principals) < policy.count:
        message += "; write the plan with --plan FILE and have it approved with 'headgate approve FILE'"
        return GuardVerdict(Guard.APPROVALS, False, message)
    return GuardVerdict(Guard.APPROVALS, True, message)


def _plan(facts: Facts) -> GuardVerdict:
    if facts.plan_problem:
        return GuardVerdict(Guard.PLAN, False, f"{facts.plan_problem}; make a new plan")
    return GuardVerdict(Guard.PLAN, True, "nothing has moved")


_RULES = {
    Guard.EVIDENCE: _evidence,
    Guard.CANDIDATE: _candidate,
    Guard.BASE: _base,
    Guard.HEALTHY: _healthy,
    Guard.SOAK: _soak,
    Guard.PROVEN: _proven,
    Guard.NOT_ROLLED_BACK: _not_rolled_back,
    Guard.RENDERED: _rendered,
    Guard.NOT_EMPTY: _not_empty,
    Guard.NOT_SUSPENDED: _not_suspended,
    Guard.WINDOW: _window,
    Guard.APPROVALS: _approvals,
    Guard.PLAN: _plan,
}


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return "; ".join(every[:SHOWN]) + more


def _origin(found: Evidence) -> str:
    """Where evidence comes from; some details say the kind of origin themselves."""
    kind = found.origin.value
    return found.detail if found.detail.startswith(kind) else f"{kind} {found.detail}"


def _age(found: Evidence, now: datetime) -> str:
    return _span((now - found.at).total_seconds())


def _span(seconds: float) -> str:
    """Return a duration in the two largest units that it has, such as ``3h12m``; days are 24 hours."""
    left = max(0, int(seconds))
    parts = []
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    return "".join(parts[:2]) or "0s"


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
