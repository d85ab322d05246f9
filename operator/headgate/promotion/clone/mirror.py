"""A bare, temporary copy of the remote, in which a promotion is computed and its objects are made.

What the remote has now decides, not what the user's clone remembers: old branches, tags that were never pushed, and
missing history of shallow or partial clones play no part, and no ref of the clone changes. The copy uses the objects of
the clone where it can, so that little is transferred. It reads the clone's configuration, so that remotes, credentials
and signing keys are the user's.

    with mirror(clone) as copy:                # a Clone
        tag = make_tag(copy, "1.4.0", copy.resolve("main"), "Promote …")
        push(copy, [RefUpdate("refs/tags/1.4.0", tag)])
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headgate.git.refs.reference import HEADS
from headgate.promotion.clone.clone import Clone, usual_branch
from headgate.promotion.clone.command import decoded, last_line
from headgate.promotion.errors import CloneError

__all__ = ["mirror", "update"]

REMOTE_TIMEOUT = 600.0
KINDS = ("refs/heads/", "refs/tags/", "refs/headgate/")


@contextmanager
def mirror(clone: Clone) -> Iterator[Clone]:
    """Copy the remote of a clone; raises :class:`CloneError`."""
    clone.check_remote()
    with tempfile.TemporaryDirectory(prefix="headgate-promotion-") as folder:
        path = Path(folder, "mirror.git")
        form = clone.git.text("rev-parse", "--show-object-format")
        options = ["--quiet", "--bare", "--template=", f"--object-format={form}", "--initial-branch=main"]
        made = clone.git.local("init", *options, str(path), git_dir=path)
        if made.status:
            raise clone.git.failed("init", made)
        _configure(path, clone)
        with Clone(path, path, None, remote=clone.remote, is_mirror=True) as copy:
            update(copy)
            yield copy


def update(copy: Clone) -> None:
    """Fetch what the remote has now; raises :class:`CloneError`."""
    listed = copy.git.as_user("ls-remote", "--symref", "--end-of-options", copy.remote, "HEAD", f"{HEADS}*")
    if listed.status:
        raise CloneError(f"the remote '{copy.remote}' cannot be read: {last_line(listed.messages)}")
    branch = _default_branch(decoded(listed.output), copy.remote)
    options = ["--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--no-filter", "--refmap="]
    refs = [f"+{kind}*:{kind}*" for kind in KINDS]
    fetched = copy.git.as_user(
        "fetch", *options, "--end-of-options", copy.remote, *refs, timeout=REMOTE_TIMEOUT
    )
    if fetched.status:
        raise CloneError(f"the remote '{copy.remote}' cannot be fetched: {last_line(fetched.messages)}")
    copy.git.read("symbolic-ref", "HEAD", HEADS + branch)
    copy.refresh()
    if HEADS + branch not in copy.refs().ids:
        raise CloneError(f"the remote '{copy.remote}' has no branch '{branch}' yet")


def _configure(path: Path, clone: Clone) -> None:
    config = path / "config"
    # The clone's own settings come first, so that those of the copy win.
    quoted = str(clone.common_dir / "config").replace("\\", "\\\\").replace('"', '\\"')
    ours = f'[include]\n\tpath = "{quoted}"\n{config.read_text()}'
    if re.fullmatch(r"[\w.-]+", clone.remote):
        # Everything is fetched, and a push moves the named refs only, whatever the clone is for.
        ours += f'[remote "{clone.remote}"]\n\tpromisor = false\n\tmirror = false\n'
    config.write_text(ours)
    if not clone.is_shallow and not clone.is_partial:
        alternates = path / "objects" / "info" / "alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{clone.common_dir / 'objects'}\n")


def _default_branch(listing: str, remote: str) -> str:
    """What HEAD leads to; of a server that does not say it, ``main``, ``master``, or the only branch."""
    head = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", listing, re.MULTILINE)
    if head:
        return head[1]
    names = [line.partition(f"\t{HEADS}")[2] for line in listing.splitlines()]
    branches = [name for name in names if name]
    if branch := usual_branch(branches):
        return branch
    if not branches:
        raise CloneError(f"the remote '{remote}' has no branch yet")
    raise CloneError(f"the remote '{remote}' does not say which branch is its default")
