"""Who may promote: the people whose signatures make a version, a record or a rollback count.

An ``allowed_signers`` file on the default branch names them. Whoever may push can give any commit a version, and any
commit any message; without a signature of theirs, neither decides anything.
"""

from __future__ import annotations

from headgate.git.verify.signature import SignatureInvalid, split_commit, split_tag, tag_header
from headgate.git.verify.signers import signer_of
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import DEFAULT_PROMOTERS
from headgate.promotion.errors import CloneError

__all__ = ["Promoters"]

MAX_OBJECT = 256 * 1024
"""Bytes of a signed tag or commit."""


class Promoters:
    """The people of one policy; answers are kept."""

    def __init__(self, clone: Clone, path: str = "") -> None:
        """``path`` as the policy names it; empty: the usual file, if there is one. Raises :class:`CloneError`."""
        branch = clone.default_branch()
        self.path = path or DEFAULT_PROMOTERS
        self._clone, self._allowed = clone, clone.file(clone.tip(branch), self.path)
        if path and self._allowed is None:
            raise CloneError(f"promoters: '{path}' does not exist on the branch '{branch}'")
        self._known: dict[str, tuple[str, str]] = {}

    @property
    def are_named(self) -> bool:
        """Whether the policy says who may promote."""
        return self._allowed is not None

    def of_tag(self, name: str, identity: str, commit: str) -> tuple[str, str]:
        """Return which of them signed a tag for this commit, or why it counts for nobody; one of the two is empty."""
        return self._asked(f"{identity} {name} {commit}", identity, "tag", name, commit)

    def of_commit(self, commit: str) -> tuple[str, str]:
        """Return which of them signed a commit, or why it counts for nobody; one of the two is empty."""
        return self._asked(commit, commit, "commit", "", "")

    def _asked(self, key: str, identity: str, kind: str, name: str, commit: str) -> tuple[str, str]:
        if key not in self._known:
            try:
                self._known[key] = self._signer(identity, kind, name, commit), ""
            except (SignatureInvalid, CloneError) as error:
                self._known[key] = "", str(error)
        return self._known[key]

    def _signer(self, identity: str, kind: str, name: str, commit: str) -> str:
        git = self._clone.git
        if self._allowed is None:
            raise SignatureInvalid(
                f"there is no {self.path} on the default branch, which names who may promote"
            )
        if git.text("cat-file", "-t", identity) != kind:
            raise SignatureInvalid("it is not signed")
        content = git.read("cat-file", kind, identity, max_output=MAX_OBJECT)
        if kind == "tag":
            # An old signature for another name or commit proves nothing.
            if tag_header(content, b"tag") != name or tag_header(content, b"object") != commit:
                raise SignatureInvalid("its signature is for another tag or commit")
            signed = split_tag(content)
        else:
            signed = split_commit(content, sha256=len(identity) == 64)
        try:
            return signer_of(signed, self._allowed).principal
        except SignatureInvalid as error:
            raise SignatureInvalid(f"nobody in {self.path} has signed it: {error}") from None
