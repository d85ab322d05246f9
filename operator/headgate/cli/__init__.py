"""The command line: parses arguments and prints; other packages do the work.

run, build, version, completion   the commands; ``run`` also has options, gates and logs
diff, compare                     what changes, and what differs; ``comparing`` has what they share
affected                          which Kustomizations a range of commits rebuilds
promote, approve, rollback        the commands that promote; ``promotions`` has what they share
environments                      what each environment runs
forges                            flags of the commands that speak to a forge
together                          options that several commands share
printing                          color, escapes, JSON and YAML, for all of these
status, why, tree                 the commands that read a cluster as their user; cluster has what they share
trace, where, wait, events        the same, about one object or commit; ``podlogs`` is the command logs
reconcile, suspend, resume        the commands that write to it; ``durations`` is their option --timeout

Each command has its own module, imported when the command runs, so that ``headgate --help`` and shell completion answer
at once.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from headgate import __version__

COMMANDS = {
    "run": ("headgate.cli.run", "Run the operator."),
    "build": ("headgate.cli.build", "Build a Kustomize overlay and print its objects."),
    "diff": ("headgate.cli.diff", "Show what a range of commits changes in each environment."),
    "compare": ("headgate.cli.compare", "Show what distinguishes two environments."),
    "affected": ("headgate.cli.affected", "List the Kustomizations that a range of commits rebuilds."),
    "promote": ("headgate.cli.promote", "Let an environment follow what the one before it runs healthy."),
    "approve": ("headgate.cli.approve", "Sign that the difference of a promotion is right."),
    "rollback": ("headgate.cli.rollback", "Let an environment run what was good before, at once."),
    "environments": ("headgate.cli.environments", "Show what each environment runs."),
    "status": ("headgate.cli.status", "Show how a fleet stands, on one screen."),
    "why": ("headgate.cli.why", "Explain why an object is not Ready, and what to do."),
    "tree": ("headgate.cli.tree", "Show sources, Kustomizations and their objects as a tree."),
    "trace": ("headgate.cli.trace", "Show where an object of the cluster comes from: commit and file."),
    "where": ("headgate.cli.where", "Show in which Kustomizations a commit is."),
    "wait": ("headgate.cli.wait", "Wait until objects are Ready at a revision."),
    "events": ("headgate.cli.events", "Print the events of sources and Kustomizations."),
    "logs": ("headgate.cli.podlogs", "Print the log of the operator about an object."),
    "reconcile": ("headgate.cli.reconcile", "Request a reconcile and wait for it."),
    "suspend": ("headgate.cli.suspend", "Suspend objects, with a reason."),
    "resume": ("headgate.cli.resume", "Resume suspended objects."),
    "version": ("headgate.cli.version", "Print the version."),
    "completion": ("headgate.cli.completion", "Print the completion script of a shell."),
}

ALIASES = {"envs": "environments"}


class LazyGroup(click.Group):
    """A group that imports its commands on demand, from the ``command`` of their modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Run 'headgate COMMAND --help' for a command's options and examples.",
)
@click.version_option(__version__, "-V", "--version", prog_name="headgate")
def main(**_: Any) -> None:
    """Headgate reconciles Flux GitRepository and Kustomization objects, event by event."""
