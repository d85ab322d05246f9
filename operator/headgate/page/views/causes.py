"""Root causes and the way to them, as pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headgate.insight import Cause, Link, Ref, RootType, Verdict
from headgate.insight.fleet import Fleet
from headgate.page.views.links import address, help_address, why_address
from headgate.page.views.values import Named
from headgate.page.views.words import badge, counted, headline, relation_words

__all__ = ["CauseView", "Names", "Step", "cause_view", "steps"]

MAX_BLOCKED = 50
"""Limit for the names below one cause."""


@dataclass(frozen=True, slots=True)
class Names:
    """Objects as links with their states."""

    fleet: Fleet
    verdicts: Mapping[Ref, Verdict]

    def named(self, ref: Ref) -> Named:
        """An object with its state, and a link if it is in the fleet."""
        found = self.verdicts.get(ref)
        if found is not None:
            return Named(ref, address(ref), badge(found.state.value))
        return Named(ref, "", badge("missing" if self.fleet.is_known(ref) else "unknown"))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way to a root cause."""

    words: str
    """How the step before leads here; empty for the first one."""
    what: Named
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class CauseView:
    """A root cause."""

    root: Named
    headline: str
    """What is wrong, after the root's name."""
    effect: str
    """How many objects it stops."""
    reason: str
    message: str
    file: str
    """The file at fault with its line; empty if no message names one."""
    remedy: str
    help: str
    """Where the reason is explained; empty if it is not."""
    json: str
    """The same as JSON."""
    is_failure: bool
    cycle: tuple[Named, ...] = ()
    referrer: Named | None = None
    objects: tuple[Step, ...] = ()
    """The failing managed objects."""
    blocked: tuple[Named, ...] = ()
    blocked_omitted: int = 0


def cause_view(cause: Cause, names: Names) -> CauseView:
    """Return a cause as pages show it."""
    root = names.named(cause.root)
    if cause.type is RootType.CYCLE:
        root = Named(cause.root, root.href, badge("blocked"))
    return CauseView(
        root=root,
        headline=headline(cause),
        effect=_effect(cause),
        reason=cause.reason,
        message=cause.message,
        file=f"{cause.file}:{cause.line}" if cause.line else cause.file,
        remedy=cause.remedy,
        help=help_address(cause.reason) if cause.type is RootType.OBJECT else "",
        json=why_address(cause.root if root.href else next(iter(cause.blocked), cause.root)),
        is_failure=cause.is_failure,
        cycle=tuple(map(names.named, cause.cycle)),
        referrer=names.named(cause.referrer) if cause.referrer is not None else None,
        objects=tuple(map(_step, cause.objects)),
        blocked=tuple(map(names.named, cause.blocked[:MAX_BLOCKED])),
        blocked_omitted=max(0, len(cause.blocked) - MAX_BLOCKED),
    )


def steps(chain: Sequence[Link], names: Names) -> tuple[Step, ...]:
    """Return the way to a root cause, without the object itself."""
    return tuple(_step(each, names) for each in chain[1:])


def _step(link: Link, names: Names | None = None) -> Step:
    known = names.named(link.ref) if names is not None else None
    what = Named(link.ref, known.href if known is not None else "", badge(link.state))
    return Step(relation_words(link.relation), what, link.reason, link.message)


def _effect(cause: Cause) -> str:
    number = len(cause.blocked)
    if not number:
        return "stops nothing else" if cause.is_failure else "nothing else waits for it"
    if cause.is_failure:
        return (
            f"stops {counted(number, 'other object')}"
            if not cause.cycle
            else f"stops {counted(number, 'more object')}"
        )
    return f"{counted(number, 'object')} {'waits' if number == 1 else 'wait'} for it"
