"""The report of an environment: what is written is read again, and nothing else is accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from headgate.api import ObjectKey
from headgate.api.gitrepository import GitRepositoryRef
from headgate.api.report import MAX_BYTES, EnvironmentReport, ReportInvalid, decode, encode, valid_environment
from headgate.api.running import RunningSource
from tests.support.evidence import NOW, ago, commit, running

SOURCE = RunningSource(
    ObjectKey("flux-system", "fleet"),
    GitRepositoryRef(semver=">=1.0.0"),
    f"1.3.0@sha1:{commit(1)}",
    ready=True,
    held="release freeze",
)
REPORT = EnvironmentReport(
    "staging",
    observed=NOW,
    begun=ago(90),
    sources=(SOURCE,),
    kustomizations=(
        running("apps"),
        running("chart", source=None, commit="", attempted=""),
        running("infra", ready=False, since=None, digest_since=None, reason="HealthCheckFailed"),
    ),
)


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(REPORT))
    return found


def test_what_is_written_is_read_again() -> None:
    assert decode(encode(REPORT)) == REPORT
    assert encode(decode(encode(REPORT))) == encode(REPORT)


def test_the_times_of_observation_alone_say_nothing_new() -> None:
    later = replace(REPORT, observed=NOW + timedelta(minutes=4), begun=NOW)
    assert later.says_the_same(REPORT)
    changed = (running("apps", number=2), *REPORT.kustomizations[1:])
    assert not replace(later, kustomizations=changed).says_the_same(REPORT)


def test_fields_of_later_versions_are_ignored() -> None:
    changed = document() | {"added": 1}
    changed["kustomizations"][0]["added"] = {"deep": [1]}
    assert decode(json.dumps(changed).encode()) == REPORT


def test_messages_and_strange_texts_do_not_get_out() -> None:
    """A condition's message may name what only the cluster's readers may know; a reason may be anything."""
    odd = running("apps", message="the password is hunter2", reason="a\nb\x1b[31m" + "x" * 5000)
    written = encode(replace(REPORT, kustomizations=(odd,)))
    assert b"hunter2" not in written
    assert decode(written).kustomizations[0].reason.startswith("a b [31mxxx")


Change = Callable[[dict[str, Any]], object]
REFUSED: list[tuple[str, Change]] = [
    ("schemaVersion", lambda d: d.update(schemaVersion=2)),
    ("schemaVersion", lambda d: d.update(schemaVersion=True)),
    ("schemaVersion", lambda d: d.pop("schemaVersion")),
    ("environment", lambda d: d.update(environment="../main")),
    ("environment", lambda d: d.update(environment="")),
    ("environment", lambda d: d.update(environment=["staging"])),
    ("observed is required", lambda d: d.pop("observed")),
    ("observed is not a time", lambda d: d.update(observed="tomorrow")),
    ("observed is not a time", lambda d: d.update(observed="2026-13-41T00:00:00Z")),
    ("observed is not a time", lambda d: d.update(observed=1e9)),
    ("begun is later", lambda d: d.update(begun="2030-01-01T00:00:00Z")),
    ("sources is not a list", lambda d: d.update(sources={})),
    ("kustomizations is not a list", lambda d: d.pop("kustomizations")),
    (r"kustomizations\[0\] is not an object", lambda d: d.update(kustomizations=[1])),
    (r"kustomizations has more than", lambda d: d.update(kustomizations=[{}] * 10_001)),
    (r"kustomizations\[0\]\.name", lambda d: d["kustomizations"][0].pop("name")),
    (r"kustomizations\[0\]\.name", lambda d: d["kustomizations"][0].update(name="x" * 2000)),
    (r"kustomizations\[0\]\.name", lambda d: d["kustomizations"][0].update(name="\x1b[2J")),
    (r"kustomizations\[0\]\.ready", lambda d: d["kustomizations"][0].update(ready="yes")),
    (r"kustomizations\[0\]\.commit", lambda d: d["kustomizations"][0].update(commit="--upload-pack=x")),
    (r"kustomizations\[0\]\.attempted", lambda d: d["kustomizations"][0].update(attempted="HEAD")),
    (r"kustomizations\[0\]\.since", lambda d: d["kustomizations"][0].update(since="2026")),
    (r"kustomizations\[0\]\.source", lambda d: d["kustomizations"][0].update(source="fleet")),
    ("later than observed", lambda d: d["kustomizations"][0].update(digestSince="2030-01-01T00:00:00Z")),
    ("listed twice", lambda d: d["kustomizations"].append(d["kustomizations"][0])),
    (r"sources\[0\]\.ref is not an object", lambda d: d["sources"][0].update(ref=[1])),
    (r"sources\[0\]\.branch", lambda d: d["sources"][0].update(ref={"branch": 1})),
]


@pytest.mark.parametrize(("message", "change"), REFUSED)
def test_what_is_not_a_report_is_refused(message: str, change: Change) -> None:
    changed = document()
    change(changed)
    with pytest.raises(ReportInvalid, match=message):
        decode(json.dumps(changed).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'"schemaVersion"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"x" * (MAX_BYTES + 1),
        b'{"schemaVersion": NaN}',
    ],
    ids=range(10),
)
def test_content_of_any_kind_is_refused(content: bytes) -> None:
    with pytest.raises(ReportInvalid):
        decode(content)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("staging", True),
        ("eu-west-1.production", True),
        ("7", True),
        ("x" * 63, True),
        ("x" * 64, False),
        ("", False),
        ("Staging", False),
        ("a/b", False),
        ("-a", False),
        ("a-", False),
        (".a", False),
        ("a..b", False),
        ("a.lock", False),
        ("a b", False),
        ("a\n", False),
        ("ä", False),
    ],
)
def test_names_of_environments(name: str, valid: bool) -> None:
    assert valid_environment(name) is valid
