"""What the demo shows: rows from objects, and rows on a terminal or in a log."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from sandbox import fleet, observe
from sandbox.hints import hints
from sandbox.screen import Screen

COMMIT = "140aad1356258e1a522490403f5dec3e31b88a62"


def kustomization(name: str, *after: str, ready: tuple[str, str, str] | None = None) -> dict[str, Any]:
    status: dict[str, Any] = {"observedGeneration": 1}
    if ready:
        status["conditions"] = [
            {"type": "Reconciling", "status": "True", "reason": "Progressing", "message": "no"},
            {"type": "Ready", "status": ready[0], "reason": ready[1], "message": ready[2]},
        ]
    return {
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "flux-system", "generation": 1},
        "spec": {"dependsOn": [{"name": each} for each in after]},
        "status": status,
    }


@pytest.mark.parametrize(
    ("ready", "state"),
    [
        (None, observe.WAITING),
        (("Unknown", "Progressing", "Building"), observe.WORKING),
        (("True", "ReconciliationSucceeded", "Applied"), observe.READY),
        (("False", "BuildFailed", "no such file"), observe.FAILED),
        (("False", "DependencyNotReady", "dependency 'x' is not ready"), observe.WAITING),
    ],
)
def test_state_follows_the_ready_condition(ready: tuple[str, str, str] | None, state: str) -> None:
    assert observe.row(kustomization("a", ready=ready)).state == state


def test_a_row_tells_revision_objects_and_the_first_line_shortened() -> None:
    obj = kustomization("apps", "infrastructure", ready=("True", "X", f"Applied: 1.0.0@sha1:{COMMIT}\nmore"))
    obj["status"] |= {
        "lastAppliedRevision": f"1.0.0@sha1:{COMMIT}",
        "inventory": {"entries": [{"id": "a"}, {"id": "b"}]},
    }
    row = observe.row(obj)
    assert (row.revision, row.objects, row.after) == ("1.0.0@sha1:140aad1", 2, "infrastructure")
    assert row.message == "Applied: 1.0.0@sha1:140aad1"


def test_dependencies_come_first_and_a_cycle_does_not_hang() -> None:
    found = observe.rows([], [kustomization("a", "b"), kustomization("b", "c"), kustomization("c")])
    assert [each.name for each in found] == ["c", "b", "a"]
    circle = observe.rows([], [kustomization("a", "b"), kustomization("b", "a")])
    assert sorted(each.name for each in circle) == ["a", "b"]


def test_all_ready_wants_every_resource_that_was_applied() -> None:
    ready = observe.row(kustomization("a", ready=("True", "X", "")))
    assert observe.all_ready([ready, ready], 2)
    assert not observe.all_ready([ready], 2)
    assert not observe.all_ready([ready, observe.row(kustomization("b"))], 2)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rows() -> list[observe.Row]:
    return [observe.row(kustomization("apps", ready=("False", "BuildFailed", "x" * 200)))]


def test_a_terminals_table_is_redrawn_over_itself_and_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    screen = Screen(stream, width=lambda: 80)
    screen.table(rows(), 1.0, "footer")
    drawn = stream.getvalue()
    lines = re.sub(r"\x1b\[\d*[A-Zm]", "", drawn).splitlines()
    assert len(lines) == 4
    assert max(map(len, lines)) == 80
    assert lines[1].endswith("…")
    screen.table(rows(), 2.0, "footer")
    assert stream.getvalue().removeprefix(drawn).startswith("\x1b[4A")
    screen.keep()
    screen.say("below")
    assert stream.getvalue().endswith("below\x1b[0m\n") or stream.getvalue().endswith("below\n")


def test_no_color_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" not in "".join(Screen(Terminal(), width=lambda: 80).lines(rows()))


def test_a_log_has_one_line_for_each_change_uncut() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    for seconds in (1.0, 2.0, 3.0):
        screen.table(rows(), seconds)
    assert stream.getvalue() == f"   1.0s  Kustomization/apps: BuildFailed: {'x' * 200}\n"


def test_hints_quote_what_a_shell_would_split() -> None:
    shown = hints(Path("/a b/kubeconfig"), Path("/a b/work"), Path("/bin"))
    assert shlex.split(shown[0].commands[0])[1] == "KUBECONFIG=/a b/kubeconfig"
    assert shlex.split(shown[0].commands[1]) == ["cd", "/a b/work"]
    mac = hints(Path("k"), Path("w"), Path("b"), platform="darwin")
    assert mac[1].commands[0].startswith("sed -i '' ")


def test_after_the_story_headgate_promotes_without_it_git_does() -> None:
    def commands(*, promoted: bool) -> str:
        shown = hints(Path("k"), Path("w"), Path("b"), promoted=promoted)
        return "\n".join(command for hint in shown for command in hint.commands)

    assert "headgate promote production" in commands(promoted=True)
    assert "git tag" not in commands(promoted=True)
    assert "git tag 1.1.0" in commands(promoted=False)
    assert "headgate" not in commands(promoted=False)


def test_the_served_example_follows_its_own_address(tmp_path: Path) -> None:
    with fleet.served(tmp_path) as repository:
        for name in ("staging", "production"):
            text = (repository.work / f"clusters/{name}/flux-system.yaml").read_text()
            assert f"url: {repository.url}\n" in text
            assert f"  interval: {fleet.POLL}\n" in text
        assert repository.git("ls-remote", "origin", "refs/heads/main")
        (repository.work / "README.md").write_text("changed")
        repository.git("commit", "--all", "--message=A change")
        repository.git("push", "origin", "main")
        assert repository.git("rev-parse", "HEAD") in repository.git("ls-remote", "origin", "main")


def test_only_the_source_is_redirected() -> None:
    source = {
        "kind": "GitRepository",
        "spec": {"url": "https://example.com", "interval": "1m", "ref": {"a": 1}},
    }
    other = {"kind": "Namespace"}
    assert fleet.redirected([source, other], "http://127.0.0.1:1/x.git", "5s") == [
        {
            "kind": "GitRepository",
            "spec": {"url": "http://127.0.0.1:1/x.git", "interval": "5s", "ref": {"a": 1}},
        },
        other,
    ]
