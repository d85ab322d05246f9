#!/usr/bin/env python3
"""Starts a Kubernetes cluster to try Headgate on, and stops it again.

    hack/cluster.py up                      # a given kubeconfig, else kind, else a local control plane
    export KUBECONFIG=$(hack/cluster.py kubeconfig)
    hack/cluster.py down

The demo, the tests and the benchmarks start their own clusters with the same code (hack/controlplane).
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from controlplane import ClusterError, all_clusters, binaries, choice
from controlplane.progress import Progress
from controlplane.state import DEFAULT_NAME


def main() -> int:
    """Parse, do, and print one clear line when it fails."""
    options = _parser().parse_args()
    progress = Progress()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        status: int = options.run(options, progress)
    except ClusterError as error:
        progress.say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        progress.say("interrupted")
        return 130
    return status


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _up(options: argparse.Namespace, progress: Progress) -> int:
    cluster = choice.up(
        options.name,
        provider=options.provider,
        kubeconfig=options.kubeconfig,
        progress=progress,
        timeout=options.wait,
    )
    print(f"{cluster.name}: Kubernetes {cluster.version} ({cluster.provider})")
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    return 0


def _down(options: argparse.Namespace, progress: Progress) -> int:
    names = [folder.name for folder in all_clusters()] if options.all else [options.name]
    names += (
        [] if options.all else [folder.name for folder in choice.orphans() if folder.name != options.name]
    )
    for name in names:
        print(f"{name}: {'stopped' if choice.down(name, progress) else 'not running'}")
    return 0


def _status(_: argparse.Namespace, __: Progress) -> int:
    folders = all_clusters()
    if not folders:
        print("no clusters; hack/cluster.py up starts one")
    for folder in folders:
        state, cluster = folder.state(), folder.cluster()
        if cluster is not None:
            print(
                f"{cluster.name}: up, Kubernetes {cluster.version} ({cluster.provider}), {cluster.kubeconfig}"
            )
        elif state is not None:
            phase = state.phase if state.supervisor is None or state.supervisor.is_running() else "ended"
            print(
                f"{folder.name}: {phase} ({state.provider}), logs in {folder.logs} {state.message}".rstrip()
            )
        else:
            print(f"{folder.name}: remains of a cluster in {folder.path}")
    return 0


def _kubeconfig(options: argparse.Namespace, progress: Progress) -> int:
    cluster = choice.find(options.name)
    if cluster is None:
        progress.say(f"{options.name}: not up")
        return 1
    print(cluster.kubeconfig)
    return 0


def _build(_: argparse.Namespace, progress: Progress) -> int:
    for component, path in binaries.ensure(progress).items():
        print(f"{component}: {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hack/cluster.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--name", default=DEFAULT_NAME, help="which cluster (default: %(default)s)")

    up = commands.add_parser("up", parents=[named], help="start a cluster, or find it running")
    up.add_argument(
        "--provider", choices=choice.PROVIDERS, default="", help="default: kind if it can, else local"
    )
    up.add_argument("--kubeconfig", type=Path, help="use this cluster instead of starting one")
    up.add_argument(
        "--wait",
        type=float,
        default=choice.TIMEOUT,
        metavar="SECONDS",
        help="until it is ready (%(default)s)",
    )
    up.set_defaults(run=_up)

    down = commands.add_parser(
        "down", parents=[named], help="stop a cluster, and clear up what killed runs left"
    )
    down.add_argument("--all", action="store_true", help="stop every cluster of this checkout")
    down.set_defaults(run=_down)

    commands.add_parser("status", help="list clusters").set_defaults(run=_status)
    kubeconfig = commands.add_parser("kubeconfig", parents=[named], help="print a cluster's kubeconfig path")
    kubeconfig.set_defaults(run=_kubeconfig)
    commands.add_parser("build", help="only build the control plane's binaries").set_defaults(run=_build)
    return parser


if __name__ == "__main__":
    sys.exit(main())
