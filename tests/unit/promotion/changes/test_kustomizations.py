"""What happens to Kustomizations: those that come and go, what they take with them, problems and variables."""

from __future__ import annotations

from typing import Any

import pytest

from headgate.promotion.changes.model import ChangeType, Danger, EnvironmentChange, KustomizationChange
from headgate.promotion.fleet.rendering import UNKNOWN_CLOSE, UNKNOWN_OPEN, Problem
from tests.support.renderings import (
    Obj,
    change,
    deployment,
    kustomization,
    obj,
    rendered,
    rendering,
    with_value,
)

FLUX = "kustomize.toolkit.fluxcd.io"


def manifest(name: str, **spec: Any) -> Obj:
    return obj(f"{FLUX}/v1", "Kustomization", name, "flux-system", spec=spec)


def the_kustomization(found: EnvironmentChange, name: str = "apps") -> KustomizationChange:
    (each,) = (k for k in found.kustomizations if k.key.name == name)
    return each


def gone(**spec: Any) -> KustomizationChange:
    """A Kustomization that its maker, which prunes, no longer applies."""
    maker = kustomization(manifest("apps"), name="flux-system")
    before = rendering(maker, kustomization(deployment(), made_by="flux-system", **spec))
    return the_kustomization(change(before, rendering(kustomization(name="flux-system"))))


def test_a_kustomization_that_goes_takes_its_objects_with_it() -> None:
    found = gone()
    assert (found.action, found.dangers) == (ChangeType.REMOVED, (Danger.KUSTOMIZATION_REMOVED,))
    assert [(str(each.ref), each.deletes) for each in found.objects] == [("Deployment/shop/web", True)]
    assert found.notes == ()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"deletionPolicy": "Orphan"}, "Orphan"),
        ({"prune": False}, "does not prune"),
        ({"suspend": True}, "suspended"),
        ({"suspend": True, "deletionPolicy": "Delete"}, "suspended"),
        ({"prune": False, "deletionPolicy": "MirrorPrune"}, "does not prune"),
    ],
)
def test_a_kustomization_may_leave_its_objects_behind(spec: dict[str, Any], why: str) -> None:
    found = gone(**spec)
    assert (found.action, found.dangers) == (ChangeType.REMOVED, ())
    assert [each.deletes for each in found.objects] == [False]
    assert all(why in text for text in (*found.notes, found.objects[0].kept))


@pytest.mark.parametrize("policy", ["Delete", "WaitForTermination"])
def test_a_deletion_policy_deletes_without_prune(policy: str) -> None:
    found = gone(prune=False, deletionPolicy=policy)
    assert found.dangers == (Danger.KUSTOMIZATION_REMOVED,)
    assert found.objects[0].deletes


def test_a_kustomization_whose_maker_does_not_prune_stays_with_its_objects() -> None:
    before = rendering(
        kustomization(manifest("apps"), name="flux-system", prune=False),
        kustomization(deployment(), made_by="flux-system"),
    )
    found = the_kustomization(change(before, rendering(kustomization(name="flux-system", prune=False))))
    assert (found.dangers, found.objects[0].deletes) == ((), False)
    assert "stays on the cluster" in found.notes[0]


def test_a_kustomization_that_is_excluded_from_pruning_stays() -> None:
    keep = with_value(manifest("apps"), "metadata.annotations", {f"{FLUX}/prune": "disabled"})
    before = rendering(
        kustomization(keep, name="flux-system"), kustomization(deployment(), made_by="flux-system")
    )
    found = the_kustomization(change(before, rendering(kustomization(name="flux-system"))))
    assert not found.objects[0].deletes
    assert "excludes it from pruning" in found.notes[0]


def test_a_kustomization_that_nobody_applies_lists_what_would_go() -> None:
    found = the_kustomization(change(rendering(kustomization(deployment())), rendering()))
    assert found.objects[0].deletes
    assert found.dangers == (Danger.KUSTOMIZATION_REMOVED,)
    assert "somebody must delete this one" in found.notes[0]


def test_a_chain_of_kustomizations_goes_as_a_whole() -> None:
    def chain(**inner: Any) -> EnvironmentChange:
        root = kustomization(manifest("one"), name="flux-system")
        one = kustomization(manifest("two"), name="one", made_by="flux-system", **inner)
        two = kustomization(deployment(), name="two", made_by="one")
        return change(rendering(root, one, two), rendering(kustomization(name="flux-system")))

    assert the_kustomization(chain(), "two").objects[0].deletes
    orphaned = the_kustomization(chain(deletionPolicy="Orphan"), "two")
    assert not orphaned.objects[0].deletes
    assert "Orphan" in orphaned.notes[0]


def test_kustomizations_that_make_each_other_end() -> None:
    one = kustomization(manifest("two"), deployment(), name="one", made_by="two")
    two = kustomization(manifest("one"), name="two", made_by="one")
    found = change(rendering(one, two), rendering())
    assert len(found.kustomizations) == 2


def test_the_manifest_of_a_kustomization_is_not_listed_twice() -> None:
    before = rendering(kustomization(manifest("apps", path="a"), name="flux-system"), kustomization(path="a"))
    after = rendering(kustomization(manifest("apps", path="b"), name="flux-system"), kustomization(path="b"))
    found = change(before, after)
    assert [(k.key.name, [f.path for f in k.fields]) for k in found.kustomizations] == [
        ("apps", ["spec.path"])
    ]
    assert found.changes == ()
    assert not found.is_empty


def test_a_kustomization_is_added_with_its_objects() -> None:
    found = the_kustomization(change(rendering(), rendering(kustomization(deployment()))))
    assert (found.action, [each.action for each in found.objects]) == (ChangeType.ADDED, [ChangeType.ADDED])


def test_what_goes_is_listed_behind_what_it_followed() -> None:
    def names(*each: str) -> Any:
        return rendering(*(kustomization(deployment(n), name=n) for n in each))

    found = change(names("a", "b", "c", "d"), names("a", "x", "d"))
    assert [k.key.name for k in found.kustomizations] == ["b", "c", "x"]


def test_a_kustomization_from_which_nothing_is_left_is_a_danger() -> None:
    found = the_kustomization(change(rendering(kustomization(deployment())), rendering(kustomization())))
    assert Danger.EMPTY in found.dangers
    kept = the_kustomization(
        change(rendering(kustomization(deployment(), prune=False)), rendering(kustomization(prune=False)))
    )
    assert Danger.EMPTY not in kept.dangers


@pytest.mark.parametrize(
    ("spec", "danger"),
    [
        ({"sourceRef": {"kind": "GitRepository", "name": "other"}}, Danger.SOURCE_CHANGED),
        ({"kubeConfig": {"secretRef": {"name": "x"}}}, Danger.TARGET_CHANGED),
        ({"serviceAccountName": "x"}, Danger.TARGET_CHANGED),
    ],
)
def test_another_source_or_target_is_a_danger(spec: dict[str, Any], danger: Danger) -> None:
    found = the_kustomization(change(rendering(kustomization()), rendering(kustomization(**spec))))
    assert found.dangers == (danger,)


@pytest.mark.parametrize("path", ["spec.url", "spec.ref.branch", "spec.ref", "spec.ignore", "spec.include"])
def test_a_source_that_follows_something_else_is_a_danger(path: str) -> None:
    spec = {"url": "a", "ref": {"branch": "a"}, "ignore": "a", "include": [], "interval": "1m"}
    source = obj("source.toolkit.fluxcd.io/v1", "GitRepository", spec=spec)
    after = with_value(source, path, ...)
    found = change(rendering(kustomization(source)), rendering(kustomization(after)))
    assert found.changes[0].dangers == (Danger.SOURCE_CHANGED,)
    slower = with_value(source, "spec.interval", "2m")
    calm = change(rendering(kustomization(source)), rendering(kustomization(slower)))
    assert calm.changes[0].dangers == ()


def test_objects_of_a_build_that_failed_are_unknown_and_not_gone() -> None:
    found = change(
        rendering(kustomization(deployment())), rendering(kustomization(problem="apps/x.yaml: no such file"))
    )
    each = the_kustomization(found)
    assert (each.objects, each.certain) == ((), False)
    assert [p.message for p in found.uncertain] == ["apps/x.yaml: no such file"]


def test_a_build_that_fails_as_before_with_the_same_files_changes_nothing() -> None:
    broken = kustomization(problem="broken")
    found = change(rendering(broken), rendering(kustomization(problem="broken")))
    assert found.uncertain == ()
    assert the_kustomization(found).certain
    moved = change(rendering(broken), rendering(kustomization(problem="broken"), commit="b" * 40))
    assert len(moved.uncertain) == 1
    other = change(rendering(broken), rendering(kustomization(problem="broken", path="./other")))
    assert len(other.uncertain) == 1


def test_a_build_that_fails_is_counted_once() -> None:
    broken = kustomization(problem="broken")
    assert broken.problem is not None
    found = change(rendering(kustomization(deployment())), rendering(broken, problems=(broken.problem,)))
    assert found.uncertain == (broken.problem,)


def test_a_cluster_folder_that_is_gone_deletes_nothing_and_is_a_problem() -> None:
    found = change(rendering(kustomization(deployment())), rendering(commit=""))
    assert found.changes == ()
    assert "cannot be compared" in found.uncertain[0].message
    new = change(rendering(commit=""), rendering(kustomization(deployment())))
    assert [each.action for each in new.changes] == [ChangeType.ADDED]


def test_problems_of_a_rendering_stay_with_the_change() -> None:
    problem = Problem("there are two of them")
    assert change(rendering(), rendering(problems=(problem,))).uncertain == (problem,)


def test_a_suspended_kustomization_is_marked() -> None:
    found = change(
        rendering(kustomization(deployment(), deployment("b"), suspend=True)),
        rendering(kustomization(deployment(image="web:2"), suspend=True)),
    )
    each = the_kustomization(found)
    assert each.suspended
    assert [o.deletes for o in each.objects] == [False, False]


def test_what_a_suspended_kustomization_makes_waits_for_it() -> None:
    root = kustomization(manifest("apps", path="a"), name="flux-system", suspend=True)
    changed_root = kustomization(manifest("apps", path="b"), name="flux-system", suspend=True)
    before = rendering(root, kustomization(path="a", made_by="flux-system"))
    after = rendering(changed_root, kustomization(path="b", made_by="flux-system"))
    assert the_kustomization(change(before, after)).suspended
    moved = rendering(root, kustomization(deployment(), path="a", made_by="flux-system"))
    assert not the_kustomization(change(before, moved)).suspended


def test_another_maker_is_a_move() -> None:
    one, two = kustomization(manifest("apps"), name="one"), kustomization(manifest("apps"), name="two")
    before = rendering(one, kustomization(name="two"), kustomization(made_by="one"))
    after = rendering(kustomization(name="one"), two, kustomization(made_by="two"))
    found = the_kustomization(change(before, after))
    assert (found.action, found.notes) == (
        ChangeType.MOVED,
        ("Kustomization flux-system/two applies it instead of Kustomization flux-system/one.",),
    )


def unknown(name: str) -> str:
    return f"{UNKNOWN_OPEN}{name}{UNKNOWN_CLOSE}"


def test_an_unknown_variable_is_shown_by_its_name() -> None:
    before = rendering(kustomization(deployment(image=f"web:{unknown('tag')}")), unknown=("tag",))
    assert change(before, before).is_empty
    assert change(before, before).unknown_variables == ("tag",)
    equal = rendering(kustomization(deployment(image=f"web:{unknown('tag')}")), unknown=("tag",))
    assert change(before, equal).is_empty
    other = rendering(kustomization(deployment(image=f"web:{unknown('version')}")), unknown=("version",))
    found = change(before, other)
    (field,) = found.changes[0].fields
    assert (field.before, field.after, field.unknown) == ("web:${tag}", "web:${version}", ("tag", "version"))
    assert found.changes[0].images[0].after == "web:${version}"
    assert found.unknown_variables == ("tag", "version")


def test_an_unknown_variable_is_never_equal_to_a_value() -> None:
    before = rendering(kustomization(deployment(image=unknown("image"))))
    for text in ("image", "${image}", ""):
        assert not change(before, rendering(kustomization(deployment(image=text)))).is_empty


def test_an_unknown_variable_in_a_name_is_one_object() -> None:
    named = [deployment(f"web-{unknown('env')}", image=image) for image in ("web:1", "web:2")]
    found = change(rendering(kustomization(named[0])), rendering(kustomization(named[1])))
    assert [(str(each.ref), each.action) for each in found.changes] == [
        ("Deployment/shop/web-${env}", ChangeType.CHANGED)
    ]


def test_the_revisions_of_the_sources_are_named() -> None:
    found = change(rendering(commit="a" * 40), rendering(commit="b" * 40))
    assert (found.base, found.head) == (
        {"flux-system/flux-system": f"main@sha1:{'a' * 40}"},
        {"flux-system/flux-system": f"main@sha1:{'b' * 40}"},
    )


def test_a_hundred_kustomizations_that_did_not_change_cost_nothing() -> None:
    kept = [kustomization(rendered(deployment(f"d{n}")), name=f"k{n}") for n in range(100)]
    found = change(rendering(*kept), rendering(*kept))
    assert (found.kustomizations, found.is_empty) == ((), True)
