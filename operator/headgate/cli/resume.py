"""``headgate resume``: ends what ``headgate suspend`` began."""

from __future__ import annotations

from collections.abc import Sequence

import click

from headgate.cli.cluster.names import complete
from headgate.cli.cluster.options import ClusterOptions, cluster_options
from headgate.cli.suspend import change


@click.command(
    epilog="""Example:

    \b
    headgate resume ks/apps && headgate wait ks/apps

    Exit status: 0 done, 2 invalid usage, 3 an error, or no such object.
    """
)
@click.argument("names", metavar="KIND/NAME...", nargs=-1, required=True, shell_complete=complete)
@cluster_options
def command(cluster: ClusterOptions, names: Sequence[str]) -> None:
    """Resume suspended Kustomizations or sources, and remove the reason."""
    change(cluster, names, None, None)
