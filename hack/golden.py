#!/usr/bin/env python3
"""Replays recorded traces of Flux's controllers against Headgate and compares: make golden.

    hack/golden.py                       # all scenarios of ../shared/golden and tests/golden
    hack/golden.py --golden DIR drift    # that of one name, also in tests/golden

The folder holds the harness (trace.py), scenarios/*.yaml and golden/*.json. Where there is none, this says so and
ends with success. Otherwise the last line is the harness's own, and the status too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests.support, whose Git server this shares

from controlplane import ClusterError, start  # noqa: E402
from sandbox import operator  # noqa: E402
from tests.support.gitserver import GitHttpServer  # noqa: E402

DEFAULT = ROOT.parent / "shared" / "golden"
OWN = ROOT / "tests" / "golden"
"""Scenarios of the project's own, and what Flux's controllers made of them."""
OPTIONS = ("--requeue-dependency=2s", "--concurrent=8")
"""Those that Flux had when it was recorded."""


def main() -> int:
    """Bring everything up, record, compare; the harness's status."""
    parser = argparse.ArgumentParser(
        prog="hack/golden.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--golden", type=Path, default=DEFAULT, metavar="DIR", help="(../shared/golden)")
    parser.add_argument("--jobs", type=int, default=5, help="scenarios at a time (%(default)s)")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave the recordings and the operator's log here"
    )
    parser.add_argument("scenario", nargs="*", help="names of scenarios (all)")
    options = parser.parse_args()
    harness: Path = options.golden.resolve() / "trace.py"
    if not harness.is_file():
        print(f"skipped: {options.golden} has no recorded traces")
        return 0
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    try:
        with tempfile.TemporaryDirectory(prefix="headgate-golden-") as folder:
            return _replay(harness, options.scenario, options.jobs, Path(folder), options.keep)
    except (ClusterError, operator.OperatorFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _replay(harness: Path, names: list[str], jobs: int, folder: Path, keep: Path | None) -> int:
    wanted, recorded = folder / "golden", folder / "recorded"
    wanted.mkdir()
    scenarios: list[Path] = []
    for home in (harness.parent, OWN):
        for trace in sorted((home / "golden").glob("*.json")):
            if not names or trace.stem in names:
                shutil.copy(trace, wanted)
                scenarios.append(home / "scenarios" / f"{trace.stem}.yaml")
    if not scenarios or len(scenarios) < len(names):
        raise ClusterError(f"no such scenario among {', '.join(names)}")
    repositories = folder / "git"
    repositories.mkdir()
    with (
        GitHttpServer(repositories) as server,
        start("golden") as cluster,
    ):
        kubectl = ["kubectl", f"--kubeconfig={cluster.kubeconfig}"]
        subprocess.run(
            [*kubectl, "apply", "--server-side", "-k", ROOT / "crds"], check=True, capture_output=True
        )
        subprocess.run(
            [*kubectl, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"],
            check=True,
            capture_output=True,
        )
        with operator.running(cluster.kubeconfig, folder, OPTIONS):
            _harness(
                harness,
                "record",
                f"--kubeconfig={cluster.kubeconfig}",
                f"--gitroot={repositories}",
                f"--giturl={server.url('')}",
                f"--out={recorded}",
                f"--jobs={jobs}",
                *map(str, scenarios),
            )
    if keep is not None:
        shutil.copytree(recorded, keep / "recorded", dirs_exist_ok=True)
        shutil.copy(folder / "operator.log", keep)
    return _harness(harness, "compare", str(wanted), str(recorded))


def _harness(harness: Path, *arguments: str) -> int:
    # Not through a shell or an import: it is somebody else's program, and a read-only folder gets no bytecode.
    return subprocess.run([sys.executable, "-B", str(harness), *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
