"""Pull requests with the right to push only, the markers of comments, and the contexts of Flux."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import click
import pytest
from click.testing import CliRunner

from headgate.cli import forges
from headgate.promotion.errors import ForgeError
from headgate.promotion.forges import fluxstatus
from headgate.promotion.forges.comments import marker, post
from headgate.promotion.forges.pushing import by_push
from headgate.promotion.forges.repository import ForgeChoice, ForgeKind, Repository
from tests.support.forgeserver import TOKEN, ForgeServer

COMMIT = "c" * 40
BODY = 'What changes\n\n- `Deployment/app`: it\'s "1.3.0"\n/merge\n'


def repository(kind: ForgeKind) -> Repository:
    return Repository(kind, "https://git.example.com", "org/fleet")


def test_gitlab_opens_a_merge_request_by_push_options() -> None:
    push = by_push(
        repository(ForgeKind.GITLAB), COMMIT, "headgate/promote-production", "main", "Promote\n1.3.0", BODY
    )
    assert push.refspec == f"+{COMMIT}:refs/heads/headgate/promote-production"
    assert push.options[:4] == (
        "merge_request.create",
        "merge_request.target=main",
        "merge_request.title=Promote 1.3.0",
        "merge_request.remove_source_branch",
    )
    assert push.options[4] == (
        'merge_request.description=What changes\\n\\n- `Deployment/app`: it\'s "1.3.0"\\n\\/merge'
    )
    assert push.url == ""


def test_an_escaped_name_begins_no_line_at_gitlab() -> None:
    r"""A newline in an object's name is shown as ``\n``, which GitLab would turn into one."""
    body = "```diff\n+ ConfigMap/shop/x\\n/merge\n```\n<code>x\\n/close</code>"
    pushed = by_push(repository(ForgeKind.GITLAB), COMMIT, "headgate/x", "main", "Promote", body)
    (description,) = (each for each in pushed.options if each.startswith("merge_request.description="))
    lines = description.replace("\\n", "\n").splitlines()
    assert not [line for line in lines if line.startswith("/")]
    assert len(lines) == len(body.splitlines())


def test_gitea_opens_a_pull_request_by_a_push_to_refs_for() -> None:
    push = by_push(
        repository(ForgeKind.GITEA), COMMIT, "headgate/promote-production", "release/1", "Promote 1.3.0", BODY
    )
    assert push.refspec == f"{COMMIT}:refs/for/release/1"
    assert push.options == ("topic=headgate/promote-production", "title=Promote 1.3.0", "force-push=true")
    assert push.url == ""


def test_github_gets_a_url_that_opens_the_form() -> None:
    push = by_push(repository(ForgeKind.GITHUB), COMMIT, "headgate/promote#1", "main", "Promote & more", BODY)
    assert push.refspec == f"+{COMMIT}:refs/heads/headgate/promote#1"
    assert push.options == ()
    parts = urlsplit(push.url)
    assert parts.path == "/org/fleet/compare/main...headgate/promote%231"
    assert parse_qs(parts.query) == {"quick_pull": ["1"], "title": ["Promote & more"], "body": [BODY]}


def test_a_url_stays_short_enough_for_github() -> None:
    push = by_push(repository(ForgeKind.GITHUB), COMMIT, "topic", "main", "t" * 400, "ü" * 10_000)
    assert len(push.url) < 8000
    assert parse_qs(urlsplit(push.url).query) == {"quick_pull": ["1"], "title": ["t" * 255]}


@pytest.mark.parametrize("kind", list(ForgeKind))
def test_push_options_are_lines_that_git_accepts(kind: ForgeKind, tmp_path: Path) -> None:
    """Git refuses options with line breaks; the server here takes all others."""
    server, work = tmp_path / "server.git", tmp_path / "work"

    def git(*arguments: str) -> None:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        subprocess.run(["git", *arguments], check=True, capture_output=True, env=environment, timeout=60)

    git("init", "-q", "--bare", str(server))
    git("-C", str(server), "config", "receive.advertisePushOptions", "true")
    git("init", "-q", str(work))
    git(
        "-C",
        str(work),
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "m",
    )
    push = by_push(
        repository(kind),
        "HEAD",
        "topic",
        "main",
        "a\nb\0" if kind is ForgeKind.GITHUB else "a\nb",
        BODY * 2000,
    )
    options = [f"--push-option={each}" for each in push.options]
    git("-C", str(work), "push", "-q", *options, "--end-of-options", str(server), push.refspec)


@pytest.mark.parametrize("name", ["", "-x", "a b", "a\nb", "a:b", "+a", "a^", "a~1", "a*", "a\\b", "a\0"])
def test_a_name_that_is_no_branch_is_refused(name: str) -> None:
    for head, base in ((name, "main"), ("topic", name)):
        with pytest.raises(ForgeError, match="Git does not accept"):
            by_push(repository(ForgeKind.GITHUB), COMMIT, head, base, "t", "b")


# ---- comments


def job(forge: ForgeServer) -> dict[str, str]:
    """The environment of a CI job of the forge for its first pull request."""
    if forge.kind is ForgeKind.GITLAB:
        return {
            "GITLAB_CI": "true",
            "CI_SERVER_URL": forge.web,
            "CI_PROJECT_PATH": forge.path,
            "CI_MERGE_REQUEST_IID": "1",
            "CI_MERGE_REQUEST_PROJECT_PATH": forge.path,
            "GITLAB_TOKEN": TOKEN,
        }
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": forge.web,
        "GITHUB_REPOSITORY": forge.path,
        "GITHUB_REF": "refs/pull/1/merge",
        "GITHUB_TOKEN": TOKEN,
    }
    return environment | ({"GITEA_ACTIONS": "true"} if forge.kind is ForgeKind.GITEA else {})


def test_a_ci_job_needs_no_flags_to_comment(forge: ForgeServer) -> None:
    limits: list[int] = []

    def render(limit: int) -> str:
        limits.append(limit)
        return "x" * limit

    remote = f"{forge.web}/{forge.path}.git"
    address = post(render, remote=remote, environment=job(forge))
    assert address == post(render, remote=remote, environment=job(forge))
    (comment,) = forge.comments[1]
    assert comment["body"].startswith("<!-- headgate:diff:all -->\n\nxxx")
    assert limits[0] >= 60_000


def test_outside_of_ci_the_pull_request_is_given(forge: ForgeServer) -> None:
    environment = {"HEADGATE_FORGE_TOKEN": TOKEN}
    choice = ForgeChoice(forge.kind)
    remote = f"{forge.web}/{forge.path}"
    post(lambda limit: "report", remote=remote, number=1, choice=choice, environment=environment)
    assert len(forge.comments[1]) == 1
    with pytest.raises(ForgeError, match="--pull-request NUMBER"):
        post(lambda limit: "report", remote=remote, choice=choice, environment=environment)


@pytest.mark.parametrize("key", ["", "a b", "--", "a--b", "-->", "a>", "a\n", "x" * 300, "é"])
def test_a_key_cannot_end_the_hidden_line(key: str) -> None:
    with pytest.raises(ForgeError):
        marker("diff", key)


@pytest.mark.parametrize("key", ["all", "eu-west.production", "a/b_c"])
def test_names_of_environments_are_keys(key: str) -> None:
    assert marker("diff", key) == f"<!-- headgate:diff:{key} -->"


# ---- Flux


@pytest.mark.parametrize(
    ("context", "kind", "name", "provider"),
    [
        ("kustomization/gitops-system/0c9c2e41", "kustomization", "gitops-system", "0c9c2e41"),
        ("gitrepository/fleet.infra/ffffffff", "gitrepository", "fleet.infra", "ffffffff"),
    ],
)
def test_a_context_of_flux_names_kind_object_and_provider(
    context: str, kind: str, name: str, provider: str
) -> None:
    found = fluxstatus.parse(context)
    assert found == fluxstatus.FluxContext(kind, name, provider)
    assert str(found) == context


@pytest.mark.parametrize(
    "context",
    ["ci/build", "Kustomization/apps/0c9c2e41", "kustomization/apps", "kustomization/apps/xyz",
     "kustomization//0c9c2e41", "kustomization/apps/0c9c2e41/x", "kustomization/apps/0c9c2e41\n", ""],
)  # fmt: skip
def test_other_contexts_are_not_flux(context: str) -> None:
    assert fluxstatus.parse(context) is None


# ---- flags


def test_the_flags_become_a_choice_and_import_no_client() -> None:
    @click.command()
    @forges.forge_options
    @forges.pull_request_option
    def command(pull_request: int | None, **flags: str) -> None:
        click.echo(f"{pull_request} {forges.choice(**flags)}")  # type: ignore[arg-type]

    arguments = ["--forge=gitea", "--forge-url=https://git.example.com", "--pull-request=7"]
    found = CliRunner().invoke(command, arguments)
    assert found.exit_code == 0
    begin = "7 ForgeChoice(kind=<ForgeKind.GITEA: 'gitea'>, url='https://git.example.com'"
    assert found.output.startswith(begin)
    assert CliRunner().invoke(command, ["--pull-request=0"]).exit_code == 2
    code = (
        "import sys, headgate.cli.forges as f; f.choice('github', '', '', None); "
        "sys.exit(' '.join(m for m in sys.modules if m == 'urllib3' or m.endswith('forges.http')) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_made_harmless_fits_into_the_limit() -> None:
    """GitLab: each line that begins with a slash grows by one character."""
    with ForgeServer(ForgeKind.GITLAB) as forge:
        forge.add_pull()
        post(lambda limit: ("/x\n" * limit)[: limit - 1], remote=forge.repository.url, environment=job(forge))
        (comment,) = forge.comments[1]
        assert len(comment["body"]) <= 1_000_000
        assert "\n/" not in comment["body"]
