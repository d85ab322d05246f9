"""A secret value of a repository, a file of variables or a URL is in no output and in nothing that is pushed."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from headgate.cli import main
from tests.support import fleets
from tests.support.signing import Person
from tests.support.sops import age_key, sealed_file, sealed_secret

FOLDER = "apps/base/my-app"
SEAL, WRAP = age_key()


class Seeds:
    """Values that occur nowhere else, and whatever form of them an output could have."""

    def __init__(self, generation: str) -> None:
        self._generation, self._count = generation, itertools.count()
        self.values: list[str] = []

    def __call__(self, form: str = "{}") -> str:
        value = form.format(f"seed{self._generation}q{next(self._count)}z")
        self.values.append(value)
        return value

    def forms(self) -> set[str]:
        """The values as they are, line by line, and as base64 without the ends that depend on the neighbors."""
        lines = {line for value in self.values for line in value.splitlines()}
        encoded = {
            base64.b64encode(each.encode()).decode().rstrip("=")[:-2] for each in (*self.values, *lines)
        }
        return lines | encoded


def secret(name: str, **fields: Any) -> str:
    return fleets.text({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields})


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def copied(source: str, target: str, kind: str, field: str, **options: Any) -> dict[str, Any]:
    select = {
        "select": {"kind": kind, "name": target},
        "fieldPaths": [field],
        "options": {"create": True, **options},
    }
    return {
        "source": {"kind": "Secret", "name": source, "fieldPath": "stringData.token"},
        "targets": [select],
    }


def files(seed: Seeds) -> dict[str, str]:
    generators = [
        {"name": "literal", "literals": [f"password={seed()}"]},
        {"name": "file", "files": ["token=token.txt"]},
        {"name": "env", "envs": ["secret.env"]},
    ]
    replacements = [
        copied("plain", "copy", "ConfigMap", "data.whole"),
        copied("plain", "copy", "ConfigMap", "data.url", delimiter="/", index=1),
        copied("plain", "copy", "ConfigMap", "metadata.annotations.token"),
        copied("plain", "my-app", "Deployment", "spec.template.spec.containers.0.args.0"),
        copied("plain", "my-app", "Deployment", "spec.template.metadata.labels.token"),
    ]
    resources = ["deployment.yaml", "service.yaml", "copy.yaml", "secrets.yaml", "sealed.yaml", "used.yaml"]
    last = {"kubectl.kubernetes.io/last-applied-configuration": seed('{{"data": "{}"}}')}
    return {
        f"{FOLDER}/kustomization.yaml": fleets.overlay(
            resources, secretGenerator=generators, replacements=replacements
        ),
        f"{FOLDER}/deployment.yaml": fleets.deployment("my-app", args=["x"]),
        f"{FOLDER}/copy.yaml": fleets.config_map("copy", {"whole": "x", "url": "db/x/y"}),
        f"{FOLDER}/token.txt": seed("{}\nsecond line of a file"),
        f"{FOLDER}/secret.env": f"KEY={seed()}\n",
        f"{FOLDER}/secrets.yaml": secret("plain", stringData={"token": seed()})
        + "---\n"
        + secret("encoded", data={"token": b64(seed())}, metadata={"name": "encoded", "annotations": last})
        + "---\n"
        + secret("odd", data=seed(), stringData=[seed()], token=seed()),
        f"{FOLDER}/sealed.yaml": fleets.text(
            sealed_secret("sealed", WRAP, token=seed(), same="unchanged-value")
        ),
        f"{FOLDER}/used.yaml": fleets.config_map(
            "used", {"a": "x-${token}-y", "b": "${given}", "c": "${pin}"}
        ),
        "infrastructure/base/vars.yaml": secret("vars", stringData={"token": seed(), "pin": seed()}),
        "infrastructure/base/kustomization.yaml": fleets.overlay(["policy.yaml", "vars.yaml"]),
        **{
            f"infrastructure/{name}/kustomization.yaml": fleets.overlay(["../base"], namespace="flux-system")
            for name in ("staging", "production")
        },
        **{
            f"clusters/{name}/apps.yaml": fleets.kustomization(
                "apps",
                f"./apps/{name}",
                dependsOn=[{"name": "infrastructure"}],
                decryption={"provider": "sops", "secretRef": {"name": "sops"}},
                postBuild={
                    "substituteFrom": [{"kind": "Secret", "name": each} for each in ("vars", "outside")]
                },
            )
            for name in ("staging", "production")
        },
    }


class Seeded:
    """A clone in which 1.0.0 has one generation of secrets, and the default branch another one."""

    def __init__(self, folder: Path) -> None:
        self.fleet = fleets.Fleet(folder)
        self.old, self.new, self.outside = Seeds("old"), Seeds("new"), Seeds("out")
        self.fleet.commit(files(self.old))
        self.fleet.tag("1.0.0")
        self.variables, self.key = folder / "vars.yaml", folder / "age.key"
        self.variables.write_text(f"given: {self.outside()}\n")
        self.key.write_text(SEAL)
        self.outputs: list[str] = []

    def run(self, *arguments: str) -> Result:
        """Run headgate and keep everything that it says."""
        done = CliRunner().invoke(main, [*arguments, "--repository", str(self.fleet.work)])
        self.outputs += [done.output, repr(done.exception)]
        return done

    def check(self) -> None:
        """Nothing that was said, and no message in the remote, has a value."""
        self.outputs += [
            self.fleet.remote_git("for-each-ref", "--format=%(contents)"),
            self.fleet.remote_git("log", "--all", "--format=%B"),
        ]
        text = "\n".join(self.outputs)
        values = self.old.forms() | self.new.forms() | self.outside.forms() | {SEAL}
        assert sorted(each for each in values if each in text) == []


@pytest.fixture
def seeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Seeded:
    Person.make(tmp_path / "keys", "ada").at_work(monkeypatch)
    return Seeded(tmp_path)


FORMATS = (["--full"], ["-o", "markdown"], ["-o", "json"])


def test_what_changes_a_secret_shows_no_value(seeded: Seeded) -> None:
    seeded.fleet.commit(files(seeded.new))
    for options in FORMATS:
        for more in ([], ["--vars", str(seeded.variables)], ["--age-key", str(seeded.key)]):
            done = seeded.run("diff", "--base", "1.0.0", *options, *more)
            assert done.exit_code in (1, 3), done.output
            assert "Secret" in done.output
    for options in ([], ["-o", "json"]):
        seeded.run("compare", "staging", "production", *options, "--age-key", str(seeded.key))
    seeded.check()


def test_secrets_that_come_and_go_show_no_value(seeded: Seeded) -> None:
    gone = dict.fromkeys((f"{FOLDER}/kustomization.yaml",), fleets.overlay(["deployment.yaml"]))
    seeded.fleet.commit({**files(seeded.new), **gone})
    for options in FORMATS:
        for base, head in (("1.0.0", "main"), ("main", "1.0.0")):
            seeded.run("diff", "--base", base, "--head", head, *options, "--age-key", str(seeded.key))
    seeded.check()


def test_a_plan_and_what_is_pushed_hold_no_value(seeded: Seeded, tmp_path: Path) -> None:
    seeded.fleet.commit(files(seeded.new))
    file, override = (
        tmp_path / "plan.json",
        [f"--override={each}=a test" for each in ("evidence", "healthy", "rendered", "proven")],
    )
    seeded.run("promote", "production", "--after", "staging", "--plan", str(file))
    seeded.outputs.append(file.read_text())
    done = seeded.run("promote", "production", "--after", "staging", *override)
    assert "pushed the tag" in done.output, done.output
    seeded.run("environments")
    seeded.run("rollback", "production")
    seeded.check()


FAULTS = {
    "namespace": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: '${token} x'}\n",
    "yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: ${token}: b}\n",
    "metadata": "apiVersion: v1\nkind: ConfigMap\nmetadata: '${token}'\n",
    "labels": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, labels: '${token}'}\n",
    "path": fleets.kustomization("made", "./${token}/../.."),
    "interval": fleets.kustomization("made", "./apps", interval="${token}"),
    "source": fleets.kustomization("made", "./apps", source="${token}"),
    "ref": fleets.git_repository({"semver": "${token}"}, name="other"),
    "url": fleets.git_repository(
        {"branch": "main"}, name="other", url="https://x:${token}@git.example.com/fleet"
    ),
    "missing": fleets.kustomization("made", "./${token}"),
    "default": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: '${token:?no}${token:0:x}'}\n",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_message_about_a_fault_quotes_no_value(seeded: Seeded, fault: str) -> None:
    changed = files(seeded.new)
    changed[f"{FOLDER}/used.yaml"] = FAULTS[fault]
    seeded.fleet.commit(changed)
    for options in FORMATS:
        for more in ([], ["--age-key", str(seeded.key)]):
            seeded.run("diff", "--base", "1.0.0", *options, *more)
    seeded.check()


DECRYPTED = (
    "a: [{}",
    "apiVersion: v1\nkind: {}\n",
    "{}",
    "a: {}: b",
    "- {}\n- {}",
    "apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\ndata: {{a: '{}!'}}\n",
)


@pytest.mark.parametrize("form", DECRYPTED)
def test_a_decrypted_file_that_makes_no_sense_is_not_quoted(seeded: Seeded, form: str) -> None:
    changed = files(seeded.new)
    changed[f"{FOLDER}/sealed.yaml"] = sealed_file(
        form.replace("{}", seeded.new()).replace("{{", "{").replace("}}", "}"), WRAP
    )
    seeded.fleet.commit(changed)
    for options in FORMATS:
        seeded.run("diff", "--base", "1.0.0", *options, "--age-key", str(seeded.key))
    seeded.check()


@pytest.mark.parametrize("form", ["{}", "{}@x", "a@{}", "{}:b@c"])
def test_a_password_in_the_url_of_a_remote_is_not_quoted(seeded: Seeded, form: str) -> None:
    password = seeded.outside(form)
    seeded.fleet.commit(files(seeded.new))
    for url in (
        f"http://ada:{password}@127.0.0.1:9/fleet",
        f"https://{password}@127.0.0.1:9/fleet?token={password}",
    ):
        seeded.fleet.git("remote", "set-url", "origin", url)
        seeded.run("promote", "production", "--after", "staging")
        seeded.run("environments", "--fetch")
        seeded.run("diff", "--base", "1.0.0")
        seeded.run("promote", "production", "--after", "staging", "--remote", url)
        seeded.run("diff", "--remote", url)
    seeded.check()
