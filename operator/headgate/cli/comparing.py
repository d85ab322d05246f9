"""What the commands about ranges and environments share: options for the clone and its builds, errors, output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.printing import colored, until_closed, visible_lines
from headgate.cli.together import together

if TYPE_CHECKING:
    from headgate.promotion.clone import Clone
    from headgate.promotion.config.model import Environments
    from headgate.promotion.fleet import Fleet, FleetOptions

__all__ = [
    "EXIT_CHANGES",
    "EXIT_ERROR",
    "build_options",
    "by_environment",
    "clone_options",
    "environment_option",
    "evidence_options",
    "fleet_of",
    "fleet_options",
    "is_this_repository",
    "refused_as_errors",
    "repository_options",
    "show",
]

EXIT_CHANGES = 1
EXIT_USAGE = 2
EXIT_ERROR = 3
_MAX_VARIABLES = 1 << 20
"""Bytes of a file of variables."""

repository_options = together(
    click.option(
        "--repository",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("."),
        help="The clone; default: the one that holds the working directory.",
    ),
    click.option("--remote", default="origin", show_default=True, help="The remote whose branches count."),
    click.option("--default-branch", metavar="NAME", help="Default: as the clone says."),
    click.option(
        "--source-url",
        "source_urls",
        metavar="URL",
        multiple=True,
        help="Another URL of this repository in GitRepositories; may be repeated.",
    ),
)
"""Where the clone is, and which of its remotes, branches and URLs count."""
build_options = together(
    click.option(
        "--vars",
        "variables",
        type=click.Path(dir_okay=False, path_type=Path),
        multiple=True,
        help="YAML file with values of postBuild variables that are not in Git; may be repeated.",
    ),
    click.option(
        "--age-key",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File with identities of age, to decrypt SOPS files.",
    ),
    click.option(
        "--remote-bases", is_flag=True, help="Fetch what kustomizations name by URL: needs the network."
    ),
)
"""How the clone is built; a command passes them to :func:`fleet_options`."""
clone_options = together(repository_options, build_options)
"""Both; a command passes them to :func:`fleet_of` as a mapping."""
evidence_options = together(
    click.option("--unsigned-reports", is_flag=True, help="Let reports without a signature count."),
    click.option(
        "--commit-statuses",
        is_flag=True,
        help="Ask the forge for the commit statuses that Flux writes, of environments without a report.",
    ),
    click.option(
        "--provider",
        "providers",
        metavar="ENV=ID",
        multiple=True,
        help="The id of an environment's Provider in its commit statuses: kustomization/NAME/ID; may be repeated.",
    ),
)
"""What counts as evidence."""
environment_option = click.option(
    "--env",
    "names",
    metavar="NAME",
    multiple=True,
    help="Only this environment, or a cluster folder as NAME=FOLDER[,REF=VALUE]; may be repeated.",
)


def by_environment(given: Sequence[str], option: str, form: str) -> dict[str, str]:
    """Return the values of an option by environment; raises :class:`click.BadParameter` for one of another form."""
    found: dict[str, str] = {}
    for each in given:
        environment, equals, value = each.partition("=")
        if not (environment and equals and value):
            raise click.BadParameter(f"'{each}' is not of the form {form}", param_hint=option)
        found[environment] = value
    return found


def is_this_repository(clone: Clone, source_urls: Sequence[str]) -> Callable[[str], bool]:
    """Return what says whether a URL is that of the clone's repository; ``source_urls``: further ones of it."""
    from headgate.promotion.clone.urls import repository_key

    ours = {repository_key(url) for url in (*clone.remote_urls(), *source_urls)} - {""}
    return lambda url: repository_key(url) in ours


def fleet_of(
    stack: ExitStack, options: Mapping[str, Any], flags: Sequence[str] = ()
) -> tuple[Fleet, Environments]:
    """Open the clone, and return its fleet and environments; the stack closes them.

    ``flags`` may describe further environments, as ``NAME=FOLDER``.
    """
    from headgate.promotion.clone import Clone
    from headgate.promotion.fleet import Fleet
    from headgate.promotion.fleet.environments import load_environments

    clone = stack.enter_context(Clone.open(options["repository"], remote=options["remote"]))
    fleet = stack.enter_context(Fleet(clone, fleet_options(stack, options)))
    return fleet, load_environments(clone, fleet.state(), flags, fleet.results)


def fleet_options(stack: ExitStack, options: Mapping[str, Any]) -> FleetOptions:
    """Return how the clone is built; the stack closes what this opens. Raises :class:`click.BadParameter`."""
    from headgate.promotion.fleet import FleetOptions

    return FleetOptions(
        default_branch=options.get("default_branch") or "",
        source_urls=tuple(options["source_urls"]),
        variables=_variables(options["variables"]),
        age_key=_age_key(options["age_key"]) if options["age_key"] else None,
        remote_bases=_remote_bases(stack) if options["remote_bases"] else None,
    )


def _age_key(file: Path) -> bytes:
    """The content of a file with identities of age; the message of an invalid one quotes none of it."""
    from headgate.postbuild.sops.age import AgeIdentities
    from headgate.postbuild.sops.errors import KeyCredentialsInvalid

    content, identities = _read(file, "--age-key"), AgeIdentities()
    try:
        identities.add(content.decode("utf-8", "replace"))
    except KeyCredentialsInvalid as error:
        raise click.BadParameter(f"{file} {error.message}", param_hint="--age-key") from None
    if not identities:
        raise click.BadParameter(f"{file} has no age identity (AGE-SECRET-KEY-1…)", param_hint="--age-key")
    return content


def _remote_bases(stack: ExitStack) -> Any:
    import tempfile

    from headgate.git.bases.fetcher import RemoteBases

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-bases-"))
    bases = RemoteBases(Path(folder), as_user=True)
    stack.callback(bases.close)
    return bases


def _variables(files: tuple[Path, ...]) -> dict[str, str]:
    """The variables of all files; of one that several have, the last value counts."""
    from headgate.documents.plainyaml import NotPlain, load

    found: dict[str, str] = {}
    for file in files:
        try:
            content = load(_read(file, "--vars"))
        except NotPlain as error:
            raise click.BadParameter(f"{file}: {error}", param_hint="--vars") from None
        if not isinstance(content, dict):
            raise click.BadParameter(f"{file} is not a mapping of names to values", param_hint="--vars")
        for name, value in content.items():
            if not isinstance(value, str | int | float):
                # The value may be a secret.
                raise click.BadParameter(f"{file}: the value of '{name}' is not a text", param_hint="--vars")
            found[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _read(file: Path, option: str) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_VARIABLES + 1)
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint=option) from None
    if len(content) > _MAX_VARIABLES:
        raise click.BadParameter(f"{file} is larger than {_MAX_VARIABLES} bytes", param_hint=option)
    return content


@contextmanager
def refused_as_errors() -> Iterator[None]:
    """Print the errors of a promotion as messages, and end with their exit status."""
    from headgate.documents.errors import BuildError
    from headgate.promotion.errors import OptionInvalid, PromotionError

    try:
        yield
    except (PromotionError, BuildError) as error:
        click.echo(f"Error: {visible_lines(str(error))}", err=True)
        sys.exit(EXIT_USAGE if isinstance(error, OptionInvalid) else EXIT_ERROR)


def show(render: Callable[[bool], str]) -> None:
    """Print a text: with color and a pager on a terminal, plain elsewhere and with ``NO_COLOR``.

    ``render`` returns the text, with color or without.
    """
    color = colored()
    if sys.stdout.isatty() and sys.stdin.isatty():
        # A text that fits stays on the screen, as with Git.
        os.environ.setdefault("LESS", "FRX")
        click.echo_via_pager(render(color), color=color)
        return
    with until_closed():
        click.echo(render(color), nl=False, color=color)
