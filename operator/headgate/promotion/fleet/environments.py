"""The environments of a repository: those that ``headgate.yaml`` declares, else the cluster folders that it has.

Both are read from the remote's default branch, so that a pull request cannot change the policy that it is held to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headgate.documents.tree import EntryKind, Tree
from headgate.names import SOURCE_GROUP
from headgate.promotion.clone import Clone
from headgate.promotion.config.flags import described
from headgate.promotion.config.model import CONFIG_FILE, Environment, Environments
from headgate.promotion.config.parse import check_name, parse_config
from headgate.promotion.errors import ConfigInvalid, OptionInvalid
from headgate.promotion.fleet.building import Builds
from headgate.promotion.fleet.options import FleetOptions
from headgate.promotion.fleet.state import RefState

__all__ = ["discovered", "load_environments"]

CLUSTERS = "clusters"
MAX_FOLDERS = 200
_GIT_REPOSITORY = b"GitRepository"


def load_environments(
    clone: Clone, state: RefState, flags: Sequence[str] = (), builds: Builds | None = None
) -> Environments:
    """Return the environments of the default branch of ``state``, and those that ``flags`` describe.

    A described environment replaces one of its name, but not if ``headgate.yaml`` declares it: a flag must not lift
    its policy. ``builds`` may serve later renderings, too. Raises :class:`OptionInvalid` for a faulty flag, and
    :class:`ConfigInvalid`, also if there is no environment at all.
    """
    commit = state.default_commit
    given = described(flags)
    content = clone.file(commit, CONFIG_FILE) if commit else None
    if content is not None:
        found = parse_config(content)
        declared = {each.name for each in found.all}
        for each in given:
            if each.name in declared:
                raise OptionInvalid(
                    f"--env {each.name}=…: {CONFIG_FILE} declares this environment; name it without '='"
                )
        return replace(found, all=(*found.all, *given))
    replaced = {each.name for each in given}
    folders = discovered(clone.tree(commit), builds) if commit else ()
    all_of_them = (*(each for each in folders if each.name not in replaced), *given)
    if not all_of_them:
        raise ConfigInvalid(
            f"the branch '{state.default_branch}' has neither {CONFIG_FILE} nor a folder {CLUSTERS}/* with a "
            "GitRepository: describe environments with --env NAME=FOLDER"
        )
    return Environments(all_of_them, declared=False, where=f"{CLUSTERS}/*")


def discovered(tree: Tree, builds: Builds | None = None) -> tuple[Environment, ...]:
    """Return the folders ``clusters/*`` that hold a GitRepository, or list one in their kustomization file, by name."""
    if tree.kind(CLUSTERS) is not EntryKind.DIRECTORY:
        return ()
    builds = builds or Builds(FleetOptions())
    found = []
    for name in tree.list(CLUSTERS)[:MAX_FOLDERS]:
        folder = f"{CLUSTERS}/{name}"
        if tree.kind(folder) is EntryKind.DIRECTORY and not check_name(name):
            built = builds.build(tree, {"path": folder}, lambda _kind, _name: None)
            holds = any(
                each.ref.group == SOURCE_GROUP and each.ref.kind == "GitRepository" for each in built.objects
            )
            # A folder that cannot be built is an environment in trouble, not none.
            if holds or (built.error and _mentions(tree, folder)):
                found.append(Environment(name, folder))
    return tuple(found)


def _mentions(tree: Tree, folder: str) -> bool:
    pending = [folder]
    for path in pending:
        if len(pending) > MAX_FOLDERS:
            break
        for name in tree.list(path):
            below = f"{path}/{name}"
            kind = tree.kind(below)
            if kind is EntryKind.DIRECTORY:
                pending.append(below)
            elif name.endswith((".yaml", ".yml")) and _GIT_REPOSITORY in tree.read(below):
                return True
    return False
