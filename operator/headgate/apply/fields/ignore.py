"""Fields that ``spec.ignore`` leaves to others: how rules select them, and how an apply treats them. Pure.

The rules are Flux's (``ssa/manager_apply.go``). The comparison of an object with Git skips ignored fields. If another
field requires an apply, an ignored field whose value differs is either *stripped* from what is sent, if another manager
applies it too and keeps it, or *adopted*: sent with its live value, so that Headgate keeps owning it and the value
stays. An object that is created gets the fields as Git has them.

One case differs from Flux: a field that is in Git and was removed on the cluster is stripped (Flux sends null).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headgate.api import labelselector, patterns
from headgate.api.kustomization import IgnoreRule, Selector
from headgate.apply.errors import ApplyError
from headgate.apply.fields.managers import APPLY, entries_of, ours
from headgate.apply.fields.pointers import MISSING, Owned, Pointer, disowned, find, parse, placed, without
from headgate.kube.refs import ObjectRef, ref_of
from headgate.objects import Obj


class IgnoreRuleInvalid(ApplyError):
    """A rule can never be used; the message names the rule and its fault."""


@dataclass(frozen=True, slots=True)
class CompiledIgnoreRule:
    """One rule, compiled."""

    pointers: tuple[Pointer, ...]
    target: Selector | None = None
    identity: str = field(init=False, compare=False)
    """Differs from that of any other rule; short, because the cached state of each object includes it."""
    _tests: tuple[tuple[str, Callable[[str], bool]], ...] = field(init=False, compare=False, repr=False)
    """Attributes of an object's reference, and the test for each."""
    _selectors: tuple[tuple[str, tuple[labelselector.Requirement, ...]], ...] = field(
        init=False, compare=False, repr=False
    )
    """Fields of an object's metadata, and the requirements for each."""

    def __post_init__(self) -> None:
        content = repr((self.pointers, self.target)).encode()
        target = self.target or Selector()
        names = ("group", "version", "kind", "name", "namespace")
        tests = tuple((n, patterns.whole(text)) for n in names if (text := getattr(target, n)))
        fields = (("labels", target.label_selector), ("annotations", target.annotation_selector))
        selectors = tuple((n, labelselector.parse_selector(text)) for n, text in fields if text)
        object.__setattr__(self, "identity", hashlib.sha256(content).hexdigest())
        object.__setattr__(self, "_tests", tests)
        object.__setattr__(self, "_selectors", selectors)

    def may_concern(self, ref: ObjectRef) -> bool:
        """Whether kind, name and namespace of an object match the target."""
        return all(test(getattr(ref, name)) for name, test in self._tests)

    def concerns(self, obj: Obj) -> bool:
        """Whether the target selects an object, including its labels and annotations."""
        meta = obj["metadata"]
        return self.may_concern(ref_of(obj)) and all(
            requirement.matches(meta.get(name) or {})
            for name, requirements in self._selectors
            for requirement in requirements
        )


def compile_rules(rules: Iterable[IgnoreRule]) -> tuple[CompiledIgnoreRule, ...]:
    """The rules of ``spec.ignore``. Raises :class:`IgnoreRuleInvalid`."""
    return tuple(_compile(rule, f"spec.ignore[{i}]") for i, rule in enumerate(rules))


def _compile(rule: IgnoreRule, where: str) -> CompiledIgnoreRule:
    target = rule.target or Selector()
    checks: list[tuple[str, str, Callable[[str], object]]] = [
        *((n, getattr(target, n), patterns.whole) for n in ("group", "version", "kind", "name", "namespace")),
        ("labelSelector", target.label_selector, labelselector.parse_selector),
        ("annotationSelector", target.annotation_selector, labelselector.parse_selector),
    ]
    for name, text, check in checks:
        try:
            check(text)
        except ValueError as error:
            raise IgnoreRuleInvalid(f"{where}.target.{name}: {error}") from error
    try:
        return CompiledIgnoreRule(tuple(map(parse, rule.paths)), rule.target)
    except ValueError as error:
        raise IgnoreRuleInvalid(f"{where}.paths: {error}") from error


def candidates(rules: Sequence[CompiledIgnoreRule], obj: Obj) -> tuple[CompiledIgnoreRule, ...]:
    """The rules that may select an object, whatever labels and annotations it has on the cluster."""
    if not rules:
        return ()
    ref = ref_of(obj)
    return tuple(r for r in rules if r.may_concern(ref))


def ignored(rules: Iterable[CompiledIgnoreRule], obj: Obj) -> tuple[Pointer, ...]:
    """The ignored fields of an object; ``obj`` is as a dry run returned it."""
    return tuple(dict.fromkeys(p for r in rules if r.concerns(obj) for p in r.pointers))


def is_in_place(live: Obj, answer: Obj, pointers: Sequence[Pointer], own: str) -> bool:
    """Whether a live object differs from the dry run's response in ignored fields only.

    Compares what Flux compares (labels, annotations, and all outside metadata and status), and the other fields that
    Headgate owns.
    """
    mine, wanted = ours(live, own), ours(answer, own)
    if mine is None or wanted is None:
        return False
    return (
        disowned(mine.get("fieldsV1"), pointers, live, wholes=True)
        == disowned(wanted.get("fieldsV1"), pointers, answer, wholes=True)
    ) and _compared(live, pointers) == _compared(answer, pointers)


def _compared(obj: Obj, pointers: Sequence[Pointer]) -> tuple[Any, Any, Any]:
    kept = without(obj, pointers)
    meta = kept.get("metadata") or {}
    rest = {k: v for k, v in kept.items() if k not in ("metadata", "status")}
    return meta.get("labels") or {}, meta.get("annotations") or {}, rest


def resolved(obj: Obj, live: Obj, answer: Obj, pointers: Sequence[Pointer], own: str) -> Obj:
    """What to send of an object if other fields than ignored ones require an apply.

    ``answer`` is the response to a dry run of the whole ``obj``, ``live`` the object on the cluster.
    """
    others = [
        Owned(e["fieldsV1"], live)
        for e in entries_of(live)
        if e.get("operation") == APPLY
        and not e.get("subresource")
        and e.get("manager") != own
        and isinstance(e.get("fieldsV1"), Mapping)
    ]
    strip: list[Pointer] = []
    keep: list[tuple[Pointer, Any]] = []
    for pointer in pointers:
        value = find(live, pointer)
        if value == find(answer, pointer):
            continue
        if value is MISSING or any(other.holds(pointer) for other in others):
            strip.append(pointer)
        else:
            keep.append((pointer, value))
    result: Obj = without(placed(obj, keep), strip)
    return result
