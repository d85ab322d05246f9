"""Pull requests of promotions: the branch is pushed first, then the forge's API opens or updates the pull request.

Without a token for the API, the right to push does: GitLab opens merge requests by push options, Gitea and Forgejo by a
push to ``refs/for/``; for GitHub, the user gets the address of a page that opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headgate.promotion.clone import RefUpdate
from headgate.promotion.clone.pushing import push
from headgate.promotion.errors import ForgeError
from headgate.promotion.forges.pushing import by_push
from headgate.promotion.forges.repository import ForgeChoice, ForgeKind, Repository
from headgate.promotion.plans.execute import PullRequestWish
from headgate.promotion.plans.world import World

if TYPE_CHECKING:
    from headgate.promotion.forges.client import ForgeClient

__all__ = ["PullRequests"]

Body = Callable[[PullRequestWish, int], str]
"""The body of a pull request within a number of characters."""


@dataclass(frozen=True, slots=True)
class PullRequests:
    """Opens the pull requests of one repository."""

    choice: ForgeChoice
    environment: Mapping[str, str]
    """The environment variables of the process."""
    body: Body

    def __call__(self, world: World, wish: PullRequestWish) -> Sequence[str]:
        """Push the branch, unless an earlier run did, and open or update the pull request.

        Raises :class:`headgate.promotion.errors.PushRefused`, or :class:`ForgeError` if only the branch was pushed.
        """
        from headgate.promotion.forges.opening import locate

        urls = world.clone.remote_urls()
        try:
            repository = locate(urls[0] if urls else "", self.choice, self.environment)
        except ForgeError as error:
            self._push(world, wish)
            return [
                f"pushed the branch '{wish.branch}'; open a pull request from it to '{wish.base}'",
                f"no forge was found to do that: {error}",
            ]
        forge = self._forge(repository)
        if forge is None:
            return self._by_push(world, wish, repository)
        self._push(world, wish)
        with forge as client:
            found = client.open_pull_request(
                wish.branch, wish.base, wish.title, self.body(wish, client.max_body)
            )
        return [f"pull request: {found.url}"]

    def _forge(self, repository: Repository) -> ForgeClient | None:
        from headgate.promotion.forges.opening import open_forge

        try:
            return open_forge(repository, self.choice, self.environment)
        except ForgeError:
            # Nobody gave a token: the right to push may be enough.
            if self.choice.token_file is not None:
                raise
            return None

    @staticmethod
    def _push(world: World, wish: PullRequestWish, options: Sequence[str] = ()) -> str:
        if wish.commit == wish.expected and not options:
            return ""
        update = RefUpdate(f"refs/heads/{wish.branch}", wish.commit, wish.expected, rewrite=True)
        return push(world.clone, [update], options=options)

    def _by_push(self, world: World, wish: PullRequestWish, repository: Repository) -> Sequence[str]:
        wanted = by_push(
            repository, wish.commit, wish.branch, wish.base, wish.title, self.body(wish, MAX_BODY)
        )
        if repository.kind is ForgeKind.GITEA:
            ref = wanted.refspec.partition(":")[2]
            said = push(world.clone, [RefUpdate(ref, wish.commit)], options=wanted.options)
            return [f"pushed to {ref}: {said or 'the server opened or updated the pull request'}"]
        said = self._push(world, wish, wanted.options)
        lines = [f"pushed the branch '{wish.branch}'" + (f": {said}" if said else "")]
        return [*lines, f"open the pull request: {wanted.url}"] if wanted.url else lines


MAX_BODY = 20_000
"""Characters of a body that a push option carries."""
