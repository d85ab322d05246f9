"""What to try in a second terminal once everything is Ready: commands that can be pasted as they are."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to try."""

    title: str
    commands: tuple[str, ...]
    see: str = ""
    """What then happens."""


def hints(
    kubeconfig: Path, work: Path, programs: Path, platform: str = sys.platform, *, promoted: bool = False
) -> list[Hint]:
    """The tour: look, promote, break, roll back, drift. ``programs`` is the folder that has kubectl and headgate.

    ``promoted``: staging has its own cluster, and the story of a promotion has been played.
    """
    sed = "sed -i ''" if platform == "darwin" else "sed -i"
    promotion = _with_headgate(sed) if promoted else _with_git(sed)
    return [
        Hint(
            "In another terminal",
            (
                f"export KUBECONFIG={shlex.quote(str(kubeconfig))} PATH={shlex.quote(str(programs))}:$PATH",
                f"cd {shlex.quote(str(work))}",
                "kubectl get gitrepositories,kustomizations --all-namespaces",
                "kubectl --namespace flux-system describe kustomization apps",
            ),
        ),
        *promotion,
        Hint(
            "Change what Git says otherwise",
            (
                "kubectl --namespace production delete deployment my-app",
                "kubectl --namespace production get deployments --watch",
            ),
            "it is there again at once",
        ),
    ]


def _with_headgate(sed: str) -> list[Hint]:
    return [
        Hint(
            "Promote your own change, and roll it back",
            (
                "headgate environments",
                f"{sed} 's/replicas: .*/replicas: 7/' apps/production/my-app-patch.yaml",
                "git commit --all --message='Seven replicas'; headgate diff; git push origin main",
                "kubectl --context staging --namespace flux-system wait kustomizations --all --timeout=120s "
                "--for=jsonpath='{.status.lastAppliedRevision}'=main@sha1:$(git rev-parse HEAD)",
                "headgate promote production",
                "headgate rollback production",
            ),
            "my-app has seven replicas, then five again; docs/guide/promotion.md tells the rest",
        )
    ]


def _with_git(sed: str) -> list[Hint]:
    return [
        Hint(
            "Promote: a commit on main goes to staging only, its tag to production",
            (
                f"{sed} 's/podinfo:.*/podinfo:6.8.0/' apps/base/my-app/deployment.yaml",
                "git commit --all --message='podinfo 6.8.0' && git push origin main",
                "git tag 1.1.0 && git push origin 1.1.0",
            ),
            "the source and both Kustomizations move to 1.1.0",
        ),
        Hint(
            "Break it",
            (
                f"{sed} 's/replicas: .*/replicas: many/' apps/production/my-app-patch.yaml",
                "git commit --all --message='Many replicas' && git push origin main",
                "git tag 1.2.0 && git push origin 1.2.0",
            ),
            "apps says what is wrong with which object, and nothing of it was applied: my-app runs on",
        ),
        Hint(
            "Roll back",
            (
                "git revert --no-edit HEAD && git push origin main",
                "git tag 1.2.1 && git push origin 1.2.1",
            ),
            "Ready again, with 1.2.1",
        ),
    ]
