"""``sortOptions``: the order of the output."""

from __future__ import annotations

from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.model.kustomization_file import LegacySortOptions, SortOptions
from headgate.kustomize.resources.ids import KINDS_FIRST, KINDS_LAST, Gvk
from headgate.kustomize.resources.resmap import ResMap

_LEGACY = LegacySortOptions(KINDS_FIRST, KINDS_LAST)
LEGACY = SortOptions("legacy", _LEGACY)


def sort_resources(resources: ResMap, options: SortOptions) -> None:
    """Sort by the options; raises KustomizationError for contradictory options, IdConflict for equal ids."""
    if options.order not in ("fifo", "legacy"):
        raise KustomizationError("must be one of fifo, legacy", field="sortOptions.order")
    if options.order == "fifo":
        if options.legacy_sort_options is not None:
            raise KustomizationError(
                "is set although the order is not legacy", field="sortOptions.legacySortOptions"
            )
        return
    legacy = options.legacy_sort_options or _LEGACY
    ranks = {kind: index - len(legacy.order_first) for index, kind in enumerate(legacy.order_first)}
    ranks.update({kind: 1 + index for index, kind in enumerate(legacy.order_last)})
    resources.sort(lambda resource: _key(resource.gvk, resource.name, resource.namespace, ranks))
    resources.check_unique()


def _key(gvk: Gvk, name: str, namespace: str, ranks: dict[str, int]) -> tuple[int, str, str]:
    spelling = f"{gvk.group or '~G'}_{gvk.version or '~V'}_{gvk.kind or '~K'}"
    # Namespaces of the core group precede those of other groups.
    if gvk.kind == "Namespace":
        spelling = ("0" if not gvk.group else "1") + spelling
    return ranks.get(gvk.kind, 0), spelling, f"{gvk}|{namespace or '~X'}|{name or '~N'}"
