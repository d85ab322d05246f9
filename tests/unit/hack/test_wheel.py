"""The wheel has all that the status page needs: installed without an index, the page and its files answer."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA = re.compile(r"operator/headgate/.+\.(?!py$)[a-z]+$", re.IGNORECASE)

SERVED = """
import asyncio, sys
import aiohttp
import headgate
from headgate.page.access.gates import LocalGate
from headgate.page.app import PageParts, page_app
from headgate.page.documents import Documents
from headgate.page.html import assets
from headgate.page.knowledge import Board
from headgate.web.connections import ConnectionLimits
from headgate.web.server import WebServer

async def main():
    app = page_app(PageParts(Board(), LocalGate(), Documents()))
    limits = ConnectionLimits(connections=8, timeout=60, share=1)
    async with WebServer([("page", app, "127.0.0.1:0")], limits, grace=1) as server, aiohttp.ClientSession() as http:
        paths = ["/", "/graph", "/work", "/environments", "/help", "/none", "/status.json"]
        for path in [*paths, *(f"/assets/{name}" for name in assets())]:
            async with http.get(f"http://127.0.0.1:{server.port('page')}{path}") as answer:
                print(answer.status, path.partition("-")[0], len(await answer.read()) > 0)

print(headgate.__file__)
asyncio.run(main())
"""


def tracked() -> list[str]:
    """The files of the project, by path."""
    listed = subprocess.run(
        ["git", "ls-files", "operator", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return listed.stdout.splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, built from a copy, because a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in tracked():
        copy = folder / "checkout" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    uv(
        "build",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "--out-dir",
        folder,
        folder / "checkout",
    )
    return next(folder.glob("*.whl"))


def uv(*arguments: str | Path) -> None:
    """Run uv without a network."""
    command = [sys.executable, "-m", "uv", "--offline", "--no-cache", "--quiet", *map(str, arguments)]
    subprocess.run(command, check=True)


def test_the_wheel_has_each_file_that_is_no_code(wheel: Path) -> None:
    data = {name.removeprefix("operator/") for name in tracked() if DATA.fullmatch(name)}
    assert {"headgate/page/html/static/page.js", "headgate/page/html/templates/document.html"} <= data
    assert data <= {*ZipFile(wheel).namelist()}


def test_the_page_of_an_installed_wheel_answers_with_all_its_files(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "new", with_pip=False)
    python = tmp_path / "new" / "bin" / "python"
    uv("pip", "install", "--no-index", "--no-deps", "--python", python, wheel)
    packages = next((tmp_path / "new" / "lib").glob("python*/site-packages"))
    # Only the dependencies: a path that comes this way does not bring the editable install of the checkout.
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    answered = subprocess.run(
        [python, "-I", "-c", SERVED], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    where, *found = answered.stdout.splitlines()
    assert Path(where).is_relative_to(packages)
    assert found == [
        *(f"200 {path} True" for path in ("/", "/graph", "/work", "/environments", "/help")),
        "404 /none True",
        "200 /status.json True",
        *(f"200 /assets/{stem} True" for stem in ("page", "idiomorph", "page", "icon")),
    ]
