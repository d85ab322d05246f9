"""Revisions in their parts."""

from __future__ import annotations

import pytest

from headgate.api import Revision

SHA1 = "5394cb7f48332b2de7c17dd8b8384bbc84b7e738"


@pytest.mark.parametrize(
    ("text", "pointer", "algorithm", "hash_"),
    [
        (f"main@sha1:{SHA1}", "main", "sha1", SHA1),
        (f"feature/x@sha1:{SHA1}", "feature/x", "sha1", SHA1),
        (f"user@host@sha1:{SHA1}", "user@host", "sha1", SHA1),
        (f"refs/pull/1/head@sha1:{SHA1}", "refs/pull/1/head", "sha1", SHA1),
        (f"sha1:{SHA1}", "", "sha1", SHA1),
        (f"latest@sha256:{'a' * 64}", "latest", "sha256", "a" * 64),
    ],
)
def test_parse(text: str, pointer: str, algorithm: str, hash_: str) -> None:
    revision = Revision.parse(text)
    assert revision == Revision(pointer, algorithm, hash_)
    assert str(revision) == text
    assert revision.digest == f"{algorithm}:{hash_}"


def test_a_bare_hash() -> None:
    assert str(Revision.parse(SHA1)) == f"sha1:{SHA1}"
