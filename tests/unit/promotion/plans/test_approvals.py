"""Approvals count if a trusted person signed exactly this difference, and is not one of those who made it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from pysequoia import Cert

from headgate.promotion.clone import Clone
from headgate.promotion.clone.mirror import mirror
from headgate.promotion.config.model import Approvals
from headgate.promotion.errors import CloneError
from headgate.promotion.guards import Approval
from headgate.promotion.plans.approvals import approve, given_approvals
from tests.support.fleets import Fleet
from tests.support.openpgp import signer
from tests.support.signing import Person, allowed_signers

if TYPE_CHECKING:
    from tests.support.gitserver_repository import Repository

DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
BASE = "b" * 40
SIGNERS = ".headgate/signers"
POLICY = Approvals(1, SIGNERS)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Person]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: Person.make(folder, name) for name in ("ada", "bob", "eve")}


class World:
    def __init__(self, folder: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch) -> None:
        self.fleet = Fleet(folder)
        self.people, self.monkeypatch = people, monkeypatch
        self.trust(allowed_signers(people["ada"], people["bob"]))

    def trust(self, text: str) -> None:
        self.fleet.commit({SIGNERS: text})

    def approve(
        self, name: str, digest: str = DIGEST, environment: str = "production", base: str = BASE
    ) -> str:
        self.people[name].at_work(self.monkeypatch)
        with Clone.open(self.fleet.work) as clone, mirror(clone) as copy:
            return approve(copy, environment, digest, self.fleet.first, base)

    def given(self, *people: str, not_author: bool = True, digest: str = DIGEST) -> tuple[Approval, ...]:
        policy = Approvals(1, SIGNERS, not_author)
        with Clone.open(self.fleet.work) as clone, mirror(clone) as copy:
            return given_approvals(copy, "production", digest, BASE, policy, people)


@pytest.fixture
def world(tmp_path: Path, people: dict[str, Person], monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, people, monkeypatch)


def test_a_trusted_signature_counts(world: World) -> None:
    assert world.given() == ()
    world.approve("ada")
    world.approve("bob")
    world.approve("bob")
    found = world.given()
    assert sorted(each.principal for each in found) == ["ada@example.com", "bob@example.com"]
    assert [each.problem for each in found] == ["", ""]
    assert len({each.key for each in found}) == 2


def test_another_difference_or_environment_is_not_approved(world: World) -> None:
    world.approve("ada")
    world.approve("bob", environment="staging")
    assert world.given(digest=OTHER) == ()


def test_an_approval_moved_to_another_ref_does_not_count(world: World) -> None:
    ref = world.approve("ada", digest=OTHER)
    commit = world.fleet.remote_refs()[ref]
    moved = f"refs/headgate/approvals/production/{'1' * 64}/x"
    world.fleet.remote_git("update-ref", moved, commit)
    (found,) = world.given()
    assert found.problem == "it approves something else"


def test_an_approval_of_the_same_difference_from_another_commit_does_not_count(world: World) -> None:
    world.approve("ada", base="c" * 40)
    (found,) = world.given()
    assert (found.principal, found.problem) == (
        "ada@example.com",
        "it was given before the last promotion or rollback: approve again",
    )
    world.approve("ada")
    assert [each.problem for each in world.given()] == [""]


@pytest.mark.parametrize(
    "options", [("-p", "HEAD", "HEAD^{tree}"), ("-p", "HEAD", "EMPTY"), ("HEAD^{tree}",)]
)
def test_a_signed_commit_with_the_message_of_somebody_else_does_not_count(
    world: World, options: tuple[str, ...]
) -> None:
    approval = world.fleet.remote_git("show", "-s", "--format=%B", world.approve("bob"))
    git, environment = world.fleet.git, world.fleet.environment
    world.fleet.environment = world.people["ada"].environment()
    empty = git("hash-object", "-t", "tree", "-w", "/dev/null").strip()
    places = [each.replace("EMPTY", empty) for each in options]
    picked = git("commit-tree", "-S", "-m", approval, *places).strip()
    world.fleet.environment = environment
    git("push", "-q", "origin", f"{picked}:refs/headgate/approvals/production/{'1' * 64}/x")
    problems = {each.principal: each.problem for each in world.given()}
    assert "others may have written" in problems["ada@example.com"]
    assert problems["bob@example.com"] == ""


def test_a_tag_with_the_name_of_the_default_branch_does_not_say_whose_signatures_count(world: World) -> None:
    world.approve("eve")
    world.fleet.switch("elsewhere", "main")
    world.fleet.commit({SIGNERS: allowed_signers(world.people["eve"])})
    world.fleet.tag("main", annotated=False)
    world.fleet.git("checkout", "-q", "--detach")
    (found,) = world.given()
    assert found.problem == "the allowed_signers file does not have the key"


def test_a_stranger_and_an_unsigned_commit_do_not_count(world: World) -> None:
    world.approve("eve")
    (found,) = world.given()
    assert found.problem == "the allowed_signers file does not have the key"
    unsigned = f"refs/headgate/approvals/production/{'1' * 64}/x"
    world.fleet.remote_git("update-ref", unsigned, world.fleet.first)
    blob = world.fleet.remote_git("rev-parse", f"{world.fleet.first}:README.md").strip()
    world.fleet.remote_git("update-ref", f"{unsigned}y", blob)
    assert [bool(each.problem) for each in world.given()] == [True, True, True]


def test_a_changed_message_breaks_the_signature(world: World) -> None:
    ref = world.approve("ada", digest=OTHER)
    content = world.fleet.remote_git("cat-file", "commit", ref).replace("2" * 64, "1" * 64)
    (world.fleet.folder / "forged").write_text(content)
    place = str(world.fleet.folder / "forged")
    forged = world.fleet.remote_git("hash-object", "-t", "commit", "-w", place).strip()
    world.fleet.remote_git("update-ref", f"refs/headgate/approvals/production/{'1' * 64}/x", forged)
    (found,) = world.given()
    assert "does not match the content" in found.problem


def test_authors_and_promoters_do_not_count_if_the_policy_says_so(world: World) -> None:
    world.approve("ada")
    world.approve("bob")
    problems = {each.principal: each.problem for each in world.given("ADA@example.com", "x@y")}
    assert "wrote or committed" in problems["ada@example.com"]
    assert problems["bob@example.com"] == ""
    assert [each.problem for each in world.given("ada@example.com", not_author=False)] == ["", ""]


def test_a_pattern_stands_for_the_address_of_the_commit(world: World) -> None:
    world.trust(f'*@example.com namespaces="git" {world.people["ada"].public}\n')
    world.approve("ada")
    (found,) = world.given()
    assert (found.principal, found.problem) == ("ada@example.com", "")
    (found,) = world.given("bob@example.com")
    assert "wrote or committed" in found.problem, "whose key it is cannot be known"


@pytest.mark.parametrize("options", ['valid-before="20200101"', 'namespaces="file"'])
def test_a_key_that_is_not_for_this_or_no_longer_valid_does_not_count(world: World, options: str) -> None:
    world.approve("ada")
    world.trust(f"ada@example.com {options} {world.people['ada'].public}\n")
    (found,) = world.given()
    assert found.problem


def test_a_policy_without_its_file_is_an_error(world: World) -> None:
    world.approve("ada")
    world.fleet.commit({SIGNERS: None})
    with pytest.raises(CloneError, match="does not exist on the branch 'main'"):
        world.given()


def test_an_approval_needs_a_key(world: World) -> None:
    world.people["ada"].at_work(world.monkeypatch, sign=False)
    with (
        Clone.open(world.fleet.work) as clone,
        mirror(clone) as copy,
        pytest.raises(CloneError, match="sign"),
    ):
        approve(copy, "production", DIGEST, world.fleet.first, BASE)
    assert POLICY.count == 1


def test_an_openpgp_key_approves(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "openpgp"
    folder.mkdir()
    with signer("sequoia", folder) as openpgp:
        certificate = openpgp.public("ada")
        fingerprint = Cert.from_bytes(certificate).fingerprint
        world.trust(f"carol@example.com openpgp {fingerprint}\n{certificate.decode()}")
        world.fleet.git("config", "gpg.format", "openpgp")
        openpgp.signs(cast("Repository", world.fleet))
        world.approve("ada")
        (found,) = world.given("bob@example.com")
        assert (found.principal, found.problem) == ("carol@example.com", "")
        (found,) = world.given("carol@example.com")
        assert "wrote or committed" in found.problem
        world.trust(certificate.decode())
        (found,) = world.given()
        assert "no OpenPGP key that the allowed_signers file names" in found.problem
