"""The change of one environment as sections of lines, which the formats for readers share. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from headgate.promotion.changes.model import (
    ChangeStage,
    ChangeType,
    Danger,
    EnvironmentChange,
    KustomizationChange,
    ObjectChange,
)
from headgate.promotion.report.document import ObjectGroup, Summary, grouped
from headgate.promotion.report.lines import ReportLine, field_lines
from headgate.visible import visible

__all__ = [
    "SIGNS",
    "ObjectSection",
    "Section",
    "details",
    "highlights",
    "is_same",
    "revisions",
    "says_nothing",
]

SIGNS = {ChangeType.ADDED: "+", ChangeType.CHANGED: "~", ChangeType.REMOVED: "-", ChangeType.MOVED: "~"}
_REFUSED = "the API server will refuse it; set force to let the operator delete and create the object"


@dataclass(frozen=True, slots=True)
class ObjectSection:
    """One object, or several that change alike."""

    sign: str
    title: str
    lines: tuple[ReportLine, ...] = ()
    alike: tuple[str, ...] = ()
    """The other objects that change in the same way."""


@dataclass(frozen=True, slots=True)
class Section:
    """One Kustomization."""

    sign: str
    title: str
    lines: tuple[ReportLine, ...]
    objects: tuple[ObjectSection, ...]


def says_nothing(change: EnvironmentChange) -> bool:
    """Whether there is nothing to show, not even what is not known."""
    return change.is_empty and not change.uncertain and not change.changes and not change.unknown_variables


def is_same(change: EnvironmentChange, other: EnvironmentChange) -> bool:
    """Whether two stages do the same, so that the second one need not be shown again."""
    return (
        change.kustomizations == other.kustomizations
        and change.root == other.root
        and change.problems == other.problems
        and change.unknown_variables == other.unknown_variables
    )


def revisions(change: EnvironmentChange) -> tuple[str, ...]:
    """Return which sources move, one line each."""
    found = []
    for name in dict.fromkeys((*change.base, *change.head)):
        before, after = change.base.get(name, ""), change.head.get(name, "")
        if before != after:
            found.append(f"{visible(name)}: {_short(before) or '(none)'} → {_short(after) or '(none)'}")
    return tuple(found)


def _short(revision: str) -> str:
    name, at, digest = visible(revision).rpartition("@")
    return f"{name}{at}{digest[:17] if ':' in digest else digest}"


def highlights(change: EnvironmentChange) -> Iterator[tuple[str, list[ReportLine]]]:
    """Return what readers look for first: headings and their lines, none of them empty."""
    summary, between = Summary.of(change), change.stage is ChangeStage.BETWEEN
    dangers = [
        ReportLine("!", f"{visible(what)}: {_danger(danger, each)}") for what, danger, each in summary.dangers
    ]
    parts = {
        "Dangers": dangers,
        "Images": [
            ReportLine(
                "~" if image.before and image.after else "+" if image.after else "-",
                _image(image.before, image.after, objects),
            )
            for image, objects in summary.images
        ],
        "Replicas": [
            ReportLine("~", f"{visible(str(each.ref))}: {_replicas(each)}") for each in summary.replicas
        ],
        "Deleted": [] if between else [ReportLine("-", _deleted(each)) for each in summary.deleted],
        "Left behind": [ReportLine(" ", f"{visible(str(each.ref))}: {each.kept}") for each in summary.kept],
        "Not known": [ReportLine("!", visible(each.message)) for each in change.uncertain],
        "Variables without a value": [ReportLine("?", visible(name)) for name in change.unknown_variables],
    }
    yield from ((heading, lines) for heading, lines in parts.items() if lines)


def _danger(danger: Danger, each: ObjectChange | None) -> str:
    if danger is not Danger.IMMUTABLE_FIELD or each is None:
        return str(danger.value)
    paths = ", ".join(map(visible, each.immutable[:3])) + (", …" if len(each.immutable) > 3 else "")
    return f"{danger.value}: {paths}" + ("" if Danger.RECREATED in each.dangers else f" ({_REFUSED})")


def _image(before: str, after: str, objects: tuple[ObjectChange, ...]) -> str:
    names = [visible(str(each.ref)) for each in objects[:3]]
    if len(objects) > 3:
        names.append(f"{len(objects) - 3} more")
    images = f"{visible(before)} → {visible(after)}" if before and after else visible(before or after)
    return f"{images} ({', '.join(names)})"


def _replicas(each: ObjectChange) -> str:
    before, after = each.replicas or (None, None)
    return " → ".join("(none)" if count is None else str(count) for count in (before, after))


def _deleted(each: ObjectChange) -> str:
    again = "" if each.action is ChangeType.REMOVED else ", then created again"
    return f"{visible(str(each.ref))}{again}"


def details(change: EnvironmentChange) -> Iterator[Section]:
    """Return all Kustomizations with a change or problem, and the objects of the cluster folder behind them."""
    for each in change.kustomizations:
        yield _of_kustomization(each, change)
    if change.root:
        yield Section("~", "Cluster folder", (), tuple(map(_of_group, grouped(change.root))))


def _of_kustomization(each: KustomizationChange, change: EnvironmentChange) -> Section:
    lines = [ReportLine(" ", visible(note)) for note in each.notes]
    if each.suspended:
        lines.append(ReportLine(" ", "Suspended: nothing happens until it is resumed."))
    if each.problem is not None:
        always = " (before and after, from the same files)" if each.certain else ""
        lines.append(ReportLine("!", f"{visible(each.problem.message)}{always}"))
    lines += [line for field in each.fields for line in field_lines(field)]
    sign = "~" if each.action is None else SIGNS[each.action]
    what = (
        "" if each.action is None or each.action is ChangeType.CHANGED else f" ({_what(each.action, change)})"
    )
    return Section(
        sign,
        f"Kustomization {visible(str(each.key))}{what}",
        tuple(lines),
        tuple(map(_of_group, grouped(each.objects))),
    )


def _what(action: ChangeType, change: EnvironmentChange) -> str:
    if change.stage is not ChangeStage.BETWEEN or action is ChangeType.MOVED:
        return str(action.value)
    return f"only in {visible(change.environment if action is ChangeType.ADDED else change.follows)}"


def _of_group(group: ObjectGroup) -> ObjectSection:
    each = group.first
    title = visible(str(each.ref))
    if each.renamed_from:
        title += f" (was {visible(each.renamed_from)})"
    if each.action is ChangeType.MOVED:
        title += f" (from {_owner(each.before_owner)} to {_owner(each.after_owner)})"
    lines = [ReportLine("!", _danger(danger, each)) for danger in each.dangers]
    if each.inert:
        lines.append(ReportLine(" ", f"not applied: {each.inert}"))
    if each.kept:
        lines.append(ReportLine(" ", f"stays on the cluster: {each.kept}"))
    lines += [line for field in each.fields for line in field_lines(field)]
    return ObjectSection(
        SIGNS[each.action], title, tuple(lines), tuple(visible(str(other.ref)) for other in group.others)
    )


def _owner(key: object) -> str:
    return "the cluster folder" if key is None else f"Kustomization {visible(str(key))}"
