"""``headgate diff`` and ``headgate compare``: options, output, exit status; offline, and without a kubeconfig."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headgate.cli import main
from tests.support import fleets
from tests.support.gitserver import GitHttpServer
from tests.support.gitserver_repository import Repository
from tests.support.sops import age_key, sealed, sealed_secret

IMAGE = "registry.example.com/my-app"
BASE = "apps/base/my-app/deployment.yaml"
CONFIG = """environments:
- {name: staging, cluster: clusters/staging}
- name: production
  cluster: clusters/production
  after: [staging]
  expect: ["Deployment:spec.replicas"]
"""


@pytest.fixture
def fleet(tmp_path: Path) -> fleets.Fleet:
    made = fleets.Fleet(tmp_path)
    made.tag("1.0.0")
    return made


@pytest.fixture
def edited(fleet: fleets.Fleet) -> fleets.Fleet:
    """A branch that edits a base."""
    fleet.switch("edit", "main")
    fleet.commit({BASE: fleets.deployment("my-app", image=f"{IMAGE}:2.0.0")})
    return fleet


def run(command: str, fleet: fleets.Fleet, *arguments: str) -> Result:
    return CliRunner().invoke(main, [command, "--repository", str(fleet.work), *arguments])


def test_it_prints_both_stages_of_each_environment(edited: fleets.Fleet) -> None:
    done = run("diff", edited)
    assert done.exit_code == 1, done.output
    assert "production, follows semver >=1.0.0" in done.stdout
    assert "on merge:              no change" in done.stdout
    assert f"~ {IMAGE}:1.0.0 → {IMAGE}:2.0.0 (Deployment/staging/my-app)" in done.stdout
    assert "\x1b" not in done.stdout


def test_no_change_is_status_0(fleet: fleets.Fleet) -> None:
    fleet.switch("edit", "main")
    fleet.commit({"README.md": "Other words.\n"})
    done = run("diff", fleet)
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("fail_on", "status"),
    [("change", 1), ("delete", 0), ("danger", 0), ("production-on-merge", 0)],
)
def test_fail_on_counts_such_changes_only(edited: fleets.Fleet, fail_on: str, status: int) -> None:
    assert run("diff", edited, "--fail-on", fail_on).exit_code == status


def test_a_removed_kustomization_is_a_deletion_and_a_danger(fleet: fleets.Fleet) -> None:
    fleet.switch("remove", "main")
    fleet.commit({"clusters/production/apps.yaml": None})
    for fail_on in ("delete", "danger", "change"):
        assert run("diff", fleet, "--fail-on", fail_on).exit_code == 1
    out = run("diff", fleet).stdout
    for line in ("- Deployment/production/my-app", "- Service/production/my-app", "Dangers"):
        assert line in out


def test_production_on_the_default_branch_fails_on_merge(tmp_path: Path) -> None:
    refs = {"staging": {"branch": "main"}, "production": {"branch": "main"}}
    fleet = fleets.Fleet(tmp_path, fleets.fleet_files(refs))
    fleet.switch("edit", "main")
    fleet.commit({BASE: fleets.deployment("my-app", image=f"{IMAGE}:2.0.0")})
    assert run("diff", fleet, "--fail-on", "production-on-merge").exit_code == 1
    assert run("diff", fleet, "--fail-on", "production-on-merge", "--env", "staging").exit_code == 0


def test_one_environment_and_both_ends_can_be_named(fleet: fleets.Fleet) -> None:
    fleet.commit({BASE: fleets.deployment("my-app", image=f"{IMAGE}:2.0.0")})
    done = run("diff", fleet, "--base", "1.0.0", "--head", "main", "--env", "production", "-o", "json")
    found = json.loads(done.stdout)
    assert (done.exit_code, [e["name"] for e in found["environments"]]) == (1, ["production"])
    assert found["environments"][0]["atPromotion"]["changed"] is True
    assert found["head"]["commit"] == fleet.head()


def test_the_working_tree_is_a_head(fleet: fleets.Fleet) -> None:
    fleet.write({BASE: fleets.deployment("my-app", image=f"{IMAGE}:9.9.9")})
    assert f"{IMAGE}:9.9.9" in run("diff", fleet, "--head", ".").stdout
    assert run("diff", fleet).exit_code == 0


def test_markdown_keeps_its_length(edited: fleets.Fleet) -> None:
    done = run("diff", edited, "-o", "markdown")
    assert done.stdout.startswith("| environment | follows | on merge | at the next promotion |")
    assert len(run("diff", edited, "-o", "markdown", "--max-length", "500").stdout) <= 500


def test_variables_come_from_a_file_or_are_unknown(fleet: fleets.Fleet, tmp_path: Path) -> None:
    source = {"substituteFrom": [{"kind": "ConfigMap", "name": "elsewhere"}]}
    fleet.commit(
        {"clusters/staging/apps.yaml": fleets.kustomization("apps", "./apps/staging", postBuild=source)}
    )
    fleet.switch("edit", "main")
    fleet.commit({BASE: fleets.deployment("my-app", image=f"{IMAGE}:${{version}}")})
    assert f"{IMAGE}:${{version}}" in run("diff", fleet, "--env", "staging").stdout
    variables = tmp_path / "vars.yaml"
    variables.write_text("version: 3.0.0\n")
    assert f"{IMAGE}:3.0.0" in run("diff", fleet, "--env", "staging", "--vars", str(variables)).stdout
    for content in ("- a list\n", "version: {a: mapping}\n", "a: [\n"):
        variables.write_text(content)
        assert run("diff", fleet, "--vars", str(variables)).exit_code == 2


def test_a_secret_is_in_no_format(fleet: fleets.Fleet) -> None:
    values = ("old-secret-value-1", "new-secret-value-2")

    def files(value: str) -> dict[str, str]:
        secret = fleets.text(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": value}}
        )
        copied = fleets.config_map("copy", {"url": "x"})
        replacement = {
            "source": {"kind": "Secret", "name": "s", "fieldPath": "stringData.key"},
            "targets": [{"select": {"kind": "ConfigMap", "name": "copy"}, "fieldPaths": ["data.url"]}],
        }
        overlay = fleets.overlay(
            ["secret.yaml", "copy.yaml"], namespace="staging", replacements=[replacement]
        )
        return {
            "apps/staging/secret.yaml": secret,
            "apps/staging/copy.yaml": copied,
            "apps/staging/kustomization.yaml": overlay,
        }

    fleet.commit(files(values[0]))
    fleet.switch("edit", "main")
    fleet.commit(files(values[1]))
    for arguments in (["--full"], ["-o", "markdown"], ["-o", "json"]):
        done = run("diff", fleet, *arguments)
        assert done.exit_code == 1, done.output
        assert "Secret" in done.stdout
        assert not any(value in done.output for value in values)


@pytest.mark.parametrize("command", ["diff", "affected"])
def test_a_range_of_one_commit_is_pointed_out(fleet: fleets.Fleet, command: str) -> None:
    done = run(command, fleet)
    assert done.exit_code == 0
    assert f"Note: Base and head are one commit, {fleet.head()[:12]}" in done.stdout


def test_policy_is_that_of_the_default_branch(fleet: fleets.Fleet) -> None:
    fleet.commit({"headgate.yaml": CONFIG})
    fleet.switch("edit", "main")
    fleet.commit({"headgate.yaml": CONFIG.replace("production", "other"), "README.md": "x\n"})
    names = [e["name"] for e in json.loads(run("diff", fleet, "-o", "json").stdout)["environments"]]
    assert names == ["staging", "production"]


def test_a_build_that_fails_is_an_error_and_the_rest_is_printed(edited: fleets.Fleet) -> None:
    edited.commit({"apps/staging/kustomization.yaml": fleets.overlay(["../missing"])})
    done = run("diff", edited, "--fail-on", "delete")
    assert done.exit_code == 3
    assert "Not known" in done.stdout
    assert "production" in done.stdout
    assert "not known" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--env", "nope"], 2, "there are: production, staging"),
        (["--base", "9.9.9"], 3, "names no commit"),
        (["--remote", "upstrem"], 3, "no remote 'upstrem'; there are: origin, upstream"),
        (["--env", "Qa=clusters/qa"], 2, "--env Qa=clusters/qa: "),
        (["--fail-on", "nothing"], 2, "Invalid value"),
        (["-o", "yaml"], 2, "Invalid value"),
        (["--vars", "/does/not/exist"], 2, "No such file"),
    ],
)
def test_usage_and_errors_have_their_own_status(
    edited: fleets.Fleet, arguments: list[str], status: int, message: str
) -> None:
    done = run("diff", edited, *arguments)
    assert (done.exit_code, message in done.stderr) == (status, True), done.output


def test_a_folder_without_a_repository_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["diff", "--repository", str(tmp_path)])
    assert done.exit_code == 3
    assert "is not in a Git repository" in done.stderr


def test_nobody_is_last_without_names_or_order(tmp_path: Path) -> None:
    fleet = fleets.Fleet(tmp_path, fleets.fleet_files({"one": {"branch": "main"}, "two": {"branch": "main"}}))
    done = run("diff", fleet, "--fail-on", "production-on-merge")
    assert done.exit_code == 2
    assert "declare 'after'" in done.stderr


OFFLINE = ["unshare", "-rn"]


def offline() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run([*OFFLINE, "true"], check=False).returncode == 0
    )


def test_it_needs_no_network_no_home_and_no_client(edited: fleets.Fleet, tmp_path: Path) -> None:
    code = (
        "import sys; from headgate.cli import main\n"
        "try: main(['diff', '-o', 'json'], standalone_mode=False)\n"
        "except SystemExit as e: status = e.code\n"
        "heavy = {'aiohttp', 'cryptography', 'git', 'kopf', 'kubernetes', 'urllib3', 'cel_expr_python'}\n"
        "heavy &= set(sys.modules)\n"
        "print(heavy or '', file=sys.stderr); sys.exit(status)\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "none"),
        "KUBECONFIG": "/does/not/exist",
    }
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    prefix = OFFLINE if offline() else []
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code],
        cwd=edited.work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.strip()) == (1, "")
    assert json.loads(done.stdout)["changed"] is True


@pytest.mark.parametrize("content", ["", "# nothing\n", "AGE-SECRET-KEY-1QQQ\n", "not a key\n"])
def test_an_invalid_age_key_is_refused_and_not_quoted(
    fleet: fleets.Fleet, tmp_path: Path, content: str
) -> None:
    (tmp_path / "keys.txt").write_text(content)
    done = run("diff", fleet, "--age-key", str(tmp_path / "keys.txt"))
    assert done.exit_code == 2
    assert "has no age identity" in done.stderr
    assert not content.strip() or content.strip() not in done.stderr


def test_remote_bases_are_fetched_if_the_user_allows_them(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    remote = Repository(tmp_path / "served")
    remote.commit(
        {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": fleets.config_map("far", {"a": "1"})}
    )
    with GitHttpServer(tmp_path / "served") as server:
        base = {"infrastructure/base/kustomization.yaml": fleets.overlay([f"{server.url()}?ref=main"])}
        fleet = fleets.Fleet(tmp_path / "fleet")
        fleet.switch("edit", "main")
        fleet.commit(base)
        refused = run("diff", fleet, "--env", "staging")
        assert refused.exit_code == 3
        assert "remote bases are not allowed" in refused.output
        assert server.count() == 0
        done = run("diff", fleet, "--env", "staging", "--remote-bases")
        assert done.exit_code == 1, done.output
        assert "ConfigMap/staging/far" in done.stdout


def test_a_shallow_clone_says_what_to_fetch(fleet: fleets.Fleet) -> None:
    fleet.commit({"README.md": "more"})
    path = fleet.clone("shallow", "--depth=1")
    done = CliRunner().invoke(main, ["diff", "--repository", str(path), "--base", "HEAD~1"])
    assert done.exit_code == 3
    assert "git fetch --unshallow" in done.stderr


def test_compare_shows_what_nobody_expects(fleet: fleets.Fleet) -> None:
    done = run("compare", fleet, "staging", "production")
    assert done.exit_code == 1
    assert "~ spec.replicas: 1 → 3" in done.stdout
    assert "namespace staging counts as production" in done.stdout
    fleet.commit({"headgate.yaml": CONFIG})
    expected = run("compare", fleet, "staging", "production")
    assert expected.exit_code == 0
    assert "1 expected differences are not shown" in expected.stdout
    assert run("compare", fleet, "staging", "production", "--all").exit_code == 1


def test_compare_uses_what_each_environment_follows(fleet: fleets.Fleet) -> None:
    fleet.commit({"headgate.yaml": CONFIG, BASE: fleets.deployment("my-app", image=f"{IMAGE}:2.0.0")})
    found = json.loads(run("compare", fleet, "staging", "production", "-o", "json").stdout)
    (kustomization,) = found["difference"]["kustomizations"]
    assert kustomization["objects"][0]["images"] == [
        {"container": "my-app", "before": f"{IMAGE}:2.0.0", "after": f"{IMAGE}:1.0.0"}
    ]
    assert run("compare", fleet, "staging", "production", "--at", "main").exit_code == 0
    covered = run("compare", fleet, "staging", "production", "--expect", "Deployment:**.image")
    assert covered.exit_code == 0


def test_compare_refuses_malformed_patterns_and_unknown_environments(fleet: fleets.Fleet) -> None:
    assert run("compare", fleet, "staging", "nope").exit_code == 2
    done = run("compare", fleet, "staging", "production", "--expect", "Deployment:")
    assert done.exit_code == 2
    assert "names no field" in done.stderr


def test_values_of_variables_from_secrets_are_masked(fleet: fleets.Fleet, tmp_path: Path) -> None:
    """From a Secret that another Kustomization renders and that does not change, and from a file."""
    seeded, given, short = "seeded-variable-1", "given-variable-2", "abc1"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "vars"},
        "stringData": {"token": seeded, "pin": short},
    }
    names = [{"kind": "Secret", "name": name} for name in ("vars", "elsewhere")]
    fleet.commit(
        {
            "infrastructure/staging/kustomization.yaml": fleets.overlay(
                ["../base", "vars.yaml"], namespace="flux-system"
            ),
            "infrastructure/staging/vars.yaml": fleets.text(secret),
            "clusters/staging/apps.yaml": fleets.kustomization(
                "apps",
                "./apps/staging",
                postBuild={"substituteFrom": names},
                dependsOn=[{"name": "infrastructure"}],
            ),
        }
    )
    fleet.switch("edit", "main")
    arguments = ["--token=${token}", "--other=${other}", "${pin}", "${code}", "--plain=shown"]
    fleet.commit({BASE: fleets.deployment("my-app", args=arguments)})
    variables = tmp_path / "vars.yaml"
    variables.write_text(f"other: {given}\ncode: xyz9\n")
    for output in ("text", "markdown", "json"):
        done = run("diff", fleet, "--env", "staging", "--vars", str(variables), "-o", output, "--full")
        assert done.exit_code == 1, done.output
        assert "--plain=shown" in done.stdout
        assert "--token=***" in done.stdout
        assert not any(value in done.output for value in (seeded, given, short, "xyz9"))


def test_decrypted_values_are_masked_and_their_keys_named(fleet: fleets.Fleet, tmp_path: Path) -> None:
    identity, wrap = age_key()
    values = ("first-decrypted-value", "second-decrypted-value")

    def files(value: str) -> dict[str, str | bytes]:
        secret = sealed_secret("s", wrap, key=value, same="unchanged-value")
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"key": value}}
        return {"apps/staging/secret.yaml": fleets.text(secret, sealed(config, wrap))}

    decryption = {"decryption": {"provider": "sops"}}
    fleet.commit(
        {
            **files(values[0]),
            "clusters/staging/apps.yaml": fleets.kustomization("apps", "./apps/staging", **decryption),
            "apps/staging/kustomization.yaml": fleets.overlay(["secret.yaml"], namespace="staging"),
        }
    )
    fleet.switch("edit", "main")
    fleet.commit(files(values[1]))
    closed = run("diff", fleet, "--env", "staging")
    assert closed.exit_code == 1, closed.output
    assert "ciphertext changed" in closed.stdout
    file = tmp_path / "key.txt"
    file.write_text(identity)
    opened = run("diff", fleet, "--env", "staging", "--age-key", str(file), "-o", "json")
    (apps,) = json.loads(opened.stdout)["environments"][0]["onMerge"]["kustomizations"]
    assert [[field["path"] for field in o["fields"]] for o in apps["objects"]] == [["data.key"], ["data.key"]]
    assert not any(value in opened.output + closed.output for value in values)
