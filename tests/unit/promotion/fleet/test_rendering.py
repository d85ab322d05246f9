"""What an environment applies at a state of the repository, as the operator would build it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from headgate.api import ObjectKey
from headgate.git.refs.reference import GitReference
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment
from headgate.promotion.errors import ConfigInvalid, OptionInvalid
from headgate.promotion.fleet import WORK_TREE, Fleet, FleetLimits, FleetOptions, load_environments
from headgate.promotion.fleet.rendering import UNKNOWN_CLOSE, UNKNOWN_OPEN, Rendering
from tests.support import fleets
from tests.support.fleets import config_map, deployment, fleet_files, git_repository, kustomization, overlay

STAGING = Environment("staging", "clusters/staging")
PRODUCTION = Environment("production", "clusters/production")
SOURCE = ObjectKey("flux-system", "flux-system")

Repositories = Callable[..., fleets.Fleet]


@pytest.fixture
def repository(tmp_path: Path) -> Repositories:
    def make(files: Mapping[str, str | None] | None = None, **changed: str) -> fleets.Fleet:
        merged = {**fleet_files(), **(files or {}), **changed}
        return fleets.Fleet(
            tmp_path / "fleet", {name: text for name, text in merged.items() if text is not None}
        )

    return make


@contextmanager
def opened(made: fleets.Fleet, options: FleetOptions | None = None) -> Iterator[Fleet]:
    with Clone.open(made.work) as clone, Fleet(clone, options) as fleet:
        yield fleet


def render(made: fleets.Fleet, environment: Environment = STAGING, **options: object) -> Rendering:
    with opened(made, FleetOptions(**options)) as fleet:  # type: ignore[arg-type]
        return fleet.render(environment, fleet.state())


def names(rendering: Rendering, kustomization: str, namespace: str = "flux-system") -> list[str]:
    return [str(each.ref) for each in rendering.by_key[ObjectKey(namespace, kustomization)].objects]


def messages(rendering: Rendering) -> str:
    return "\n".join(each.message for each in rendering.problems)


def test_what_an_environment_follows_is_found_without_building_what_it_applies(
    repository: Repositories,
) -> None:
    made = repository()
    made.tag("1.0.0")
    with opened(made) as fleet:
        state = fleet.state()
        source = fleet.followed(STAGING, state)
        assert fleet.builds == 1
        rendering = fleet.render(STAGING, state)
        assert source in rendering.sources
        assert source is not None
        assert source.key == rendering.followed


def test_each_environment_is_read_at_the_commit_that_it_follows(repository: Repositories) -> None:
    made = repository()
    made.tag("1.0.0")
    head = made.commit({"apps/base/my-app/deployment.yaml": deployment("my-app", "my-app:2")})
    staging, production = render(made, STAGING), render(made, PRODUCTION)
    assert staging.root_commit == head
    assert production.root_commit == made.first
    assert production.followed == SOURCE
    assert not staging.problems
    assert [each.key.name for each in staging.kustomizations] == ["infrastructure", "apps"]
    assert names(production, "apps") == ["Deployment/production/my-app", "Service/production/my-app"]
    assert production.by_key[ObjectKey("flux-system", "apps")].objects[0].obj["spec"]["replicas"] == 3
    assert {str(each.ref) for each in staging.root} >= {"GitRepository/flux-system/flux-system"}


def test_a_kustomization_that_applies_its_own_folder_is_the_root(repository: Repositories) -> None:
    made = repository(**{"clusters/staging/self.yaml": kustomization("flux-system", "./clusters/staging/")})
    found = render(made)
    assert found.root == ()
    own = found.by_key[SOURCE]
    assert own.made_by is None
    assert {"Kustomization/flux-system/apps", "Kustomization/flux-system/flux-system"} <= set(
        names(found, "flux-system")
    )
    assert not found.problems


def test_kustomizations_that_kustomizations_make_are_followed(repository: Repositories) -> None:
    made = repository(
        **{
            "clusters/staging/teams.yaml": kustomization("teams", "./teams"),
            "teams/shop.yaml": kustomization("shop", "./shop", namespace="shop", targetNamespace="shop-x"),
            "teams/source.yaml": git_repository({"branch": "main"}, namespace="shop"),
            "shop/map.yaml": config_map("a", {"k": "v"}),
        }
    )
    found = render(made)
    assert names(found, "shop", "shop") == ["ConfigMap/shop-x/a"]
    assert found.by_key[ObjectKey("shop", "shop")].made_by == ObjectKey("flux-system", "teams")


def test_a_circle_of_makers_ends(repository: Repositories) -> None:
    made = repository(
        **{
            "clusters/staging/a.yaml": kustomization("a", "./a"),
            "a/b.yaml": kustomization("b", "./b"),
            "b/a.yaml": kustomization("a", "./a"),
        }
    )
    assert [each.key.name for each in render(made).kustomizations].count("a") == 1


def test_faults_are_problems_that_never_stop_others(repository: Repositories) -> None:
    made = repository(
        **{
            "clusters/staging/broken.yaml": kustomization("broken", "./broken"),
            "broken/kustomization.yaml": overlay(["missing.yaml"]),
            "clusters/staging/nowhere.yaml": kustomization("nowhere", "./nowhere"),
            "clusters/staging/oci.yaml": kustomization(
                "oci", "./x", sourceRef={"kind": "OCIRepository", "name": "x"}
            ),
            "clusters/staging/gone.yaml": kustomization("gone", "./apps/staging", source="gone"),
            "clusters/staging/invalid.yaml": kustomization("invalid", "./apps/staging", interval="soon"),
            "clusters/staging/late.yaml": kustomization(
                "late", "./infrastructure/base", dependsOn=[{"name": "none"}]
            ),
        }
    )
    found = render(made)
    assert names(found, "apps")
    assert names(found, "late")
    text = messages(found)
    for part in (
        "missing.yaml",
        "nowhere",
        "OCIRepository",
        "--env NAME=FOLDER,branch=main",
        "interval",
        "depends on flux-system/none",
    ):
        assert part in text
    problem = found.by_key[ObjectKey("flux-system", "broken")].problem
    assert problem is not None
    assert "broken/kustomization.yaml" in problem.message


def test_a_circle_of_dependencies_is_a_problem(repository: Repositories) -> None:
    made = repository(
        **{
            "clusters/staging/infrastructure.yaml": kustomization(
                "infrastructure", "./infrastructure/staging", dependsOn=[{"name": "apps"}]
            )
        }
    )
    found = render(made)
    assert "circle" in messages(found)
    assert names(found, "apps")
    assert names(found, "infrastructure")


def variables_fleet(repository: Repositories, **post_build: object) -> fleets.Fleet:
    return repository(
        **{
            "clusters/staging/vars.yaml": kustomization("vars", "./vars"),
            "vars/map.yaml": config_map("cluster", {"region": "eu"}, "flux-system"),
            "clusters/staging/web.yaml": kustomization("web", "./web", postBuild=post_build),
            "web/map.yaml": config_map("web", {"a": "${region}", "b": "${zone:=z1}-x", "c": "${own}"}),
        }
    )


def data(rendering: Rendering, name: str = "web") -> dict[str, str]:
    found: dict[str, str] = rendering.by_key[ObjectKey("flux-system", name)].objects[0].obj["data"]
    return found


def test_variables_come_from_config_maps_that_the_fleet_renders(repository: Repositories) -> None:
    made = variables_fleet(
        repository, substitute={"own": "o"}, substituteFrom=[{"kind": "ConfigMap", "name": "cluster"}]
    )
    found = render(made)
    assert data(found) == {"a": "eu", "b": "z1-x", "c": "o"}
    assert found.unknown_variables == ()


def test_a_variable_that_nobody_knows_is_unknown_even_with_a_default(repository: Repositories) -> None:
    made = variables_fleet(
        repository,
        substitute={"own": "o"},
        substituteFrom=[{"kind": "ConfigMap", "name": "cluster"}, {"kind": "Secret", "name": "keys"}],
    )
    found = render(made)
    assert data(found) == {"a": "eu", "b": f"{UNKNOWN_OPEN}zone{UNKNOWN_CLOSE}-x", "c": "o"}
    assert found.unknown_variables == ("zone",)
    assert data(render(made, variables={"zone": "z9"})) == {"a": "eu", "b": "z9-x", "c": "o"}


def test_a_variable_that_is_missing_for_certain_is_the_operators_error(repository: Repositories) -> None:
    found = render(variables_fleet(repository, substitute={"region": "eu"}))
    assert "'own' has no value" in messages(found)


def test_generated_names_keep_their_original(repository: Repositories) -> None:
    made = repository(
        **{
            "infrastructure/staging/kustomization.yaml": overlay(
                [], namePrefix="p-", configMapGenerator=[{"name": "settings", "literals": ["a=b"]}]
            )
        }
    )
    (generated,) = render(made).by_key[ObjectKey("flux-system", "infrastructure")].objects
    assert generated.original_name == "p-settings"
    assert generated.ref.name.startswith("p-settings-")


SOPS = """\
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: x}
stringData: {token: "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"}
sops: {mac: "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]", version: 3.9.0}
"""


def test_what_nobody_decrypts_stays_encrypted(repository: Repositories) -> None:
    made = repository(
        **{
            "infrastructure/staging/kustomization.yaml": overlay(
                ["secret.yaml"], secretGenerator=[{"name": "file", "files": ["secret.yaml"]}]
            ),
            "infrastructure/staging/secret.yaml": SOPS,
        }
    )
    for key in (None, b"AGE-SECRET-KEY-1" + b"Q" * 58):
        found = render(made, age_key=key)
        objects = found.by_key[ObjectKey("flux-system", "infrastructure")].objects
        assert [each.encrypted for each in objects] == [True, True]
        assert not found.problems


def test_suspended_ones_are_rendered_and_marked(repository: Repositories) -> None:
    made = repository(**{"clusters/staging/apps.yaml": kustomization("apps", "./apps/staging", suspend=True)})
    found = render(made).by_key[ObjectKey("flux-system", "apps")]
    assert found.suspended
    assert found.objects


def test_ignore_rules_hold_as_in_the_operator(repository: Repositories) -> None:
    made = repository(
        **{
            ".sourceignore": "apps/base/my-app/service.yaml\n",
            "apps/base/my-app/kustomization.yaml": overlay(["deployment.yaml", "service.yaml"]),
        }
    )
    assert "service.yaml" in messages(render(made))


def test_an_environment_whose_tag_does_not_exist_is_a_problem(repository: Repositories) -> None:
    found = render(repository(), PRODUCTION)
    assert found.root_commit == ""
    assert found.kustomizations == ()
    assert found.followed == SOURCE
    assert "git fetch --tags" in messages(found)


def test_a_source_that_is_not_in_git_is_described(repository: Repositories) -> None:
    made = repository({"clusters/production/flux-system.yaml": None})
    made.tag("2.0.0")
    made.commit({"README.md": "newer"})
    described = Environment("production", "clusters/production", follows=GitReference(semver="*"))
    found = render(made, described)
    assert found.root_commit == made.first
    assert names(found, "apps")


def test_a_repository_with_another_url_counts_with_a_note(repository: Repositories) -> None:
    made = repository(
        **{
            "clusters/staging/flux-system.yaml": git_repository(
                {"branch": "main"}, url="https://mirror.example/x"
            )
        }
    )
    found = render(made)
    assert names(found, "apps")
    assert "mirror" not in messages(found)
    assert "--source-url" in " ".join(found.notes)


def test_includes_of_this_repository_are_followed(repository: Repositories) -> None:
    made = repository(
        **{
            "clusters/staging/both.yaml": git_repository(
                {"branch": "main"},
                name="both",
                include=[
                    {"repository": {"name": "flux-system"}, "fromPath": "infrastructure", "toPath": "copied"}
                ],
            ),
            "clusters/staging/copied.yaml": kustomization("copied", "./copied/staging", source="both"),
        }
    )
    assert names(render(made), "copied") == ["ConfigMap/staging/policy"]


@pytest.mark.parametrize(
    ("path", "name", "reads"),
    [
        ("./infrastructure/staging/vendor", "infrastructure", True),
        ("./infrastructure/staging", "infrastructure", True),
        ("./infrastructure/base", "infrastructure", False),
    ],
)
def test_what_needs_a_submodule_is_a_problem(
    repository: Repositories, path: str, name: str, reads: bool
) -> None:
    made = repository(
        {
            "infrastructure/staging/kustomization.yaml": None,
            "infrastructure/staging/map.yaml": config_map("map", {"a": "b"}),
            "clusters/staging/infrastructure.yaml": kustomization(name, path),
            "clusters/staging/flux-system.yaml": git_repository({"branch": "main"}, recurseSubmodules=True),
        }
    )
    vendor = f"160000,{made.first},infrastructure/staging/vendor"
    made.git("update-index", "--add", "--cacheinfo", vendor)
    made.git("commit", "-q", "-m", "a submodule")
    made.git("push", "-q", "origin", "main")
    found = render(made)
    known = "may read the submodule infrastructure/staging/vendor" not in messages(found)
    assert known is not reads
    assert bool(found.by_key[ObjectKey("flux-system", name)].objects) is not reads
    assert not found.by_key[ObjectKey("flux-system", "apps")].problem


def test_the_files_of_a_submodule_that_nobody_wants_are_no_problem(repository: Repositories) -> None:
    made = repository()
    made.git("update-index", "--add", "--cacheinfo", f"160000,{made.first},infrastructure/staging/vendor")
    made.git("commit", "-q", "-m", "a submodule")
    made.git("push", "-q", "origin", "main")
    assert not render(made).problems


def test_a_source_that_is_missing_names_what_describes_it(repository: Repositories) -> None:
    made = repository(
        **{"clusters/staging/apps.yaml": kustomization("apps", "./apps/staging", source="other")}
    )
    assert "--env NAME=FOLDER,branch=main" in messages(render(made))


def test_limits_end_a_rendering_with_a_problem(repository: Repositories) -> None:
    files = {
        f"clusters/staging/k{i}.yaml": kustomization(f"k{i}", "./infrastructure/base") for i in range(30)
    }
    made = repository(**files)
    assert "more than 10 Kustomizations" in messages(render(made, limits=FleetLimits(kustomizations=10)))
    assert "no time left" in messages(render(made, limits=FleetLimits(seconds=0)))
    assert "objects" in messages(
        render(
            repository_with_chain(made),
            limits=FleetLimits(objects=1),
        )
    )


def many(prefix: str, path: str, count: int, **spec: object) -> str:
    return "---\n".join(kustomization(f"{prefix}{i}", path, **spec) for i in range(count))


def test_kustomizations_that_all_make_the_same_ones_have_one_problem_each(repository: Repositories) -> None:
    made = repository(
        **{"clusters/staging/many.yaml": many("m", "./gen", 40), "gen/x.yaml": many("g", "./gen", 40)}
    )
    found = render(made)
    assert "Kustomization/flux-system/g0 is made by flux-system/m0 and by flux-system/m1" in messages(found)
    assert len(found.by_key) == 2 + 40 + 40
    assert len(found.problems) < 100, "not one for each pair"
    assert "more than 1000 objects" in messages(render(made, limits=FleetLimits(objects=1000)))


def test_nothing_is_built_after_too_many_objects(repository: Repositories) -> None:
    files = {f"clusters/staging/k{i}.yaml": kustomization(f"k{i}", f"./one/{i}") for i in range(30)}
    files |= {f"one/{i}/a.yaml": config_map(f"c{i}", {}) for i in range(30)}
    with opened(repository(**files), FleetOptions(limits=FleetLimits(objects=5))) as fleet:
        found = fleet.render(STAGING, fleet.state())
        assert fleet.builds < 12
    refused = [each for each in found.kustomizations if each.problem]
    assert len(refused) > 20
    assert all("more than 5 objects" in each.problem.message for each in refused if each.problem)


def test_only_the_first_of_very_many_problems_are_listed(repository: Repositories) -> None:
    files = {"clusters/staging/many.yaml": many("k", "./missing", 1200, dependsOn=[{"name": "absent"}])}
    found = render(repository(**files))
    assert len(found.problems) <= 1001
    assert "more than 1000 problems" in messages(found)


def repository_with_chain(made: fleets.Fleet) -> fleets.Fleet:
    made.commit(
        {
            "infrastructure/staging/chain.yaml": kustomization("chain", "./infrastructure/base"),
            "infrastructure/staging/kustomization.yaml": overlay(["../base", "chain.yaml"]),
        }
    )
    return made


def test_the_work_tree_is_a_state_like_any_other(repository: Repositories) -> None:
    made = repository()
    made.write({"apps/base/my-app/deployment.yaml": deployment("my-app", "my-app:9")})
    with opened(made) as fleet:
        found = fleet.render(STAGING, fleet.state().with_branch("main", WORK_TREE))
    obj = found.by_key[ObjectKey("flux-system", "apps")].objects[0].obj
    assert obj["spec"]["template"]["spec"]["containers"][0]["image"] == "my-app:9"


def test_a_remote_base_is_refused(repository: Repositories) -> None:
    made = repository(
        **{"infrastructure/base/kustomization.yaml": overlay(["https://github.com/org/repo//base?ref=v1"])}
    )
    assert "remote bases are not allowed" in messages(render(made)).lower()


def test_environments_are_the_cluster_folders_with_a_git_repository(repository: Repositories) -> None:
    made = repository(
        **{
            "clusters/empty/x.yaml": config_map("x", {}),
            "clusters/lists/kustomization.yaml": overlay(["../staging/flux-system.yaml"]),
            "clusters/broken/kustomization.yaml": overlay(["missing.yaml"]),
            "clusters/broken/flux-system.yaml": git_repository(),
        }
    )
    with opened(made) as fleet:
        found = load_environments(fleet.clone, fleet.state(), ["other=apps/base", "staging=x"])
        assert [(each.name, each.cluster) for each in found.all] == [
            ("broken", "clusters/broken"),
            ("lists", "clusters/lists"),
            ("production", "clusters/production"),
            ("other", "apps/base"),
            ("staging", "x"),
        ]
        assert not found.declared


def test_policy_is_that_of_the_default_branch_and_no_flag_lifts_it(repository: Repositories) -> None:
    made = repository(
        **{
            "headgate.yaml": "environments:\n- {name: live, cluster: clusters/production, requireProven: false}\n"
        }
    )
    made.switch("pull", "HEAD")
    made.commit({"headgate.yaml": "environments:\n- {name: evil, cluster: x}\n"})
    with opened(made) as fleet:
        assert [each.name for each in load_environments(fleet.clone, fleet.state()).all] == ["live"]
        with pytest.raises(OptionInvalid, match="declares this environment"):
            load_environments(fleet.clone, fleet.state(), ["live=clusters/staging"])


def test_a_repository_without_environments_says_what_to_do(tmp_path: Path) -> None:
    made = fleets.Fleet(tmp_path, {"README.md": "x"})
    with opened(made) as fleet, pytest.raises(ConfigInvalid, match="--env NAME=FOLDER"):
        load_environments(fleet.clone, fleet.state())
