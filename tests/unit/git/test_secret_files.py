"""Secrets as files: readable by path while needed, gone after."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from headgate.git.command.secretfiles import SecretFiles


def test_another_process_can_read_it_by_path_until_the_end() -> None:
    with SecretFiles() as files:
        path = files.add(b"s3cret")
        assert subprocess.run(["cat", path], capture_output=True, check=True).stdout == b"s3cret"
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert not os.path.exists(path)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory files are of Linux")
def test_on_linux_it_is_on_no_disk() -> None:
    with SecretFiles() as files:
        assert os.readlink(files.add(b"s3cret")).startswith("/memfd:")


def test_elsewhere_it_is_a_private_file_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    with SecretFiles() as files:
        path = Path(files.add(b"s3cret"))
        assert path.read_bytes() == b"s3cret"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()


def test_a_program_can_be_run_and_goes() -> None:
    with SecretFiles() as files:
        path = files.add_program("#!/bin/sh\necho ran\n")
        assert subprocess.run([path], capture_output=True, check=True).stdout == b"ran\n"
    assert not os.path.exists(path)
