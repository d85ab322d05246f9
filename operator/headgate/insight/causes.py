"""The root cause of each object that is not as it should be, and causes grouped by root.

An object that waits says so in its condition; which object it waits for, its spec says. Following that from object to
object ends at a root: an object that fails or is in progress by itself, one that is missing, one that the caller may
not read, or a circle. Only the first need that is not met counts, as for the operator.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from headgate.api import reasons
from headgate.insight import remedies
from headgate.insight.cycles import components, shortest_circle
from headgate.insight.fleet import SOURCE_KINDS, Fleet, Need
from headgate.insight.texts import file_of
from headgate.insight.values import Cause, Link, Ref, Relation, Report, RootType, State, Verdict
from headgate.names import KUSTOMIZATION

__all__ = ["chain_of", "explain"]

MISSING, UNKNOWN = "missing", "unknown"
"""States of roots that are not in the fleet."""

_WAITS = {
    reasons.DEPENDENCY_NOT_READY: (Relation.DEPENDENCY,),
    reasons.ARTIFACT_FAILED: (Relation.SOURCE,),
    reasons.NOT_FOUND: (Relation.INCLUDE,),
    reasons.NO_ARTIFACT: (Relation.INCLUDE,),
}
"""Reasons with which an object waits, and for what."""
_NAMED = re.compile(r"dependency '([^'\s/]{1,63})/([^'\s/]{1,253})'")
_MAX_CHAIN = 1000


@dataclass(frozen=True, slots=True)
class _Root:
    type: RootType
    ref: Ref
    cycle: tuple[Ref, ...] = ()


def explain(fleet: Fleet) -> Report:
    """Return how all objects stand, and the causes of those that are not as they should be."""
    ways = _Ways(fleet)
    roots = {ref: ways.root(ref) for ref, own in fleet.own.items() if not own.state.is_good}
    verdicts = tuple(_verdict(fleet, ref, roots.get(ref)) for ref in sorted(fleet.own))
    by_root: dict[_Root, list[Ref]] = {}
    for ref, root in roots.items():
        by_root.setdefault(root, []).append(ref)
    causes = [_cause(fleet, root, members) for root, members in by_root.items()]
    causes.sort(key=lambda each: (not each.is_failure, -len(each.blocked), each.root))
    notes = tuple(f"{kind} objects: {why}" for kind, why in sorted(fleet.unread.items()))
    return Report(verdicts, tuple(causes), notes, Counter(each.state for each in verdicts))


def chain_of(fleet: Fleet, report: Report, ref: Ref) -> tuple[Link, ...]:
    """Return the way from an object to its root cause; the object alone if it is as it should be.

    A way into a circle goes once around.
    """
    ways, states = _Ways(fleet), {each.ref: each for each in report.verdicts}
    links = [_link(fleet, states, Need(Relation.SELF, ref))]
    seen = {ref}
    at = ref
    while len(links) < _MAX_CHAIN and at in fleet.own and not fleet.own[at].state.is_good:
        need = ways.around(at) or ways.blocker(at)
        if need is None:
            break
        links.append(_link(fleet, states, need))
        if need.ref in seen:
            break
        seen.add(need.ref)
        at = need.ref
    return tuple(links)


class _Ways:
    """The ways from objects to their roots, each computed once."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._roots: dict[Ref, _Root] = {}
        self._circle_of = _circles(fleet)

    def root(self, ref: Ref) -> _Root:
        """The root of an object that is not as it should be; itself if it needs nothing that is missing."""
        way, at = {ref: None}, ref
        while at not in self._roots:
            own = self._fleet.own.get(at)
            circle = self._circle_of.get(at)
            if own is None:
                known = self._fleet.is_known(at)
                self._roots[at] = _Root(RootType.MISSING if known else RootType.UNKNOWN, at)
            elif circle and not own.state.is_good:
                self._roots[at] = _Root(RootType.CYCLE, circle[0], circle)
            else:
                need = self.blocker(at)
                if need is None:
                    self._roots[at] = _Root(RootType.OBJECT, at)
                elif need.ref in way:
                    self._roots[at] = _from_smallest(list(way)[list(way).index(need.ref) :])
                else:
                    at = need.ref
                    way[at] = None
        root = self._roots[at]
        for each in way:
            self._roots[each] = root
        return root

    def around(self, ref: Ref) -> Need | None:
        """The next member of the circle that an object is in."""
        circle = self._circle_of.get(ref)
        if not circle or self._fleet.own[ref].state.is_good:
            return None
        return Need(Relation.DEPENDENCY, circle[circle.index(ref) + 1])

    def blocker(self, ref: Ref) -> Need | None:
        """The first need of an object that is not met; None if it has none, or fails by itself."""
        own = self._fleet.own[ref]
        if own.state.is_good:
            return None
        relations: Sequence[Relation] = _WAITS.get(own.reason, ())
        if not relations and not (own.state is State.PROGRESSING and not own.reason):
            return None
        needs = [each for each in self._fleet.needs[ref] if not relations or each.relation in relations]
        named = _NAMED.search(own.message)
        if named:
            wanted = Ref(KUSTOMIZATION, named[1], named[2], ref.group)
            needs.sort(key=lambda each: each.ref != wanted)
        return next((each for each in needs if not self._is_met(each)), None)

    def _is_met(self, need: Need) -> bool:
        own = self._fleet.own.get(need.ref)
        if own is None:
            return False
        if need.ref.kind in SOURCE_KINDS:
            return self._fleet.has_artifact(need.ref)
        return own.ready


def _circles(fleet: Fleet) -> dict[Ref, tuple[Ref, ...]]:
    """A shortest circle of each group of Kustomizations that wait for each other, by its members.

    Its first member is repeated at the end. One that is Ready holds up nobody, and so breaks the circle.
    """
    waiting = {ref for ref, own in fleet.own.items() if not own.ready}

    def following(ref: Ref) -> tuple[Ref, ...]:
        needs = fleet.needs.get(ref, ())
        return tuple(n.ref for n in needs if n.relation is Relation.DEPENDENCY and n.ref in waiting)

    found: dict[Ref, tuple[Ref, ...]] = {}
    for component in components(sorted(waiting), following):
        first = min(component)
        if len(component) > 1 or first in following(first):
            circle = shortest_circle(first, following)
            found |= dict.fromkeys(circle, circle)
    return found


def _from_smallest(members: list[Ref]) -> _Root:
    at = members.index(min(members))
    circle = (*members[at:], *members[:at], members[at])
    return _Root(RootType.CYCLE, circle[0], circle)


def _verdict(fleet: Fleet, ref: Ref, root: _Root | None) -> Verdict:
    own, state = fleet.own[ref], _final(fleet, ref, root)
    return own if own.state is state else replace(own, state=state)


def _final(fleet: Fleet, ref: Ref, root: _Root | None) -> State:
    """The state of an object, which depends on its root."""
    own = fleet.own[ref].state
    if root is None or (root.type is RootType.OBJECT and root.ref == ref) or own is State.STALLED:
        return own
    if root.type is RootType.UNKNOWN:
        return State.WAITING
    if root.type is RootType.OBJECT and fleet.own[root.ref].state is State.PROGRESSING:
        return State.WAITING
    return State.BLOCKED


def _cause(fleet: Fleet, root: _Root, members: list[Ref]) -> Cause:
    own = fleet.own.get(root.ref)
    blocked = tuple(sorted(each for each in members if each != root.ref and each not in root.cycle))
    if root.type is RootType.OBJECT and own is not None:
        file, line = file_of(own.message) if own.state is not State.PROGRESSING else ("", 0)
        return Cause(
            root.type,
            root.ref,
            own.state.value,
            own.reason,
            own.message,
            file,
            line,
            remedies.for_object(own),
            blocked=blocked,
        )
    if root.type is RootType.CYCLE:
        way = " -> ".join(str(each) for each in root.cycle)
        return Cause(
            root.type,
            root.ref,
            State.BLOCKED.value,
            own.reason if own else "",
            f"dependency cycle: {way}",
            remedy=remedies.FOR_CYCLE,
            cycle=root.cycle,
            blocked=blocked,
        )
    referrer = next((each for each in sorted(members) if _refers(fleet, each, root.ref)), None)
    relation = _refers(fleet, referrer, root.ref) if referrer else ""
    if root.type is RootType.UNKNOWN:
        why = fleet.unread.get(root.ref.kind) or "its namespace was not read"
        message = f"{root.ref} cannot be read: {why}"
        return Cause(
            root.type,
            root.ref,
            UNKNOWN,
            message=message,
            remedy=remedies.FOR_UNKNOWN,
            referrer=referrer,
            blocked=blocked,
        )
    return Cause(
        root.type,
        root.ref,
        MISSING,
        reasons.NOT_FOUND,
        f"{root.ref} does not exist",
        remedy=remedies.for_missing(root.ref, referrer, relation),
        referrer=referrer,
        blocked=blocked,
    )


def _refers(fleet: Fleet, referrer: Ref | None, ref: Ref) -> str:
    """The field of an object that names another one; empty if none does."""
    fields = {
        Relation.SOURCE: "spec.sourceRef",
        Relation.DEPENDENCY: "spec.dependsOn",
        Relation.INCLUDE: "spec.include",
    }
    needs = fleet.needs.get(referrer, ()) if referrer else ()
    return next((fields[each.relation] for each in needs if each.ref == ref), "")


def _link(fleet: Fleet, verdicts: Mapping[Ref, Verdict], need: Need) -> Link:
    found = verdicts.get(need.ref)
    if found is not None:
        return Link(need.relation, need.ref, found.state.value, found.reason, found.message)
    if fleet.is_known(need.ref):
        return Link(need.relation, need.ref, MISSING, reasons.NOT_FOUND, f"{need.ref} does not exist")
    return Link(need.relation, need.ref, UNKNOWN)
