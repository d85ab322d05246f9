"""Flags of the commands that speak to a forge. Imports no client: a command that posts nothing needs none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.together import together

if TYPE_CHECKING:
    from headgate.promotion.forges.repository import ForgeChoice

__all__ = ["choice", "forge_options", "pull_request_option"]

forge_options = together(
    click.option(
        "--forge",
        type=click.Choice(["github", "gitlab", "gitea"]),
        help="Which software the forge runs, if its host name does not say it; use gitea for Forgejo, too.",
    ),
    click.option(
        "--forge-url",
        metavar="URL",
        default="",
        help="Address of the forge's web pages, if it is not https:// and the host of the remote.",
    ),
    click.option(
        "--forge-repository",
        metavar="OWNER/NAME",
        default="",
        help="The repository at the forge, if it is not that of the remote.",
    ),
    click.option(
        "--forge-token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the token from this file instead of HEADGATE_FORGE_TOKEN or the variables of the forge.",
    ),
)
pull_request_option = click.option(
    "--pull-request",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="The pull request to comment on, if the command does not run in a CI job of one.",
)


def choice(
    forge: str | None, forge_url: str, forge_repository: str, forge_token_file: Path | None
) -> ForgeChoice:
    """Return the values of the flags for :mod:`headgate.promotion.forges`."""
    from headgate.promotion.forges.repository import ForgeChoice, ForgeKind

    return ForgeChoice(ForgeKind(forge) if forge else None, forge_url, forge_repository, forge_token_file)
