"""``headgate build``: prints what ``kustomize build`` prints, in a fraction of the time.

The flags, their values and defaults are those of kustomize's command line.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from headgate.kustomize import BuildError, BuildOptions, GitUrl, Output, Tree
    from headgate.objects import Obj

# Refused for every caller: with these options, kustomize runs programs on behalf of a repository.
_REFUSED = {
    ("--enable-helm",): False,
    ("--helm-command",): True,
    ("--helm-api-versions",): True,
    ("--helm-kube-version",): True,
    ("--helm-debug",): False,
    ("--enable-alpha-plugins",): False,
    ("--enable-exec",): False,
    ("--enable-star",): False,
    ("--network",): False,
    ("--network-name",): True,
    ("--mount",): True,
    ("--env", "-e"): True,
    ("--as-current-user",): False,
}


def _refuse(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value not in (None, False, ()):
        what = "Helm charts are" if "helm" in option.opts[0] else "Plugins that run programs are"
        raise click.BadOptionUsage(option.opts[0], f"{option.opts[0]}: {what} not supported.", context)


def _refused(command: Any) -> Any:
    for names, takes_value in _REFUSED.items():
        command = click.option(
            *names,
            is_flag=not takes_value,
            multiple=takes_value,
            expose_value=False,
            hidden=True,
            callback=_refuse,
            help="Refused.",
        )(command)
    return command


@click.command(
    epilog="""Examples:

    \b
    # print the objects of an overlay
    headgate build apps/production
    \b
    # one file for each object
    mkdir -p out && headgate build apps/production -o out
    \b
    # an overlay in a repository elsewhere
    headgate build 'https://github.com/org/repo//apps/production?ref=v1'
    """
)
@click.argument("directory", metavar="[DIR]", default=".")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write to this file or into this existing directory.",
)
@click.option(
    "--load-restrictor",
    type=click.Choice(["LoadRestrictionsRootOnly", "LoadRestrictionsNone"]),
    default="LoadRestrictionsRootOnly",
    show_default=True,
    help="Whether kustomization files may refer to files outside their own directory.",
)
@click.option(
    "--reorder",
    type=click.Choice(["legacy", "none"]),
    default="legacy",
    show_default=True,
    help="legacy: sort the objects by kind; none: keep their order. sortOptions of the kustomization file win.",
)
@click.option(
    "--no-remote-bases", is_flag=True, help="Refuse remote bases, which kustomization files name by URL."
)
@_refused
def command(
    directory: str,
    output: Path | None,
    load_restrictor: str,
    reorder: Literal["legacy", "none"],
    no_remote_bases: bool,
) -> None:
    """Build the Kustomize overlay in DIR (default: the working directory) and print its objects as YAML.

    DIR may be the URL of a Git repository, with the directory in it after two slashes and ?ref=REVISION.
    """
    from headgate.kustomize import BuildError, BuildOptions, dump_all

    with ExitStack() as stack:
        stack.enter_context(_without_collector())
        options = BuildOptions(
            load_restrictor="none" if load_restrictor == "LoadRestrictionsNone" else "root-only",
            reorder=reorder,
            allow_remote=None if no_remote_bases else _RemoteBases(stack),
        )
        try:
            built = _build(directory, options)
            objects = built.objects
            for warning in built.warnings:
                click.echo(f"Warning: {_as_written(warning)}", err=True)
            if output is not None and output.is_dir():
                _write_files(output, objects)
                return
            text = dump_all(objects)
        except BuildError as error:
            raise click.ClickException(_message(error)) from None
        except OSError as error:
            raise click.ClickException(str(error)) from None
    try:
        if output is not None:
            output.write_text(text, encoding="utf-8", newline="")
        else:
            sys.stdout.buffer.write(text.encode())
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader has closed the pipe; prevent an error message when the interpreter exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _without_collector() -> Iterator[None]:
    """Disable the garbage collector: a build makes long-lived values and hardly any garbage, and the process ends."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _build(directory: str, options: BuildOptions) -> Output:
    from headgate.kustomize import FolderTree, Refused, assemble, parse_git_url

    url = None if os.path.isdir(directory) else parse_git_url(directory)
    if url is None:
        # The tree is the whole file system, because overlays refer to bases outside; the load restriction is
        # kustomize's.
        return assemble(FolderTree(Path("/")), os.path.abspath(directory), options)
    if options.allow_remote is None:
        raise Refused(f"{url.repository}: remote bases are not allowed here")
    return assemble(options.allow_remote.repository(url), url.path, options)


class _RemoteBases:
    """Remote bases, prepared when the first one is needed; leaving the stack deletes what was fetched."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._made: Any = None

    def _bases(self) -> Any:
        if self._made is None:
            import tempfile

            from headgate.git.bases.fetcher import RemoteBases

            folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-bases-"))
            self._made = RemoteBases(Path(folder), as_user=True)
            self._stack.callback(self._made.close)
        return self._made

    def repository(self, url: GitUrl) -> Tree:
        tree: Tree = self._bases().repository(url)
        return tree

    def file(self, url: str) -> bytes | None:
        content: bytes | None = self._bases().file(url)
        return content


def _message(error: BuildError) -> str:
    """Return the error's text with files as the user would write them: the tree contains the whole file system."""
    here = os.getcwd() + "/"
    for each in (error, *error.also):
        if each.file is not None and not each.file.startswith("/") and os.path.lexists("/" + each.file):
            each.file = ("/" + each.file).removeprefix(here)
    # Messages may name directories, too, such as those of a cycle.
    return _as_written(str(error))


def _as_written(text: str) -> str:
    """Return a text in which paths below the working directory are relative to it."""
    here = os.getcwd() + "/"
    return re.sub(rf"(?<![\w./-]){re.escape(here[1:])}", "", text) if here != "/" else text


def _write_files(directory: Path, objects: list[Obj]) -> None:
    """Write each object to a separate file, named as kustomize names them."""
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
