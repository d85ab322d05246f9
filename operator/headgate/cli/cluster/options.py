"""Options that all commands for clusters have, their exit status, and errors as messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.printing import output_option
from headgate.cli.together import together

if TYPE_CHECKING:
    from headgate.kube import Client

__all__ = [
    "EXIT_ERROR",
    "EXIT_NOT_READY",
    "FORMATS",
    "ClusterOptions",
    "CommandFailed",
    "cluster_options",
    "connected",
    "reported",
]

EXIT_NOT_READY, EXIT_ERROR = 1, 3
"""Exit status besides 0 (as it should be) and 2 (invalid usage, from Click)."""
FORMATS = ("text", "json", "yaml", "name")
FALLBACK_NAMESPACE = "flux-system"
"""As for ``flux``, if the kubeconfig names none."""


class CommandFailed(click.ClickException):
    """The command could not find out: no access, no answer, or no such object."""

    exit_code = EXIT_ERROR


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Which cluster, which objects, and in which form they are printed."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None
    """None for that of the kubeconfig."""
    all_namespaces: bool
    output: str

    def shown_namespace(self) -> str | None:
        """The namespace of the objects to show; None for all."""
        return None if self.all_namespaces else self.own_namespace()

    def own_namespace(self) -> str:
        """The namespace of names without one."""
        from headgate.kube.access import namespace_of

        return self.namespace or namespace_of(self.kubeconfig, self.context) or FALLBACK_NAMESPACE


_options = together(
    click.option(
        "--kubeconfig",
        type=click.Path(dir_okay=False),
        help="Kubeconfig file. Default: KUBECONFIG, otherwise ~/.kube/config.",
    ),
    click.option(
        "--context", metavar="NAME", help="Context of the kubeconfig. Default: its current context."
    ),
    click.option(
        "-n", "--namespace", metavar="NAME", help="Namespace. Default: that of the context, or flux-system."
    ),
    click.option("-A", "--all-namespaces", is_flag=True, help="Objects of all namespaces."),
    output_option(*FORMATS),
)


def cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as its argument ``cluster``."""

    def with_cluster(
        *,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        all_namespaces: bool,
        output: str,
        **others: Any,
    ) -> Any:
        if namespace is not None and all_namespaces:
            raise click.UsageError("--namespace and --all-namespaces exclude each other")
        return command(
            cluster=ClusterOptions(kubeconfig, context, namespace, all_namespaces, output), **others
        )

    with_cluster.__doc__ = command.__doc__
    wrapped: Callable[..., Any] = with_cluster
    wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    return _options(wrapped)


@contextmanager
def reported() -> Iterator[None]:
    """Turn what can go wrong with a cluster into :class:`CommandFailed`."""
    from headgate.kube import AccessFailed, ApiError
    from headgate.visible import visible

    try:
        yield
    except AccessFailed as error:
        raise CommandFailed(visible(str(error))) from None
    except ApiError as error:
        raise CommandFailed(visible(error.message)) from None
    except TimeoutError:
        raise CommandFailed("the API server did not answer in time") from None


async def connected(options: ClusterOptions) -> Client:
    """Return a client with the rights of the user. Raises :class:`headgate.kube.AccessFailed`."""
    from headgate.kube import Client

    return await Client.connect(options.kubeconfig, options.context)
