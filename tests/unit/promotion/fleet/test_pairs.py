"""Two renderings to compare: what cannot differ is not built, and nothing that differs is skipped."""

from __future__ import annotations

import itertools
import posixpath
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from headgate.api import ObjectKey
from headgate.documents.errors import BuildError
from headgate.documents.tree import EntryKind, MemoryTree
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet import Fleet
from headgate.promotion.fleet.reach import Paths, Reaches
from headgate.promotion.fleet.rendering import Rendering
from headgate.reconcile.kustomization.build.builds import build_objects
from tests.support import fleets
from tests.support.fleets import config_map, kustomization, overlay

STAGING = Environment("staging", "clusters/staging")
Files = Mapping[str, str | None]


def pair(made: fleets.Fleet, files: Files) -> tuple[Rendering, Rendering]:
    base, head = made.head(), made.commit(files)
    with Clone.open(made.work) as clone, Fleet(clone) as fleet:
        state = fleet.state()
        before, after = fleet.render_pair(
            STAGING, state.with_branch("main", base), state.with_branch("main", head)
        )
        complete = [fleet.render(STAGING, state.with_branch("main", commit)) for commit in (base, head)]
    for rendering, whole in zip((before, after), complete, strict=True):
        assert [each.key for each in rendering.kustomizations] == [each.key for each in whole.kustomizations]
        for each in rendering.kustomizations:
            if not each.skipped:
                assert each.objects == whole.by_key[each.key].objects
    for each in before.kustomizations:
        if each.skipped:
            assert complete[0].by_key[each.key].objects == complete[1].by_key[each.key].objects
    return before, after


def skipped(rendering: Rendering) -> set[str]:
    return {each.key.name for each in rendering.kustomizations if each.skipped}


@pytest.fixture
def made(tmp_path: Path) -> fleets.Fleet:
    return fleets.Fleet(tmp_path)


def test_what_no_change_reaches_is_skipped_in_both(made: fleets.Fleet) -> None:
    before, after = pair(made, {"apps/base/my-app/service.yaml": fleets.service("my-app", 81)})
    assert skipped(before) == skipped(after) == {"infrastructure"}


def test_a_change_of_no_manifest_builds_nothing_but_the_root(made: fleets.Fleet) -> None:
    base, head = made.head(), made.commit({"README.md": "x"})
    with Clone.open(made.work) as clone, Fleet(clone) as fleet:
        state = fleet.state()
        before, _ = fleet.render_pair(
            STAGING, state.with_branch("main", base), state.with_branch("main", head)
        )
        assert fleet.builds == 1
    assert skipped(before) == {"infrastructure", "apps"}


@pytest.mark.parametrize(
    ("files", "built"),
    [
        ({"clusters/staging/apps.yaml": kustomization("apps", "./apps/staging", prune=False)}, {"apps"}),
        ({"clusters/staging/apps.yaml": None}, {"apps"}),
        ({"clusters/staging/new.yaml": kustomization("new", "./apps/staging")}, {"new"}),
        ({"infrastructure/base/kustomization.yml": overlay([])}, {"infrastructure"}),
        ({".sourceignore": "x\n"}, {"apps", "infrastructure"}),
        ({"infrastructure/base/policy.yaml": None}, {"infrastructure"}),
        ({"apps/base/my-app/unrelated.yaml": "a: 1\n"}, set()),
        (
            {"clusters/staging/flux-system.yaml": fleets.git_repository({"branch": "main"}, ignore="*.md\n")},
            {"apps", "infrastructure"},
        ),
    ],
)
def test_what_a_change_reaches_is_built(made: fleets.Fleet, files: Files, built: set[str]) -> None:
    for rendering in pair(made, files):
        names = {each.key.name for each in rendering.kustomizations}
        assert skipped(rendering) == names - built


def test_a_maker_of_kustomizations_is_built_so_that_they_are_found(made: fleets.Fleet) -> None:
    made.commit(
        {
            "clusters/staging/teams.yaml": kustomization("teams", "./teams"),
            "teams/kustomization.yaml": overlay(["shop.yaml"]),
            "teams/shop.yaml": kustomization("shop", "./shop"),
            "shop/map.yaml": config_map("a", {"k": "v"}),
        }
    )
    before, after = pair(made, {"shop/map.yaml": config_map("a", {"k": "w"})})
    assert "shop" not in skipped(before)
    shop = ObjectKey("flux-system", "shop")
    assert before.by_key[shop].objects != after.by_key[shop].objects


SHOP = kustomization("shop", "./shop")


@pytest.mark.parametrize(
    "manifest",
    [
        SHOP.replace("kustomize.toolkit", '"kustomize.\\x74oolkit').replace("io/v1", 'io/v1"'),
        SHOP.replace("kustomize.toolkit", '"kustomize.toolk\\\n  it').replace("io/v1", 'io/v1"'),
        SHOP.replace("kustomize.toolkit", "kustomize.${t}"),
    ],
)
def test_a_kustomization_in_disguise_is_found(made: fleets.Fleet, manifest: str) -> None:
    made.commit(
        {
            "clusters/staging/teams.yaml": kustomization(
                "teams", "./teams", postBuild={"substitute": {"t": "toolkit"}}
            ),
            "teams/kustomization.yaml": overlay(["shop.yaml"]),
            "teams/shop.yaml": manifest,
            "shop/map.yaml": config_map("a", {"k": "v"}),
        }
    )
    before, _ = pair(made, {"shop/map.yaml": config_map("a", {"k": "w"})})
    assert ObjectKey("flux-system", "shop") in before.by_key
    assert "shop" not in skipped(before)


def test_a_changed_variable_reaches_those_that_use_it(made: fleets.Fleet) -> None:
    uses = {"substituteFrom": [{"kind": "ConfigMap", "name": "cluster"}]}
    made.commit(
        {
            "clusters/staging/vars.yaml": kustomization("vars", "./vars"),
            "vars/map.yaml": config_map("cluster", {"region": "eu"}, "flux-system"),
            "clusters/staging/web.yaml": kustomization("web", "./web", postBuild=uses),
            "web/map.yaml": config_map("web", {"a": "${region}"}),
        }
    )
    before, after = pair(made, {"vars/map.yaml": config_map("cluster", {"region": "us"}, "flux-system")})
    assert skipped(before) == skipped(after) == {"apps", "infrastructure"}
    before, after = pair(made, {"web/map.yaml": config_map("web", {"a": "${region}-2"})})
    web = ObjectKey("flux-system", "web")
    assert [side.by_key[web].objects[0].obj["data"]["a"] for side in (before, after)] == ["us", "us-2"]


# What a build can read, compared with what builds record.


def random_tree(rng: random.Random) -> dict[str, str]:
    folders = [f"d{i}" for i in range(6)] + ["d0/sub", "d1/sub/deep", "d 2/with space"]
    files: dict[str, str] = {}
    for folder in folders:
        for name in ("a.yaml", "b.yml", "c d.yaml", "data.txt"):
            if rng.random() < 0.7:
                files[f"{folder}/{name}"] = (
                    "k: v\n" if name == "data.txt" else config_map(f"x{rng.randrange(10**6)}", {"k": "v"})
                )
    paths = list(files)
    for folder in folders:
        if rng.random() < 0.75:
            near = [posixpath.relpath(path, folder) for path in rng.sample(paths, k=min(4, len(paths)))]
            others = [
                posixpath.relpath(other, folder) for other in rng.sample(folders, k=2) if other != folder
            ]
            fields: dict[str, object] = {}
            if rng.random() < 0.4:
                fields["configMapGenerator"] = [{"name": "g", "files": [f"key={near[-1]}"], "envs": []}]
            if rng.random() < 0.3:
                fields["patches"] = [{"path": near[0]}]
            if rng.random() < 0.3:
                fields["components"] = others[:1]
            name = rng.choice(["kustomization.yaml", "kustomization.yml", "Kustomization"])
            resources = [each for each in near[:2] if each.endswith((".yaml", ".yml"))]
            files[f"{folder}/{name}"] = overlay([*resources, *others[: rng.randrange(2)]], **fields)
    return files


@pytest.mark.parametrize("seed", range(60))
def test_a_build_reads_only_what_is_in_reach(seed: int) -> None:
    rng = random.Random(seed)
    files = random_tree(rng)
    tree = MemoryTree(files)
    checked = 0
    for path, components in itertools.product(
        ["d0", "d1", "d2", "d 2/with space", "d0/sub", ""], [[], ["../d3"]]
    ):
        spec = {"path": path, **({"components": components} if components else {})}
        reach = Reaches(tree).of(spec)
        try:
            inputs = build_objects(tree, spec).inputs
        except BuildError:
            continue
        assert reach is not None
        checked += 1
        for read, seen in inputs.items():
            directory = seen.kind is EntryKind.DIRECTORY and seen.content is None
            below = any(
                each.startswith(f"{read}/" if read else "") for each in (*reach.files, *reach.folders)
            )
            assert reach.meets(Paths([read])) or (directory and below), (path, read)
    assert checked or seed


def test_kustomizations_that_miss_the_same_variables_do_not_wait_for_each_other(made: fleets.Fleet) -> None:
    uses = {"substituteFrom": [{"kind": "ConfigMap", "name": "absent"}]}
    names = ("a", "b", "web")
    made.commit(
        {f"clusters/staging/{name}.yaml": kustomization(name, f"./{name}", postBuild=uses) for name in names}
        | {f"{name}/map.yaml": config_map(name, {"a": "${region}"}) for name in names}
    )
    before, after = pair(made, {"web/map.yaml": config_map("web", {"a": "${region}-2"})})
    assert not before.problems
    assert not after.problems
