"""``status``, ``why`` and ``tree``: arguments, text without terminal commands, exit status without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from headgate.cli import main
from headgate.cli.cluster.names import parsed
from headgate.cli.cluster.options import ClusterOptions
from headgate.cli.cluster.output import Cell, Rows, Text, plain, rich_text
from headgate.cli.cluster.wording import status_blocks, tree_blocks, why_blocks
from headgate.cli.printing import colored, structured
from headgate.insight import Fleet, chain_of, explain
from headgate.insight.as_json import status_document, tree_document, why_document
from headgate.insight.tree import tree_of
from tests.unit.insight.objects import BUILD_FAILED, READY, condition, ks, repo, waits_for

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202e[bold red]x[/]\r\nnext"


def options(namespace: str | None = "shop") -> ClusterOptions:
    return ClusterOptions(None, None, namespace, False, "text")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def hostile_fleet() -> Fleet:
    needs = ks("b", waits_for("a"))
    needs["spec"]["dependsOn"] = [{"name": f"x{HOSTILE}"}]
    failed = condition("Ready", "False", f"Build{HOSTILE}", f"apps/a.yaml:1: {HOSTILE}")
    suspended = ks("c", READY, suspend=True)
    suspended["metadata"]["annotations"] = {"headgate.dev/suspend-reason": HOSTILE}
    return Fleet.of([repo(), ks("a", failed), needs, suspended], unread={"Bucket": HOSTILE})


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("apps", "Kustomization/shop/apps"),
        ("ks/apps", "Kustomization/shop/apps"),
        ("kustomizations.kustomize.toolkit.fluxcd.io/apps", "Kustomization/shop/apps"),
        ("Kustomization/other/apps", "Kustomization/other/apps"),
        ("git/repo", "GitRepository/shop/repo"),
        ("OCIRepository/x", "OCIRepository/shop/x"),
        ("bucket/x", "Bucket/shop/x"),
    ],
)
def test_an_argument_names_an_object(text: str, ref: str) -> None:
    given = options(None) if text.count("/") == 2 else options()
    assert str(parsed(text, given)) == ref


@pytest.mark.parametrize("text", ["deployment/web", "ks/", "/apps", "ks/a/b/c", "ks/other/apps", ""])
def test_an_argument_that_names_nothing_is_invalid_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parsed(text, options())


@pytest.mark.parametrize("command", ["status", "why", "tree"])
def test_no_access_is_an_error_and_wrong_usage_is_another(command: str, tmp_path: Path) -> None:
    missing = run(command, "--kubeconfig", str(tmp_path / "none"))
    assert (missing.exit_code, missing.stdout) == (3, "")
    assert "none" in missing.stderr
    assert run(command, "-n", "a", "-A").exit_code == 2
    assert run(command, "-o", "xml").exit_code == 2
    config = tmp_path / "config"
    config.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    unreachable = run(command, "--kubeconfig", str(config))
    assert (unreachable.exit_code, unreachable.stdout) == (3, "")
    unknown = run(command, "--kubeconfig", str(config), "--context", "nobody")
    assert unknown.exit_code == 3
    assert "nobody" in unknown.stderr


def test_hostile_texts_command_no_terminal() -> None:
    from rich.console import Console

    fleet = hostile_fleet()
    report = explain(fleet)
    blocks = [
        *status_blocks(report, report.verdicts, everything=True),
        *status_blocks(report, report.verdicts, everything=False),
        *tree_blocks(tree_of(fleet, report), report.notes),
    ]
    for verdict in report.verdicts:
        blocks += why_blocks(report.causes, report.notes, verdict, chain_of(fleet, report, verdict.ref))
    console = Console(width=100, force_terminal=False, no_color=True)
    with console.capture() as captured:
        console.print(rich_text(blocks, 100))
    for text in (plain(blocks), captured.get()):
        assert not {c for c in text if c != "\n" and not c.isprintable()}
        assert "[bold red]x[/]" in text
        assert "\\x1b" in text


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_documents_are_ascii_and_come_back_as_they_were(output: str) -> None:
    fleet = hostile_fleet()
    report = explain(fleet)
    for document in (
        status_document(report),
        why_document(report.causes, report.notes, report.verdicts[0], ()),
        tree_document(tree_of(fleet, report), report.notes),
    ):
        text = structured(output, document)
        assert text.isascii()
        assert all(c == "\n" or c.isprintable() for c in text)
        assert (json.loads(text) if output == "json" else yaml.safe_load(text)) == document


@pytest.mark.parametrize(
    ("terminal", "variables", "color"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_color_is_for_terminals_whose_user_wants_it(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, variables: dict[str, str], color: bool
) -> None:
    for name, value in {"NO_COLOR": "", "TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert colored() is color


def test_columns_are_aligned_and_lines_have_no_blanks_at_the_end() -> None:
    rows = Rows([[Cell("a"), Cell("b")], [Cell("long"), Cell("")]], 2)
    assert plain([Text(Cell("x")), rows]) == "x\n  a     b\n  long\n"


@pytest.mark.parametrize("width", [30, 80, 110, 200])
def test_a_terminal_of_any_width_shows_states_and_names_whole(width: int) -> None:
    from rich.console import Console

    rows = Rows([[Cell("blocked"), Cell("Kustomization/shop/a-name"), Cell("x " * 100)]], 2)
    console = Console(width=width)
    with console.capture() as captured:
        console.print(rich_text([rows], width))
    line, *more = captured.get().splitlines()
    assert line.startswith("  blocked  ")
    if width >= 80:
        assert "Kustomization/shop/a-name" in line
        assert line.rstrip().endswith("…")
        assert more == []


def test_the_screen_has_a_limit() -> None:
    broken = [ks(f"k{n}", BUILD_FAILED) for n in range(500)]
    report = explain(Fleet.of([repo(), *broken]))
    lines = plain(status_blocks(report, report.verdicts, everything=False)).splitlines()
    assert len(lines) < 40
    assert any("and 480 more objects" in line for line in lines)


@pytest.mark.parametrize("command", ["status", "why", "tree"])
def test_help_has_examples_and_imports_no_client(command: str) -> None:
    code = (
        "import sys; from headgate.cli import main\n"
        f"try: main([{command!r}, '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('aiohttp', 'kubernetes', 'rich', 'kopf', 'headgate.insight') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Exit status: 0" in done.stdout
    assert done.stdout.endswith("[]\n")
