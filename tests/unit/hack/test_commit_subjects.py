"""Subjects of commits have 72 characters at most, in Git's hook and over a range."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import commit_subjects

FITS = "x" * 72
TOO_LONG = "x" * 73


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("Add a thing\n\nBecause.\n", "Add a thing"),
        ("\n\nAdd a thing\n", "Add a thing"),
        ("# Please enter the message\nAdd a thing\n# On branch main\n", "Add a thing"),
        ("Add a thing\nin two lines\n\nBecause.\n", "Add a thing in two lines"),
        ("# only comments\n", ""),
        ("", ""),
    ],
)
def test_the_subject_is_what_git_takes_for_it(message: str, wanted: str) -> None:
    assert commit_subjects.subject(message) == wanted


@pytest.mark.parametrize("subject", ["Add a thing", FITS, f"fixup! {FITS}", f"fixup! squash! {FITS}"])
def test_a_subject_that_fits(subject: str) -> None:
    assert commit_subjects.problem(subject) is None


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        (TOO_LONG, "73 characters"),
        (f"fixup! {TOO_LONG}", "73 characters"),
        ("", "empty"),
        ("ü" * 73, "73 characters"),
    ],
)
def test_a_subject_that_does_not_fit_is_refused_with_its_length(subject: str, said: str) -> None:
    problem = commit_subjects.problem(subject)
    assert problem is not None
    assert said in problem


@pytest.mark.parametrize(("subject", "status"), [(FITS, 0), (TOO_LONG, 1)])
def test_the_hook_reads_the_message_from_a_file(
    subject: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "COMMIT_EDITMSG"
    file.write_text(f"{subject}\n\n{TOO_LONG} is fine in the body\n")
    assert commit_subjects.main([str(file)]) == status
    assert (TOO_LONG in capsys.readouterr().err) is bool(status)


def test_a_range_is_checked_commit_by_commit_without_merges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    git("commit", "--allow-empty", "--message", f"{TOO_LONG} before the range")
    git("tag", "base")
    git("checkout", "--quiet", "-b", "topic")
    git("commit", "--allow-empty", "--message", FITS)
    git("checkout", "--quiet", "main")
    git("merge", "--quiet", "--no-ff", "--message", f"Merge {TOO_LONG}", "topic")
    monkeypatch.chdir(tmp_path)
    assert commit_subjects.main(["--range", "base..HEAD"]) == 0
    git("commit", "--allow-empty", "--message", TOO_LONG)
    assert commit_subjects.main(["--range", "base..HEAD"]) == 1
    assert capsys.readouterr().err.startswith(git("rev-parse", "--short", "HEAD"))
    assert commit_subjects.main(["--range", "nowhere..HEAD"]) == 2
