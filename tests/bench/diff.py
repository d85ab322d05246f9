"""Times ``headgate diff``, ``compare`` and ``environments`` on many Kustomizations, against a plain build of the same.

    python tests/bench/diff.py                              # 300 Kustomizations of 10 objects
    python tests/bench/diff.py --kustomizations 1000 --runs 5

Each command is a new interpreter, start and imports included; the repository is packed, as a clone is. "all" changes
every Kustomization between the two revisions, "one" a single one, "none" only the README: first the loading part alone,
then the whole command. The floor is one build of every directory in one process, without Git. Ratios are to the floor,
within a run; medians are printed. On a machine that does other work as well, the seconds of the processor, those of Git
included, say more.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.fleets import (
    Fleet,
    config_map,
    deployment,
    git_repository,
    kustomization,
    overlay,
    service,
)

_FLOOR = """
import sys
from pathlib import Path
from headgate.documents.tree import FolderTree
from headgate.reconcile.kustomization.build.builds import BuildRules, build_objects
tree, rules, count = FolderTree(Path(sys.argv[1])), BuildRules(), 0
for name in sorted(tree.list("apps")):
    count += len(build_objects(tree, {"path": f"apps/{name}/production"}, rules=rules).objects)
print(count, "objects built", end="")
"""
_PAIR = """
import sys
from pathlib import Path
from headgate.promotion.clone import Clone
from headgate.promotion.config.model import Environment
from headgate.promotion.fleet import Fleet
with Clone.open(Path(sys.argv[1])) as clone, Fleet(clone) as fleet:
    state = fleet.state()
    states = [state.with_branch("main", clone.resolve(revision)) for revision in sys.argv[2:4]]
    before, after = fleet.render_pair(Environment("production", "clusters/production"), *states)
    skipped = sum(each.skipped for each in after.kustomizations)
    print(f"{fleet.builds} builds, {skipped} skipped, {len(after.problems)} problems", end="")
"""

_COMMAND = """
import sys
from headgate.cli import main
try:
    main([sys.argv[2], "--repository", sys.argv[1], *sys.argv[3:]], standalone_mode=False)
except SystemExit as error:
    # 3: of environments, nobody says what runs.
    sys.exit(0 if error.code in (0, 1, 3) else error.code)
"""


def files(kustomizations: int, objects: int) -> dict[str, str]:
    """A production environment in which each Kustomization has a base with this many objects."""
    made = {
        "README.md": "x\n",
        "clusters/production/flux-system.yaml": git_repository({"branch": "main"}),
    }
    for i in range(kustomizations):
        app, base = f"app-{i}", f"apps/app-{i}/base"
        made[f"clusters/production/{app}.yaml"] = kustomization(app, f"./apps/{app}/production")
        listed = {"deployment.yaml": deployment(app), "service.yaml": service(app)}
        listed |= {f"config-{j}.yaml": config_map(f"{app}-{j}", {"key": "value"}) for j in range(objects - 2)}
        made |= {f"{base}/{name}": text for name, text in listed.items()}
        made[f"{base}/kustomization.yaml"] = overlay(list(listed))
        made[f"apps/{app}/production/kustomization.yaml"] = overlay(
            ["../base"], namespace=app, replicas=[{"name": app, "count": 3}]
        )
    return made


def timed(code: str, *arguments: str) -> tuple[float, float, str]:
    """Seconds of a new interpreter that runs ``code``, those of the processor, and what it prints."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu, finished.stdout


def main() -> None:
    """Print medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kustomizations", type=int, default=300)
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--runs", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        fleet = Fleet(Path(folder), files(chosen.kustomizations, chosen.objects))
        base = fleet.first
        none = fleet.commit({"README.md": "y\n"})
        one = fleet.commit({"apps/app-7/base/deployment.yaml": deployment("app-7", "new:2")})
        changed = {
            f"apps/app-{i}/base/service.yaml": service(f"app-{i}", 8080) for i in range(chosen.kustomizations)
        }
        everything = fleet.commit(changed)
        revisions = {"none": (base, none), "one": (none, one), "all": (base, everything)}
        fleet.git("repack", "-adq")
        seconds: dict[str, list[tuple[float, float]]] = {}
        notes: dict[str, str] = {}
        work = str(fleet.work)
        commands = {
            "floor": (_FLOOR, work),
            **{name: (_PAIR, work, *pair) for name, pair in revisions.items()},
            **{
                f"diff {name}": (_COMMAND, work, "diff", "--base", pair[0], "--head", pair[1])
                for name, pair in revisions.items()
            },
            "compare": (_COMMAND, work, "compare", "production", "production"),
            "envs": (_COMMAND, work, "environments", "--no-fetch"),
        }
        for _ in range(chosen.runs):
            for name, command in commands.items():
                wall, cpu, notes[name] = timed(*command)
                seconds.setdefault(name, []).append((wall, cpu))
        notes = {name: text.strip().partition("\n")[0] for name, text in notes.items()}
        print(f"{chosen.kustomizations} Kustomizations of {chosen.objects} objects, {chosen.runs} runs")
        for name, found in seconds.items():
            wall, cpu = (statistics.median(each) for each in zip(*found, strict=True))
            ratio = statistics.median(e[1] / f[1] for e, f in zip(found, seconds["floor"], strict=True))
            print(f"{name:10} {wall:6.2f} s, CPU {cpu:5.2f} s = {ratio:4.2f} of the floor; {notes[name]}")


if __name__ == "__main__":
    main()
