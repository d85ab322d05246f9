"""Promotion by copying fields: the files of the environment before, at the candidate, to those of the target.

``fields`` in ``headgate.yaml`` names them as ``file:path``. The file is relative to the ``path`` of a Kustomization
that both environments have under the same name: ``kustomization.yaml:images[].newTag`` copies from
``apps/staging/kustomization.yaml`` to ``apps/production/kustomization.yaml``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from headgate.promotion.config.model import Environment
from headgate.promotion.errors import PromotionError
from headgate.promotion.fleet.rendering import RenderedKustomization
from headgate.promotion.plans.edits import SelectedScalar, copied, find, replaced
from headgate.promotion.plans.model import Edit
from headgate.promotion.plans.world import World

__all__ = ["copied_fields", "last_equal"]

MAX_COMMITS = 500
"""Commits of the copied files in which the values of the target are looked for."""


def copied_fields(
    world: World, target: Environment, candidate: str
) -> tuple[tuple[Edit, ...], dict[str, bytes]]:
    """Return the edits of a promotion, and the new contents of the files; raises :class:`PromotionError`.

    A field that the target does not have is not added: its absence is part of the target's configuration.
    """
    before = world.environments[target.after[0]]
    tip = world.clone.tip(world.default_branch)
    edits: list[Edit] = []
    files: dict[str, bytes] = {}
    seen: dict[str, bool] = {}
    for name in target.fields:
        file, colon, path = name.partition(":")
        if not colon or not path:
            raise PromotionError(
                f"fields: '{name}' is not of the form file:path, such as kustomization.yaml:images[].newTag"
            )
        seen[name] = False
        for theirs, ours in _pairs(world, before, target):
            new_file, old_file = _joined(theirs, file), _joined(ours, file)
            if new_file == old_file:
                raise PromotionError(
                    f"fields: '{name}' is in {old_file}, which both '{before.name}' and '{target.name}' use: a change "
                    "reaches both at once"
                )
            new = world.clone.file(candidate, new_file)
            old = files.get(old_file) or world.clone.file(tip, old_file)
            if new is None or old is None:
                continue
            targets = find(old, path, old_file)
            seen[name] = seen[name] or bool(targets)
            pairs = copied(find(new, path, new_file), targets)
            if pairs:
                changes = [(to, source.value, source.node.tag) for source, to in pairs]
                files[old_file] = replaced(old, changes, old_file)
                edits += (Edit(old_file, to.path, to.value, source.value) for source, to in pairs)
    missing = [name for name, found in seen.items() if not found]
    if missing:
        raise PromotionError(
            f"fields: '{missing[0]}' selects nothing in '{target.name}': no Kustomization that '{before.name}' has, "
            "too, has such a file with such a field"
        )
    return tuple(edits), files


def last_equal(world: World, target: Environment, candidate: str) -> str:
    """Return the newest commit of a candidate's first-parent history at which both environments were equal.

    Equal means: the files that a promotion copies from had, in all fields that it changes, the values that the target
    has now. The result is empty if there is no such commit, such as after a rename or a change of the target by hand.
    """
    before, clone = world.environments[target.after[0]], world.clone
    tip = clone.tip(world.default_branch)
    wanted: list[tuple[str, str, SelectedScalar]] = []
    for name in target.fields:
        file, _, path = name.partition(":")
        for theirs, ours in _pairs(world, before, target):
            source, own = _joined(theirs, file), _joined(ours, file)
            new, old = clone.file(candidate, source), clone.file(tip, own)
            if new is not None and old is not None:
                pairs = copied(find(new, path, source), find(old, path, own))
                wanted += ((source, path, to) for _, to in pairs)
    if not wanted:
        return ""
    pathspecs = sorted({f":(top,literal){source}" for source, _, _ in wanted})
    arguments = ("--first-parent", f"--max-count={MAX_COMMITS}", "--end-of-options", candidate)
    listed = clone.git.text("rev-list", *arguments, "--", *pathspecs).split()
    return next((each for each in listed if all(_has(world, each, *one) for one in wanted)), "")


def _has(world: World, commit: str, file: str, path: str, value: SelectedScalar) -> bool:
    """Whether a file had a value at a commit; a file that cannot be read has none."""
    try:
        content = world.clone.file(commit, file)
        found = find(content, path, file) if content is not None else []
    except PromotionError:
        return False
    wanted = value.path, value.value, value.node.tag
    return any((each.path, each.value, each.node.tag) == wanted for each in found)


def _pairs(world: World, before: Environment, target: Environment) -> Iterator[tuple[str, str]]:
    """The folders of the Kustomizations that both environments have."""
    ours = world.render(target).by_key
    for key, theirs in world.render(before).by_key.items():
        mine = ours.get(key)
        if mine is not None and mine.source is not None and theirs.source is not None:
            yield _folder(theirs), _folder(mine)


def _folder(each: RenderedKustomization) -> str:
    path = each.spec.get("path")
    return path if isinstance(path, str) else ""


def _joined(folder: str, file: str) -> str:
    """A file below a folder; absolute paths and those that lead out of it are errors."""
    path = posixpath.normpath(posixpath.join(folder.lstrip("/"), file))
    if file.startswith("/") or path.startswith("../") or posixpath.normpath(file).startswith("../"):
        raise PromotionError(f"fields: '{file}' leads out of the folder of the Kustomization")
    return path
