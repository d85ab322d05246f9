"""``headgate build``: prints what ``kustomize build`` prints, in a fraction of the time.

The flags, their values and defaults are those of kustomize's command line.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from headgate.kustomize import BuildError
    from headgate.kustomize.resource import Obj


@click.command(
    epilog="""Examples:

    \b
    # print the objects of an overlay
    headgate build apps/production
    \b
    # one file for each object
    mkdir -p out && headgate build apps/production -o out
    """
)
@click.argument("directory", metavar="[DIR]", default=".")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write to this file or existing directory."
)
@click.option(
    "--load-restrictor",
    type=click.Choice(["LoadRestrictionsRootOnly", "LoadRestrictionsNone"]),
    default="LoadRestrictionsRootOnly",
    show_default=True,
    help="Whether kustomizations may read files outside their own directory.",
)
@click.option(
    "--reorder",
    type=click.Choice(["legacy", "none"]),
    default="legacy",
    show_default=True,
    help="Sort the objects by kind, or keep their order; sortOptions in the kustomization file win.",
)
def command(
    directory: str, output: Path | None, load_restrictor: str, reorder: Literal["legacy", "none"]
) -> None:
    """Build the Kustomize overlay in DIR (default: the working directory) and print its objects as YAML."""
    from headgate.kustomize import BuildError, BuildOptions, FolderTree, build, dump_all

    options = BuildOptions(
        load_restrictor="none" if load_restrictor == "LoadRestrictionsNone" else "root-only", reorder=reorder
    )
    # The tree is the whole file system, as overlays refer to bases beside them; the restriction is kustomize's.
    try:
        objects = build(FolderTree(Path("/")), os.path.abspath(directory), options)
    except BuildError as error:
        raise click.ClickException(_message(error)) from None
    if output is not None and output.is_dir():
        _write_files(output, objects)
        return
    text = dump_all(objects)
    if output is not None:
        output.write_text(text, encoding="utf-8", newline="")
    else:
        sys.stdout.buffer.write(text.encode())


def _message(error: BuildError) -> str:
    """Return the error's text with its file as the user would write it."""
    if error.file is not None and not error.file.startswith("/"):
        place = "/" + error.file
        if os.path.lexists(place):
            error.file = os.path.relpath(place) if place.startswith(os.getcwd() + "/") else place
    return str(error)


def _write_files(directory: Path, objects: list[Obj]) -> None:
    """Write each object to a file of its own, named as kustomize names them."""
    from headgate.kustomize import dump
    from headgate.kustomize.schema import Schema

    schema = Schema.builtin()
    placed = []
    for obj in objects:
        api_version, kind = obj.get("apiVersion", ""), obj["kind"]
        cluster_scoped = schema.is_namespaced(api_version, kind) is False
        namespace = "" if cluster_scoped else obj["metadata"].get("namespace") or "default"
        parts = [part for part in (*api_version.rpartition("/")[::2], kind) if part]
        placed.append((namespace, f"{'_'.join(parts)}_{obj['metadata'].get('name', '')}.yaml".lower(), obj))
    several = len({namespace for namespace, _, _ in placed if namespace}) > 1
    for namespace, name, obj in placed:
        file = f"{namespace.lower()}_{name}" if several and namespace else name
        (directory / file.replace("/", "_")).write_text(dump(obj), encoding="utf-8", newline="")
