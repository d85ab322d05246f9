"""Approvals of a plan: signed commits on refs of the remote that name the digest of the rendered difference.

``refs/headgate/approvals/<environment>/<digest>/<key>`` points at a commit without parents and with an empty tree,
whose message names environment, digest and the commit that the difference starts from. Only the signed commit counts,
never the name of the ref: whoever can push can create any ref, but nobody else's signature. People also sign commits
whose message is somebody else's, when they rebase, pick or merge them; such a commit has parents or files, and approves
nothing.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import tempfile
from collections.abc import Iterable, Sequence

from headgate.git.verify.signature import SignatureInvalid, split_commit
from headgate.git.verify.signers import signer_of
from headgate.promotion.clone import Clone, RefUpdate
from headgate.promotion.clone.making import make_commit
from headgate.promotion.clone.pushing import push
from headgate.promotion.config.model import Approvals
from headgate.promotion.errors import CloneError
from headgate.promotion.guards import Approval
from headgate.promotion.plans.model import Edit
from headgate.promotion.plans.trailers import (
    APPROVED_BASE,
    APPROVED_DIGEST,
    APPROVED_ENVIRONMENT,
    message,
    trailers_of,
)

__all__ = ["approve", "approved_base", "given_approvals"]

PREFIX = "refs/headgate/approvals/"
MAX_APPROVALS = 50
"""Approvals of one digest that are verified."""
MAX_COMMIT = 64 * 1024
"""Bytes of a commit that approves."""

_EMAIL = re.compile(rb"^committer [^<\n]*<([^<>\n]*)>", re.MULTILINE)


def approved_base(clone: Clone, base: str, edits: Sequence[Edit]) -> str:
    """Return the commit to which approvals are bound: each promotion and each rollback makes it another one.

    It is what the target follows, ``base``; for a pull request, the newest commit of the default branch that changed a
    file that it edits. Other commits of the branch keep approvals, and a pin may return to an earlier commit.
    """
    if not edits:
        return base
    files = sorted({each.file for each in edits})
    arguments = ("--first-parent", "--max-count=1", "--end-of-options", clone.tip(clone.default_branch()))
    pathspecs = (f":(top,literal){each}" for each in files)
    return clone.git.text("rev-list", *arguments, "--", *pathspecs).strip() or base


def approve(clone: Clone, environment: str, digest: str, candidate: str, base: str) -> str:
    """Sign an approval as the user, push it, and return the name of its ref; ``base``: :func:`approved_base`."""
    text = message(
        f"Approve {candidate[:12]} for {environment}",
        [],
        [(APPROVED_ENVIRONMENT, environment), (APPROVED_DIGEST, digest), (APPROVED_BASE, base)],
    )
    empty = _empty_tree(clone)
    commit = make_commit(clone, empty, [], text, sign=True)
    signed = split_commit(clone.git.read("cat-file", "commit", commit), sha256=len(commit) == 64)
    key = hashlib.sha256(signed.signature if signed.kind != "ssh" else _public(signed.signature)).hexdigest()[
        :16
    ]
    ref = f"{_folder(environment, digest)}{key}"
    push(clone, [RefUpdate(ref, commit, clone.refs().ids.get(ref, ""), rewrite=True)])
    return ref


def given_approvals(
    clone: Clone, environment: str, digest: str, base: str, policy: Approvals, people: Iterable[str] = ()
) -> tuple[Approval, ...]:
    """Return the approvals of a difference, each with the reason why it does not count, if it does not.

    The ``allowed_signers`` file is that of the default branch. ``people`` are the e-mail addresses of those who wrote
    the commits and who promote: with ``notAuthor``, theirs do not count.
    """
    refs = sorted(name for name in clone.refs().ids if name.startswith(_folder(environment, digest)))
    if not refs:
        return ()
    branch = clone.default_branch()
    allowed = clone.file(clone.tip(branch), policy.signers)
    if allowed is None:
        raise CloneError(f"approvals.signers: '{policy.signers}' does not exist on the branch '{branch}'")
    excluded = {each.casefold() for each in people} if policy.not_author else set()
    return tuple(
        _verified(clone, clone.refs().ids[ref], environment, digest, base, allowed, excluded)
        for ref in refs[:MAX_APPROVALS]
    )


def _verified(
    clone: Clone, commit: str, environment: str, digest: str, base: str, allowed: bytes, excluded: set[str]
) -> Approval:
    size = clone.git.local("cat-file", "-s", commit).output.decode().strip()
    kind = clone.git.local("cat-file", "-t", commit).output.decode().strip()
    if kind != "commit" or not size.isdecimal() or int(size) > MAX_COMMIT:
        return Approval("", commit[:12], "it is not a commit that approves")
    content = clone.git.read("cat-file", "commit", commit)
    signed = split_commit(content, sha256=len(commit) == 64)
    # The payload is what was signed; a header that a signature does not cover plays no part.
    headers, _, text = signed.payload.decode("utf-8", "replace").partition("\n\n")
    claimed = _EMAIL.search(headers.encode())
    try:
        signer = signer_of(signed, allowed, claimed[1].decode() if claimed else "")
    except SignatureInvalid as error:
        return Approval("", commit[:12], str(error))
    if headers.splitlines()[:1] != [f"tree {_empty_tree(clone)}"] or re.search(
        r"^parent ", headers, re.MULTILINE
    ):
        problem = "it is a commit of the repository, whose message others may have written"
        return Approval(signer.principal, signer.fingerprint, problem)
    said = trailers_of(text)
    if said.get(APPROVED_ENVIRONMENT) != environment or said.get(APPROVED_DIGEST) != digest:
        return Approval(signer.principal, signer.fingerprint, "it approves something else")
    if said.get(APPROVED_BASE) != base:
        problem = "it was given before the last promotion or rollback: approve again"
        return Approval(signer.principal, signer.fingerprint, problem)
    for person in excluded:
        if any(
            fnmatch.fnmatchcase(person, each.casefold()) for each in (signer.principal, *signer.principals)
        ):
            problem = "wrote or committed a promoted commit, or promotes it"
            return Approval(signer.principal, signer.fingerprint, problem)
    return Approval(signer.principal, signer.fingerprint)


def _empty_tree(clone: Clone) -> str:
    with tempfile.TemporaryDirectory(prefix="headgate-") as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        return clone.git.local("write-tree", environment=index).output.decode().strip()


def _folder(environment: str, digest: str) -> str:
    return f"{PREFIX}{environment}/{digest.removeprefix('sha256:')}/"


def _public(signature: bytes) -> bytes:
    """The public key in an SSH signature (PROTOCOL.sshsig): after the magic and the version, a string."""
    import base64

    body = base64.b64decode(b"".join(signature.splitlines()[1:-1]))
    length = int.from_bytes(body[10:14], "big")
    return body[14 : 14 + length]
