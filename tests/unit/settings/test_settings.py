"""Settings: each option is declared once, reaches the parts that have it, and nothing else."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from headgate.apply import GroupKind
from headgate.cli.gates import GATES
from headgate.cli.run import command, settings_of
from headgate.settings import (
    SettingInvalid,
    Settings,
    declarations,
    gates,
    options,
    settings_from,
)
from headgate.settings.declare import Choice, Number, Option, Switch, Variable, declared

NAMESPACE = {"RUNTIME_NAMESPACE": "headgate"}
OTHERS: dict[str, tuple[str, Any]] = {
    "custom-apply-stage-kinds": (
        "rbac.authorization.k8s.io/Role, Secret",
        frozenset((GroupKind("rbac.authorization.k8s.io", "Role"), GroupKind("", "Secret"))),
    ),
    "drift-detection": ("interval", False),
    "interval-jitter-percentage": ("7", 0.07),
    "leader-election-retry-period": ("6s", 6.0),
    "report-secret": ("flux-system/report", "flux-system/report"),
    "report-source": ("flux-system/fleet", "flux-system/fleet"),
    "storage-path": ("/elsewhere", Path("/elsewhere")),
    "ui-addr": ("127.0.0.1:9080", "127.0.0.1:9080"),
    "ui-groups-header": ("X-Groups", "X-Groups"),
    "ui-user-header": ("X-User", "X-User"),
    "watch-label-selector": ("team=a", "team=a"),
}
"""Values that are not what the rules of :func:`other` give: as given, and as the setting."""


def other(option: Option) -> tuple[str, Any]:
    """A value that is not the default, as a user gives it, and the setting that it leads to."""
    if option.name in OTHERS:
        return OTHERS[option.name]
    default = option.value(option.given)
    match option.kind:
        case Switch():
            return str(not default).lower(), not default
        case Number():
            return str(default + 1), default + 1
        case Choice(words):
            word = next(each for each in words if each != option.given)
            return word, word
    if isinstance(default, float):
        return "31s", 31.0
    if isinstance(default, int):
        return "3Ki", 3072
    return ("another", ("another",)) if option.repeated else ("another", "another")


def given(*arguments: str) -> Settings:
    """The settings of a command line."""
    return settings_of(command.make_context("run", list(arguments)).params)


def holders(name: str) -> list[tuple[str, str]]:
    """The parts of the settings that have a declaration, each with the field."""
    return [
        (part.name, field)
        for part in fields(Settings)
        for field, declaration in declared(type(getattr(Settings(), part.name)))
        if declaration.name == name
    ]


def values(settings: Settings) -> dict[tuple[str, str], Any]:
    return {
        (part.name, field.name): getattr(getattr(settings, part.name), field.name)
        for part in fields(Settings)
        for field in fields(getattr(settings, part.name))
    }


@pytest.mark.parametrize("option", options(), ids=lambda option: option.name)
def test_every_option_reaches_the_parts_that_have_it_and_no_other(
    option: Option, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NAMESPACE.items():
        monkeypatch.setenv(name, value)
    text, setting = other(option)
    before, after = values(given()), values(given(f"--{option.name}", text))
    changed = {place: value for place, value in after.items() if value != before[place]}
    assert changed == dict.fromkeys(holders(option.name), setting)
    assert changed


@pytest.mark.parametrize("gate", gates(), ids=lambda gate: gate.name)
def test_every_gate_reaches_its_part(gate: Any) -> None:
    before = values(given())
    after = values(given(f"--feature-gates={gate.name}={str(not gate.given).lower()}"))
    changed = {place for place in after if after[place] != before[place]}
    assert changed == set(holders(gate.name))
    assert len(changed) == 1
    assert GATES[gate.name] is gate.given


def test_environment_variables_reach_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = [each for each in declarations().values() if isinstance(each, Variable)]
    assert {each.name for each in variables} == {"RUNTIME_NAMESPACE", "POD_NAME"}
    for each in variables:
        monkeypatch.setenv(each.name, f"of {each.name}")
    found = values(given())
    for each in variables:
        assert {found[place] for place in holders(each.name)} == {f"of {each.name}"}


def test_variables_give_defaults_that_options_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_PATH", "/of-the-environment")
    monkeypatch.setenv("STORAGE_ADV_ADDR", "host.example.org")
    assert given().storage.path == Path("/of-the-environment")
    assert given().storage.advertised == "host.example.org"
    assert given("--storage-path=/given").storage.path == Path("/given")


def test_without_arguments_all_settings_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in declarations().values():
        name = each.variable if isinstance(each, Option) else each.name
        if name:
            monkeypatch.delenv(name, raising=False)
    assert given() == Settings() == settings_from({})


def test_a_name_is_declared_once() -> None:
    """Parts that share a setting share its declaration."""
    for part in fields(Settings):
        for _, declaration in declared(type(getattr(Settings(), part.name))):
            assert declarations()[declaration.name] == declaration
    assert len({each.name for each in options()}) == len(options())


def test_a_switch_is_given_as_go_s_flags_are() -> None:
    for arguments, wanted in (
        (["--no-remote-bases"], True),
        (["--no-remote-bases=true"], True),
        (["--no-remote-bases=false"], False),
        ([], False),
    ):
        assert given(*arguments).kustomizations.no_remote_bases is wanted


def test_what_may_be_repeated_keeps_its_order() -> None:
    found = given("--override-manager=b", "--override-manager", "a")
    assert found.targets.override_managers == ("b", "a")


@pytest.mark.parametrize(
    ("argument", "option", "message"),
    [
        ("--client-timeout=0s", "--client-timeout", "must be longer than 0"),
        ("--requeue-dependency=soon", "--requeue-dependency", "soon"),
        ("--max-inventory-size=much", "--max-inventory-size", "'much' is not a size"),
        ("--watch-label-selector=a in b", "--watch-label-selector", "a in b"),
        ("--feature-gates=Unknown=true", "--feature-gates", "unknown gate 'Unknown'"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_its_option(
    argument: str, option: str, message: str
) -> None:
    with pytest.raises(click.BadParameter, match=message) as raised:
        given(argument)
    assert raised.value.param_hint == option


def test_times_of_the_election_that_do_not_go_together_are_refused() -> None:
    message = "leader election requires lease duration > renew deadline > retry period > 0"
    with pytest.raises(click.UsageError, match=message):
        given("--leader-election-lease-duration=20s")
    with pytest.raises(SettingInvalid, match=message):
        settings_from({"leader-election-retry-period": "0s"})


def test_only_one_namespace_is_watched_when_asked_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_NAMESPACE", "headgate")
    assert given().watch.namespace is None
    assert given("--watch-all-namespaces=false").watch.namespace == "headgate"


def test_no_configuration_is_watched_when_a_gate_says_so() -> None:
    assert given().watch.configs == "reconcile.fluxcd.io/watch=Enabled"
    assert given("--watch-configs-label-selector=").watch.configs == ""
    assert given("--feature-gates=DisableConfigWatchers=true").watch.configs == ""


def test_options_of_flux_keep_their_names() -> None:
    """The arguments of the Deployments of Flux's two controllers are accepted."""
    arguments = (
        "--events-addr=http://notification-controller.flux-system.svc.cluster.local./",
        "--watch-all-namespaces=true",
        "--log-level=info",
        "--log-encoding=json",
        "--enable-leader-election=false",
        "--storage-path=/data",
        "--storage-adv-addr=source-controller.flux-system.svc.cluster.local.",
        "--concurrent=10",
        "--requeue-dependency=5s",
        "--no-cross-namespace-refs=true",
        "--no-remote-bases=true",
        "--default-service-account=default",
        "--feature-gates=StrictPostBuildSubstitutions=false,ObjectLevelWorkloadIdentity=true",
    )
    names = {argument.partition("=")[0].removeprefix("--") for argument in arguments} - {"feature-gates"}
    assert names <= {each.name for each in options() if each.flux}
    assert given(*arguments).kustomizations.concurrent == 10
