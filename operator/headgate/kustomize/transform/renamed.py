"""The renamed objects, as name references find them: by an earlier name, then by other properties.

Most names belong to one or two objects, which are tried one by one. But a base that hundreds of overlays use gives
hundreds of objects the same earlier name: those are indexed, by their current namespace and by their prefixes and
suffixes, so that no reference has to try all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from headgate.kustomize.resources.ids import CLUSTER_SCOPED, Gvk, ResId
from headgate.kustomize.resources.resource import Resource

_FEW = 8
_Affixes = tuple[str, ...]


class Referrer(NamedTuple):
    """The properties of a referring object: its namespace, and whose service accounts it may name."""

    namespace: str
    account_namespaces: frozenset[str]
    prefixes: _Affixes
    suffixes: _Affixes

    def reaches(self, namespace: str, literal: str, kind: str) -> bool:
        """Return whether its scope allows a reference to an object with this effective, and literal, namespace.

        Cluster-scoped objects and those in the same namespace are allowed and, for a role binding, the service accounts
        of the namespaces in its subjects.
        """
        if self.namespace == CLUSTER_SCOPED or namespace in (CLUSTER_SCOPED, self.namespace):
            return True
        return literal in self.account_namespaces and kind == "ServiceAccount"


class RenamedObject:
    """A renamed object, with properties computed on first use."""

    __slots__ = ("_current", "_previous", "order", "resource")

    def __init__(self, resource: Resource, order: int) -> None:
        self.resource = resource
        self.order = order
        self._current: ResId | None = None
        self._previous: tuple[Gvk, ...] | None = None

    @property
    def current(self) -> ResId:
        """The object's current identity."""
        if self._current is None:
            self._current = self.resource.id()
        return self._current

    @property
    def previous(self) -> tuple[Gvk, ...]:
        """The object's earlier kinds."""
        if self._previous is None:
            self._previous = tuple(identity.gvk for identity in self.resource.previous_ids())
        return self._previous

    def fits(self, kind: Gvk, role: Gvk | None) -> bool:
        """Return whether it has had the kind and, if given, the kind that the role reference names."""
        return any(gvk.selected_by(kind) for gvk in self.previous) and (
            role is None or any(gvk.selected_by(role) for gvk in self.previous)
        )

    def is_reached_by(self, referrer: Referrer) -> bool:
        """Return whether scopes allow the referrer to refer to this object."""
        return referrer.reaches(self.current.namespace, self.resource.namespace, self.resource.kind)


class Group:
    """Targets that all match a reference, without regard to prefixes and suffixes."""

    __slots__ = ("_by_prefixes", "_by_suffixes", "targets")

    def __init__(self, targets: list[RenamedObject]) -> None:
        self.targets = targets
        self._by_prefixes: _ByAffixes | None = None
        self._by_suffixes: _ByAffixes | None = None

    def sharing_affixes(self, referrer: Referrer) -> list[RenamedObject]:
        """Return the targets that share prefixes and suffixes with the referrer, if they have any.

        If several remain, targets without prefixes (or suffixes) match only a referrer without them.
        """
        targets: Iterable[RenamedObject] = self.targets
        prefixes, suffixes = referrer.prefixes, referrer.suffixes
        if len(self.targets) > _FEW and not prefixes and not suffixes:
            return [
                target for target in self.targets if not target.resource.prefixes + target.resource.suffixes
            ]
        if len(self.targets) > _FEW:
            targets = self._candidates(prefixes, suffixes)
        found = [target for target in targets if _shares(target.resource, referrer, empty_matches=True)]
        if len(found) > 1:
            found = [target for target in found if _shares(target.resource, referrer, empty_matches=False)]
        return found

    def _candidates(self, prefixes: _Affixes, suffixes: _Affixes) -> list[RenamedObject]:
        if self._by_prefixes is None or self._by_suffixes is None:
            self._by_prefixes, self._by_suffixes = _ByAffixes(), _ByAffixes()
            for target in self.targets:
                self._by_prefixes.add(target, target.resource.prefixes)
                self._by_suffixes.add(target, target.resource.suffixes)
        choices = [
            index.sharing(affixes)
            for index, affixes in ((self._by_prefixes, prefixes), (self._by_suffixes, suffixes))
            if affixes
        ]
        fewest = choices[0] if len(choices[0]) <= len(choices[-1]) else choices[-1]
        return sorted(fewest, key=lambda target: target.order)


class _ByAffixes:
    """Targets by their prefixes, or by their suffixes."""

    def __init__(self) -> None:
        self._whole: dict[_Affixes, list[RenamedObject]] = {}
        self._longer: dict[_Affixes, list[RenamedObject]] = {}

    def add(self, target: RenamedObject, affixes: _Affixes) -> None:
        self._whole.setdefault(affixes, []).append(target)
        for start in range(1, len(affixes)):
            self._longer.setdefault(affixes[start:], []).append(target)

    def sharing(self, affixes: _Affixes) -> list[RenamedObject]:
        """Return the targets without affixes, and those where one list of affixes is a suffix of the other."""
        found = list(self._longer.get(affixes, ()))
        for start in range(len(affixes) + 1):
            found.extend(self._whole.get(affixes[start:], ()))
        return found


class Candidates:
    """Targets that a reference may refer to by its name, and perhaps by its namespace."""

    __slots__ = ("_accounts", "_groups", "_here", "targets")

    def __init__(self, targets: Iterable[RenamedObject] = ()) -> None:
        self.targets = list(targets)
        self._here: dict[str, list[RenamedObject]] | None = None
        self._accounts: dict[str, list[RenamedObject]] = {}
        self._groups: dict[tuple[Gvk, Gvk | None, str, frozenset[str]], Group] = {}

    def matching(self, kind: Gvk, role: Gvk | None, referrer: Referrer) -> Group:
        """Return the targets of a kind that the referrer may refer to."""
        if len(self.targets) <= _FEW:
            return self._group(self.targets, kind, role, referrer)
        key = (kind, role, referrer.namespace, referrer.account_namespaces)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = self._group(self._in_reach(referrer), kind, role, referrer)
        return group

    @staticmethod
    def _group(targets: Iterable[RenamedObject], kind: Gvk, role: Gvk | None, referrer: Referrer) -> Group:
        return Group([item for item in targets if item.fits(kind, role) and item.is_reached_by(referrer)])

    def _in_reach(self, referrer: Referrer) -> Sequence[RenamedObject]:
        if referrer.namespace == CLUSTER_SCOPED:
            return self.targets
        if self._here is None:
            self._here = {}
            for target in self.targets:
                self._here.setdefault(target.current.namespace, []).append(target)
                self._accounts.setdefault(target.resource.namespace, []).append(target)
        found = {}
        for place in (CLUSTER_SCOPED, referrer.namespace):
            found.update({target.order: target for target in self._here.get(place, ())})
        for place in referrer.account_namespaces:
            found.update({target.order: target for target in self._accounts.get(place, ())})
        return [found[order] for order in sorted(found)]


class _Named:
    """The targets that have had one name: all of them, and by their original and current namespaces."""

    __slots__ = ("_now", "_once", "everywhere")

    def __init__(self) -> None:
        self.everywhere = Candidates()
        self._once: dict[str, Candidates] | None = None
        self._now: dict[str, Candidates] = {}

    def at(self, namespace: str, *, once: bool) -> Candidates:
        if self._once is None:
            self._once = {}
            for target in self.everywhere.targets:
                first = target.resource.original_id().namespace
                self._once.setdefault(first, Candidates()).targets.append(target)
                self._now.setdefault(target.current.namespace, Candidates()).targets.append(target)
        return (self._once if once else self._now).get(namespace, _NOTHING)


_NOTHING = Candidates()


class Renamed:
    """All objects of a build that have had other identities."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_name: dict[str, _Named] = {}
        self._resources = resources
        self._moves: dict[str, tuple[set[str], set[str]]] | None = None
        for order, resource in enumerate(resources):
            if resource.previous:
                target = RenamedObject(resource, order)
                for name in dict.fromkeys(item.name for item in resource.previous):
                    self._by_name.setdefault(name, _Named()).everywhere.targets.append(target)

    def __bool__(self) -> bool:
        return bool(self._by_name)

    def named(self, name: str) -> Candidates:
        """Return the objects that have had a name."""
        known = self._by_name.get(name)
        return _NOTHING if known is None else known.everywhere

    def named_in(self, name: str, namespace: str, referrer: Referrer) -> Candidates:
        """Return the objects that had a name and, at first, the namespace; if none is allowed, those in it now."""
        known = self._by_name.get(name)
        if known is None or namespace == CLUSTER_SCOPED:
            return _NOTHING
        return known.at(namespace, once=self._something_moved(namespace, referrer))

    def _something_moved(self, namespace: str, referrer: Referrer) -> bool:
        """Return whether the referrer may refer to any object that was in a namespace at first."""
        if self._moves is None:
            self._moves = {}
            for resource in self._resources:
                places = self._moves.setdefault(resource.original_id().namespace, (set(), set()))
                places[0].add(resource.id().namespace)
                places[1].add(resource.namespace)
        effective, literal = self._moves.get(namespace, ((), ()))
        if not effective:
            return False
        if referrer.namespace == CLUSTER_SCOPED or referrer.namespace in effective:
            return True
        return CLUSTER_SCOPED in effective or not referrer.account_namespaces.isdisjoint(literal)


def _shares(target: Resource, referrer: Referrer, *, empty_matches: bool) -> bool:
    return all(
        (empty_matches and (not first or not second)) or _same_ending(first, second)
        for first, second in ((target.prefixes, referrer.prefixes), (target.suffixes, referrer.suffixes))
    )


def _same_ending(first: _Affixes, second: _Affixes) -> bool:
    """Return whether the shorter one is a suffix of the longer one; an empty one only of another empty one."""
    if not first or not second:
        return not first and not second
    shorter = min(len(first), len(second))
    return first[len(first) - shorter :] == second[len(second) - shorter :]
