"""What a promotion starts from: whether the target really runs what its ref selects now.

Everybody who approves sees the difference from there. Whoever may push could give the target a version that it does not
accept, so that the difference hides what the promotion brings.
"""

from __future__ import annotations

from headgate.git.refs.reference import HEADS, TAGS, Resolved
from headgate.promotion.changes.compare import compare
from headgate.promotion.changes.model import ChangeStage
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import EvidenceMissing
from headgate.promotion.evidence.model import Evidence
from headgate.promotion.fleet.rendering import RenderedSource
from headgate.promotion.guards import Base
from headgate.promotion.plans.history import known_commit
from headgate.promotion.plans.trailers import ENVIRONMENT, record_ref, trailers_of
from headgate.promotion.plans.world import World, pointed

__all__ = ["base_of", "is_record_of", "signer_of_base"]


def base_of(world: World, target: Environment, source: RenderedSource, base: Resolved) -> Base:
    """Return why it is known that the target runs what it follows, or why it is not.

    One of these must say it: recent evidence of the target; the signature of somebody who may promote; the default
    branch itself, if the target follows it or it names the commit. Where nothing is approved, verified or signed,
    nobody can be deceived.
    """
    name = _name(base)
    seen = _observed(world, target)
    runs: set[str] = set()
    if not isinstance(seen, str):
        runs = _runs(seen, source)
        if runs and all(_is_same(world, target, base, each) for each in runs):
            return Base(f"{target.name} runs it: {seen.detail}")
    signer, why = signer_of_base(world, target, base)
    if signer:
        return Base(f"{name} is signed by {signer}")
    if _is_of_default_branch(world, source, base):
        return Base(f"the branch '{world.default_branch}' says it")
    if runs:
        others = " and ".join(sorted(each[:12] for each in runs))
        problem = f"{target.name} runs {others}, and should follow {name}: {why}"
        return Base("", f"{problem}; wait until it runs it, or delete or move what nobody wanted")
    if target.approvals is None and not source.spec.get("verify") and not world.promoters.are_named:
        return Base(f"nobody says what {target.name} runs, and nothing is approved, verified or signed there")
    missing = seen if isinstance(seen, str) else f"nobody says what {target.name} runs"
    return Base(
        "",
        f"it is not known whether {target.name} runs {name}, which it should follow: {missing}; {why}",
    )


def signer_of_base(world: World, target: Environment, base: Resolved) -> tuple[str, str]:
    """Return who of the promoters signed what the target follows, or why it counts for nobody."""
    promoters = world.promoters
    if base.ref.startswith(TAGS):
        return promoters.of_tag(base.ref.removeprefix(TAGS), world.refs.ids[base.ref], base.commit)
    signer, why = promoters.of_commit(base.commit)
    record = world.refs.ids.get(record_ref(target.name), "")
    if signer or not record or not is_record_of(world, target, record, base.commit):
        return signer, why
    return promoters.of_commit(record)


def is_record_of(world: World, target: Environment, record: str, commit: str) -> bool:
    """Whether a record says that the target was promoted to the content of a commit."""
    said = trailers_of(world.clone.commit(record).message)
    return said.get(ENVIRONMENT) == target.name and (
        world.clone.id_of_tree(record) == world.clone.id_of_tree(commit)
    )


def _name(base: Resolved) -> str:
    commit = base.commit[:12]
    if base.ref.startswith(TAGS):
        return f"the tag {base.ref.removeprefix(TAGS)} ({commit})"
    if base.ref.startswith(HEADS):
        return f"the branch '{base.ref.removeprefix(HEADS)}' ({commit})"
    return f"the commit {commit}"


def _observed(world: World, target: Environment) -> Evidence | str:
    try:
        seen = world.observe(target)
    except EvidenceMissing as error:
        return str(error)
    if seen.is_stale(world.now):
        return f"the last evidence of {target.name} is from {seen.at:%Y-%m-%d %H:%M} UTC"
    return seen.problem or seen


def _runs(seen: Evidence, source: RenderedSource) -> set[str]:
    """The commit that the GitRepository has taken in, or those that its Kustomizations have applied."""
    taken = seen.sources.get(source.key, "")
    applied = {each.commit for each in seen.kustomizations if each.source == source.key and each.commit}
    return {taken} if taken else applied


def _is_same(world: World, target: Environment, base: Resolved, commit: str) -> bool:
    """Whether the target has the same objects at the commit that it runs: commits that change nothing do not count."""
    if commit == base.commit:
        return True
    refs = pointed(world.refs, base, commit) if known_commit(world.clone, commit) else None
    if refs is None:
        return False
    change = compare(world.render(target, refs), world.render(target), ChangeStage.BETWEEN)
    return change.is_empty and not change.uncertain


def _is_of_default_branch(world: World, source: RenderedSource, base: Resolved) -> bool:
    """Whether only those decide who decide on the policy; with ``verify``, the cluster accepts less."""
    if source.spec.get("verify"):
        return False
    return base.ref == HEADS + world.default_branch or bool(source.reference.commit)
