"""Fields that ``spec.ignore`` of a Kustomization leaves to others: an apply does not change them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headgate.api.errors import InvalidSpec
from headgate.api.fields import Fields
from headgate.api.kustomization import IgnoreRule
from headgate.objects import Obj

if TYPE_CHECKING:
    from headgate.apply.fields.ignore import CompiledIgnoreRule

__all__ = ["IgnoredFields"]


class IgnoredFields:
    """The rules of one Kustomization; rules that the operator refuses ignore nothing."""

    def __init__(self, spec: Obj | None) -> None:
        self._rules: tuple[CompiledIgnoreRule, ...] = ()
        if spec and spec.get("ignore"):
            # Here, because few Kustomizations have such rules.
            from headgate.apply.fields.ignore import IgnoreRuleInvalid, compile_rules

            try:
                self._rules = compile_rules(Fields(spec, "spec").objects("ignore", IgnoreRule.parse))
            except (InvalidSpec, IgnoreRuleInvalid):
                return

    def __bool__(self) -> bool:
        return bool(self._rules)

    def without(self, before: Obj, after: Obj) -> tuple[Obj, Obj]:
        """Return two versions of an object without the fields that the rules select in the new one."""
        if not self._rules:
            return before, after
        from headgate.apply.fields.ignore import candidates, ignored
        from headgate.apply.fields.pointers import without

        pointers = ignored(candidates(self._rules, after), after)
        if not pointers:
            return before, after
        kept: tuple[Obj, Obj] = (without(before, pointers), without(after, pointers))
        return kept
