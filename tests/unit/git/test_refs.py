"""What a reference means among a remote's refs: precedence, revisions, errors."""

from __future__ import annotations

import pytest

from headgate.git.errors import RefInvalid, RefNotFound
from headgate.git.refs.reference import GitReference, Refs, candidates, revision_of

A, B, C, TAG = "a" * 40, "b" * 40, "c" * 40, "d" * 40

REFS = Refs(
    {
        "HEAD": A,
        "refs/heads/main": A,
        "refs/heads/master": B,
        "refs/heads/feature/x": C,
        "refs/tags/v1.0.0": A,
        "refs/tags/v1.1.0": TAG,
        "refs/tags/v2.0.0-rc.1": C,
        "refs/tags/not-a-version": C,
        "refs/pull/4/head": C,
    },
    {"refs/tags/v1.1.0": B},
)


@pytest.mark.parametrize(
    ("reference", "revision", "ref"),
    [
        (GitReference(), f"master@sha1:{B}", "refs/heads/master"),
        (GitReference(branch="main"), f"main@sha1:{A}", "refs/heads/main"),
        (GitReference(branch="feature/x"), f"feature/x@sha1:{C}", "refs/heads/feature/x"),
        (GitReference(tag="v1.0.0"), f"v1.0.0@sha1:{A}", "refs/tags/v1.0.0"),
        (GitReference(tag="v1.1.0"), f"v1.1.0@sha1:{B}", "refs/tags/v1.1.0"),
        (GitReference(semver="1.x"), f"v1.1.0@sha1:{B}", "refs/tags/v1.1.0"),
        (GitReference(semver=">=1.0.0-0"), f"v2.0.0-rc.1@sha1:{C}", "refs/tags/v2.0.0-rc.1"),
        (GitReference(name="refs/pull/4/head"), f"refs/pull/4/head@sha1:{C}", "refs/pull/4/head"),
        (GitReference(name="refs/tags/v1.1.0"), f"refs/tags/v1.1.0@sha1:{B}", "refs/tags/v1.1.0"),
        (GitReference(name="refs/tags/v1.1.0^{}"), f"refs/tags/v1.1.0^{{}}@sha1:{B}", "refs/tags/v1.1.0"),
        (GitReference(commit=C), f"sha1:{C}", ""),
        (GitReference(commit=C.upper()), f"sha1:{C}", ""),
        (GitReference(commit=A, branch="main"), f"main@sha1:{A}", "refs/heads/main"),
    ],
)
def test_meaning(reference: GitReference, revision: str, ref: str) -> None:
    (found,) = candidates(REFS, reference)
    assert (found.revision, found.ref, found.within_ref) == (revision, ref, False)


def test_precedence() -> None:
    everything = {"branch": "main", "semver": ">=2.0.0-0", "tag": "v1.0.0", "name": "refs/pull/4/head"}
    order = [
        ("commit", f"refs/pull/4/head@sha1:{B}"),
        ("name", f"refs/pull/4/head@sha1:{C}"),
        ("tag", f"v1.0.0@sha1:{A}"),
        ("semver", f"v2.0.0-rc.1@sha1:{C}"),
        ("branch", f"main@sha1:{A}"),
    ]
    fields = everything | {"commit": B}
    for field, revision in order:
        assert candidates(REFS, GitReference(**fields))[0].revision == revision
        del fields[field]


def test_the_tag_object_is_kept_for_verification() -> None:
    assert candidates(REFS, GitReference(tag="v1.1.0"))[0].tag_object == TAG
    assert candidates(REFS, GitReference(tag="v1.0.0"))[0].tag_object == ""
    assert candidates(REFS, GitReference(semver="^1.1"))[0].tag_object == TAG
    assert candidates(REFS, GitReference(name="refs/tags/v1.1.0"))[0].tag_object == TAG


def test_a_commit_within_a_branch_is_to_be_looked_for_in_its_history() -> None:
    (found,) = candidates(REFS, GitReference(commit=C, branch="main"))
    assert (found.revision, found.within_ref) == (f"main@sha1:{C}", True)


def test_tags_of_one_version_with_different_commits_are_all_returned() -> None:
    refs = Refs({"refs/tags/v1.0.0": A, "refs/tags/1.0.0": B, "refs/tags/1.0.0+b2": B})
    found = candidates(refs, GitReference(semver="1.x"))
    assert {each.revision for each in found} == {f"v1.0.0@sha1:{A}", f"1.0.0+b2@sha1:{B}"}


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        (GitReference(branch="none"), 'couldn\'t find remote ref "refs/heads/none"'),
        (GitReference(tag="none"), 'couldn\'t find remote ref "refs/tags/none"'),
        (GitReference(semver="^9"), "no match found for semver: ^9"),
        (
            GitReference(name="refs/heads/none"),
            "unable to resolve ref 'refs/heads/none' to a specific commit",
        ),
        (GitReference(name="refs/heads/main^{}"), "unable to resolve ref"),
        (GitReference(commit=A, branch="none"), 'couldn\'t find remote ref "refs/heads/none"'),
    ],
)
def test_not_found(reference: GitReference, says: str) -> None:
    with pytest.raises(RefNotFound) as error:
        candidates(REFS, reference)
    assert says in str(error.value)
    assert error.value.reason == "GitOperationFailed"


@pytest.mark.parametrize(
    "reference",
    [
        GitReference(branch="a..b"),
        GitReference(branch="a b"),
        GitReference(branch="a:b"),
        GitReference(branch="*"),
        GitReference(branch="a\nb"),
        GitReference(branch="x.lock"),
        GitReference(branch="a@{1}"),
        GitReference(branch="a/"),
        GitReference(tag="v1^{tree}"),
        GitReference(name="main"),
        GitReference(name="--all"),
        GitReference(name="+refs/heads/main"),
        GitReference(name="refs/heads/../../x"),
        GitReference(commit="HEAD"),
        GitReference(commit="abc123"),
        GitReference(commit="--help"),
        GitReference(semver="not a range"),
        GitReference(commit=A, branch="a:b"),
    ],
)
def test_what_cannot_name_anything_is_refused(reference: GitReference) -> None:
    with pytest.raises(RefInvalid) as error:
        candidates(REFS, reference)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["--upload-pack=touch", "-x", "+x"])
def test_an_option_as_a_branch_is_only_ever_part_of_a_full_name(name: str) -> None:
    with pytest.raises(RefNotFound, match="refs/heads/"):
        candidates(REFS, GitReference(branch=name))


def test_parsing_a_listing_skips_what_is_not_a_reference() -> None:
    listing = f"{A}\trefs/heads/main\nwarning: x\n{TAG}\trefs/tags/v1\n{B}\trefs/tags/v1^{{}}\nzz\trefs/x\n"
    refs = Refs.parse(listing.encode())
    assert refs.ids == {"refs/heads/main": A, "refs/tags/v1": TAG}
    assert refs.commit("refs/tags/v1") == B
    assert refs.commit("refs/tags/v2") is None


def test_sha256_revision() -> None:
    assert revision_of("e" * 64, "main") == f"main@sha256:{'e' * 64}"
