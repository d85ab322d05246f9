"""The command line of :mod:`release`."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from release import __doc__ as description
from release import changelog, version
from release.errors import ReleaseError

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Parse, do, print; 1 with a line for each thing that is wrong."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return status


def _prepare(options: argparse.Namespace) -> int:
    version.prepare(ROOT, options.version, datetime.now(UTC).date())
    return 0


def _check(options: argparse.Namespace) -> int:
    wrong = version.problems(ROOT, options.tag)
    for each in wrong:
        print(f"error: {each}", file=sys.stderr)
    return 1 if wrong else 0


def _notes(_: argparse.Namespace) -> int:
    text = (ROOT / version.CHANGELOG).read_text(encoding="utf-8")
    print(changelog.section(text, version.current(ROOT)))
    return 0


def _manifests(options: argparse.Namespace) -> int:
    # Needs PyYAML and Headgate itself, which the other commands do without.
    from release import manifests

    for path in manifests.render(ROOT, options.target, options.image, version.current(ROOT), options.digest):
        print(path)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="release", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    prepare = commands.add_parser("prepare", help="set the version and date the changelog")
    prepare.add_argument("version", metavar="VERSION")
    prepare.set_defaults(run=_prepare)
    check = commands.add_parser("check", help="check that a tag fits the files")
    check.add_argument("tag", metavar="TAG")
    check.set_defaults(run=_check)
    commands.add_parser("notes", help="print the changelog of this version").set_defaults(run=_notes)
    manifests = commands.add_parser("manifests", help="render what users install")
    manifests.add_argument("target", type=Path, metavar="DIR")
    manifests.add_argument("--image", default="headgate", help="the image's name (%(default)s)")
    manifests.add_argument("--digest", default="", help="the image's digest, sha256:...")
    manifests.set_defaults(run=_manifests)
    return parser


if __name__ == "__main__":
    sys.exit(main())
