"""``headgate.yaml``: what it may say, and that every fault names file, line and field."""

from __future__ import annotations

import pytest

from headgate.git.refs.reference import GitReference
from headgate.promotion.config.flags import chosen, described
from headgate.promotion.config.model import Environments
from headgate.promotion.config.parse import parse_config
from headgate.promotion.errors import ConfigInvalid, EnvironmentUnknown, OptionInvalid

FULL = """\
environments:
- {name: staging, cluster: clusters/staging}
- name: production
  cluster: ./clusters/production/
  after: [staging]
  soak: 24h
  windows: [{cron: "0 9 * * 1-4", window: 7h, timeZone: Europe/Berlin}]
  approvals: {count: 2, signers: .headgate/signers, notAuthor: true}
  expect: ["Deployment:spec.replicas", "Deployment:**.resources"]
  fields: ["kustomization.yaml:images[].newTag"]
  requireProven: true
  context: prod
  source: flux-system/flux-system
  follows: {semver: ">=1.0.0"}
"""


def test_reads_every_field() -> None:
    environments = parse_config(FULL.encode())
    production = environments["production"]
    assert [each.name for each in environments.all] == ["staging", "production"]
    assert (production.cluster, production.after, production.soak) == (
        "clusters/production",
        ("staging",),
        86400,
    )
    assert production.windows[0].time_zone == "Europe/Berlin"
    assert production.approvals is not None
    assert (production.approvals.count, production.approvals.not_author) == (2, True)
    assert production.expect[1] == "Deployment:**.resources"
    assert production.require_proven
    assert parse_config(f"{FULL}statusAuthors: [flux]\n".encode()).status_authors == ("flux",)
    assert production.follows == GitReference(semver=">=1.0.0")


def test_environments_come_after_those_that_they_name() -> None:
    text = """\
environments:
- {name: c, cluster: x/c, after: [b, a]}
- {name: b, cluster: x/b, after: [a]}
- {name: a, cluster: x/a}
"""
    assert [each.name for each in parse_config(text.encode()).all] == ["a", "b", "c"]


def entry(**fields: str) -> str:
    lines = {"name": "a", "cluster": "clusters/a", **fields}
    return "environments:\n-\n" + "".join(f"  {name}: {value}\n" for name, value in lines.items() if value)


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("", 1, "environments"),
        ("[]", 1, "mapping"),
        ("environments: []\n", 1, "at least one"),
        ("environments: 3\n", 1, "environments must be a list"),
        (
            "environments: [{name: a, cluster: a}]\nstatusAuthors: [flux, '']\n",
            2,
            "statusAuthors[1] must be the login",
        ),
        ("environments: [{name: a, cluster: a}]\nstatusAuthors: flux\n", 2, "statusAuthors must be a list"),
        ("environments:\n- a\n", 2, "environments[0]"),
        ("environments:\n  x: [\n", 3, "not valid YAML"),
        ("environment: []\n", 1, "environment is not a field"),
        (entry(sook="24h"), 5, "environments[0].sook is not a field"),
        (entry(name=""), 3, "environments[0].name is required"),
        (entry(name="Production"), 3, "environments[0].name"),
        (entry(name="../x"), 3, "environments[0].name"),
        (entry(cluster="../other"), 4, "environments[0].cluster"),
        (entry(cluster="/etc"), 4, "environments[0].cluster"),
        (entry(soak="24h"), 5, "needs 'after'"),
        (entry(soak="1d", after="[b]"), 5, "environments[0].soak"),
        (entry(soak="-1h", after="[b]"), 5, "environments[0].soak"),
        (entry(after="[b]"), 5, "no environment has this name"),
        (entry(after="[a]"), 5, "leads back"),
        (entry(requireProven="true"), 5, "needs 'after'"),
        (entry(requireProven="yes please"), 5, "true or false"),
        (entry(windows="[{cron: '* * * *', window: 1h}]"), 5, "windows[0].cron"),
        (entry(windows="[{cron: '* * * * *', window: 1h, timezone: UTC}]"), 5, "windows[0].timezone"),
        (entry(approvals="{count: 0, signers: s}"), 5, "approvals.count"),
        (entry(approvals="{count: true, signers: s}"), 5, "approvals.count"),
        (entry(approvals="{count: 2}"), 5, "approvals.signers"),
        (entry(expect="[spec.replicas]"), 5, "expect[0]"),
        (entry(source="flux-system"), 5, "environments[0].source"),
        (entry(follows="{}"), 5, "environments[0].follows"),
        (entry(follows="{semver: nonsense}"), 5, "environments[0].follows"),
        (entry() + "- {name: a, cluster: x}\n", 5, "must be unique"),
        (entry() + "  name: b\n", 5, "'name' appears twice"),
        ("environments: &a\n- *a\n", 1, "aliases"),
        (
            "environments:\n- {name: a, cluster: x, after: [b]}\n- {name: b, cluster: y, after: [a]}\n",
            2,
            "leads back",
        ),
    ],
)
def test_a_fault_names_file_line_and_field(text: str, line: int, part: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parse_config(text.encode())
    message = str(caught.value)
    assert part in message
    assert message.startswith("headgate.yaml:" if "aliases" in part else f"headgate.yaml:{line}:"), message


def test_a_huge_file_is_refused_unread() -> None:
    with pytest.raises(ConfigInvalid, match="bytes"):
        parse_config(b"#" * (1 << 20))


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(EnvironmentUnknown, match="staging, production"):
        parse_config(FULL.encode())["live"]


def test_flags_choose_and_describe() -> None:
    given = described(["a", "b=clusters/b", "c=./x/c/,semver=>=1.0.0"])
    assert [(each.name, each.cluster) for each in given] == [("b", "clusters/b"), ("c", "x/c")]
    assert given[1].follows == GitReference(semver=">=1.0.0")
    environments = Environments((*parse_config(FULL.encode()).all, *given))
    assert [each.name for each in chosen(["c=x", "staging"], environments)] == ["staging", "c"]
    assert chosen([], environments) == environments.all
    with pytest.raises(EnvironmentUnknown):
        chosen(["nothing"], environments)


@pytest.mark.parametrize(
    "flag", ["a=", "a=/x", "a=../x", "A=x", "a=x,", "a=x,tag", "a=x,tag=..", "a=x,head=1"]
)
def test_a_faulty_flag_is_named(flag: str) -> None:
    with pytest.raises(OptionInvalid, match="--env"):
        described([flag])
