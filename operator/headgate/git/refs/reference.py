"""Which commit ``spec.ref`` selects from the refs of a remote. Pure.

Precedence is ``commit``, ``name``, ``tag``, ``semver``, ``branch``; an empty ``spec.ref`` means branch ``master``. This
is source-controller's order; its documentation lists ``semver`` above ``tag``, but with both set it checks out the tag
(``fluxcd/pkg``, ``git/gogit/client.go``).

Revisions have Flux's format: ``main@sha1:<commit>`` for a branch, ``v1.0.0@sha1:<commit>`` for a tag (the commit that
an annotated tag points to), ``refs/pull/4/head@sha1:<commit>`` for a name and ``sha1:<commit>`` for a commit without a
branch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headgate.api import GitRepositoryRef
from headgate.api.revision import COMMIT_ID
from headgate.git.errors import RefInvalid, RefNotFound
from headgate.git.refs.semver import Version, VersionRange

__all__ = ["GitReference", "Question", "Refs", "Resolved", "candidates", "revision_of"]

DEFAULT_BRANCH = "master"
PEELED = "^{}"
HEADS = "refs/heads/"
TAGS = "refs/tags/"

# https://git-scm.com/docs/git-check-ref-format
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)")


@dataclass(frozen=True, slots=True)
class GitReference:
    """The fields of ``spec.ref``; "" where not set."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    commit: str = ""

    @classmethod
    def of(cls, ref: GitRepositoryRef) -> GitReference:
        """The reference of a GitRepository."""
        return cls(ref.branch, ref.tag, ref.semver, ref.name, ref.commit)

    def check(self) -> None:
        """Raise :class:`RefInvalid` when a field that takes effect is malformed."""
        if self.commit:
            if not COMMIT_ID.fullmatch(self.commit.lower()):
                raise RefInvalid(
                    f"the commit '{_shown(self.commit)}' is not a full commit id of 40 or 64 hex digits"
                )
            if self.branch:
                check_ref_name(HEADS + self.branch, self.branch)
        elif self.name:
            plain = self.name.removesuffix(PEELED)
            check_ref_name(plain, self.name)
            if not plain.startswith("refs/") and plain != "HEAD":
                raise RefInvalid(
                    f"the reference '{_shown(self.name)}' is not a full name such as refs/heads/main"
                )
        elif self.tag:
            check_ref_name(TAGS + self.tag, self.tag)
        elif self.semver:
            VersionRange.parse(self.semver)
        else:
            check_ref_name(HEADS + (self.branch or DEFAULT_BRANCH), self.branch)

    def question(self) -> Question:
        """The refs to request from a remote."""
        heads, tags = frozenset({"--heads"}), frozenset({"--tags"})
        if self.commit:
            return Question(heads, frozenset({HEADS + self.branch if self.branch else "HEAD"}))
        if self.name:
            plain = self.name.removesuffix(PEELED)
            sort = heads if plain.startswith(HEADS) else tags if plain.startswith(TAGS) else frozenset()
            return Question(sort, frozenset({plain, plain + PEELED}))
        if self.tag:
            return Question(tags, frozenset({TAGS + self.tag, TAGS + self.tag + PEELED}))
        if self.semver:
            return Question(tags, frozenset({TAGS + "*"}))
        return Question(heads, frozenset({HEADS + (self.branch or DEFAULT_BRANCH)}))


@dataclass(frozen=True, slots=True)
class Question:
    """The refs that an ``ls-remote`` requests.

    ``sorts`` (``--heads``, ``--tags``) selects what the server lists, all refs when empty; ``patterns`` filters that
    list.
    """

    sorts: frozenset[str]
    patterns: frozenset[str]

    def union(self, other: Question) -> Question:
        """The question whose answer covers both."""
        sorts = self.sorts | other.sorts if self.sorts and other.sorts else frozenset[str]()
        return Question(sorts, self.patterns | other.patterns)

    def covers(self, other: Question) -> bool:
        """Whether the answer to this question covers the other."""
        listed = not self.sorts or (bool(other.sorts) and other.sorts <= self.sorts)
        return listed and other.patterns <= self.patterns


@dataclass(frozen=True, slots=True)
class Refs:
    """The refs of a remote: full ref name to object id, and the commits of annotated tags."""

    ids: Mapping[str, str]
    peeled: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, listing: bytes) -> Refs:
        """Parse the output of ``git ls-remote``; skips lines that are not refs."""
        ids: dict[str, str] = {}
        peeled: dict[str, str] = {}
        for line in listing.decode("utf-8", "surrogateescape").splitlines():
            object_id, tab, name = line.partition("\t")
            if not tab or not COMMIT_ID.fullmatch(object_id):
                continue
            if name.endswith(PEELED):
                peeled[name.removesuffix(PEELED)] = object_id
            else:
                ids[name] = object_id
        return cls(ids, peeled)

    def commit(self, name: str) -> str | None:
        """Return the commit of a ref, None when the ref does not exist."""
        return self.peeled.get(name) or self.ids.get(name)


@dataclass(frozen=True, slots=True)
class Resolved:
    """One commit of a remote and how it was found.

    ``ref`` is the full name of its ref, "" for a bare commit; with ``within_ref`` the commit is not the tip of ``ref``,
    and the fetch must find it in the history of ``ref``. ``tag_object`` is the id of the annotated tag, "" when there
    is none.
    """

    commit: str
    revision: str
    ref: str = ""
    tag_object: str = ""
    within_ref: bool = False


def revision_of(commit: str, pointer: str = "") -> str:
    """Return a revision: ``<pointer>@sha1:<commit>``, or ``sha1:<commit>`` without a pointer."""
    digest = f"{'sha1' if len(commit) == 40 else 'sha256'}:{commit}"
    return f"{pointer}@{digest}" if pointer else digest


def candidates(refs: Refs, reference: GitReference) -> list[Resolved]:
    """Return the commits that ``reference`` selects from ``refs``.

    One result, except for a range whose newest version has several tags with different commits (``1.2.0`` and
    ``v1.2.0``, or two builds of one version): the tag with the youngest commit takes precedence, but ``refs`` has no
    commit times. Raises :class:`RefInvalid`, or :class:`RefNotFound` naming what is missing.
    """
    reference.check()
    if reference.commit:
        return [_commit(refs, reference)]
    if reference.name:
        return [_name(refs, reference.name)]
    if reference.tag:
        name = TAGS + reference.tag
        if name not in refs.ids:
            raise RefNotFound(f'couldn\'t find remote ref "{name}"')
        return [_tag(refs, name)]
    if reference.semver:
        return _newest(refs, reference.semver)
    branch = reference.branch or DEFAULT_BRANCH
    commit = refs.ids.get(HEADS + branch)
    if commit is None:
        raise RefNotFound(f'couldn\'t find remote ref "{HEADS}{branch}"')
    return [Resolved(commit, revision_of(commit, branch), HEADS + branch)]


def _commit(refs: Refs, reference: GitReference) -> Resolved:
    commit = reference.commit.lower()
    if not reference.branch:
        return Resolved(commit, revision_of(commit, reference.name))
    tip = refs.ids.get(HEADS + reference.branch)
    if tip is None:
        raise RefNotFound(f'couldn\'t find remote ref "{HEADS}{reference.branch}"')
    pointer = reference.name or reference.branch
    return Resolved(commit, revision_of(commit, pointer), HEADS + reference.branch, within_ref=tip != commit)


def _name(refs: Refs, name: str) -> Resolved:
    plain = name.removesuffix(PEELED)
    commit = refs.commit(plain)
    if commit is None or (name != plain and plain not in refs.peeled):
        raise RefNotFound(f"unable to resolve ref '{name}' to a specific commit")
    tag_object = refs.ids.get(plain, "") if plain in refs.peeled else ""
    return Resolved(commit, revision_of(commit, name), plain, tag_object)


def _tag(refs: Refs, name: str) -> Resolved:
    commit = refs.commit(name) or ""
    tag_object = refs.ids[name] if name in refs.peeled else ""
    return Resolved(commit, revision_of(commit, name.removeprefix(TAGS)), name, tag_object)


def _newest(refs: Refs, text: str) -> list[Resolved]:
    wanted = VersionRange.parse(text)
    best: Version | None = None
    names: list[str] = []
    for name, version in _versions(refs.ids):
        if (best is not None and version < best) or not wanted.contains(version):
            continue
        if best is None or version > best:
            best, names = version, []
        names.append(name)
    if best is None:
        raise RefNotFound(f"no match found for semver: {text}")
    # Of several tags on one commit, the last name is chosen, so that the revision does not flap.
    by_commit = {found.commit: found for found in (_tag(refs, name) for name in sorted(names))}
    return list(by_commit.values())


def _versions(names: Iterable[str]) -> Iterable[tuple[str, Version]]:
    for name in names:
        if name.startswith(TAGS):
            version = Version.parse(name.removeprefix(TAGS))
            if version is not None:
                yield name, version


def check_ref_name(full: str, given: str) -> None:
    """Raise :class:`RefInvalid` unless ``full`` is a well-formed ref name that no command mistakes for an option."""
    if not full or full.startswith(("-", "/")) or full.endswith(("/", ".")) or _FORBIDDEN.search(full):
        raise RefInvalid(f"'{_shown(given)}' is not a valid reference name")


def _shown(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:100]
