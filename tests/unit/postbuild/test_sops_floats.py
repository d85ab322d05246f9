"""Floats in each format of SOPS, compared with the output of SOPS.

``data/floats.json``: for the text of a float in YAML, the output of the stores of SOPS 3.13 for YAML, JSON (null if
they refuse), dotenv and INI, and the text that goes into the MAC.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headgate.documents.yaml.scalars import resolve_v3
from headgate.postbuild.sops import dotenv_store, ini_store, json_store, yaml_scalar
from headgate.postbuild.sops.errors import NotSops
from headgate.postbuild.sops.values import mac_bytes
from headgate.postbuild.sops.walk import Branch

PRINTED: dict[str, list[str | None]] = json.loads(
    (Path(__file__).parent / "data" / "floats.json").read_text()
)


@pytest.mark.parametrize("text", PRINTED)
def test_a_float_is_printed_as_sops_prints_it(text: str) -> None:
    value = float(resolve_v3(text))
    branch = Branch([("v", value)])
    as_yaml, as_json, as_dotenv, as_ini, in_mac = PRINTED[text]
    assert yaml_scalar.emit(branch).decode() == f"v: {as_yaml}\n"
    assert dotenv_store.emit(branch).decode() == f"v={as_dotenv}\n"
    assert ini_store.emit(Branch([("s", branch)])).decode() == f"[s]\nv = {as_ini}\n"
    assert mac_bytes(value).decode() == in_mac
    if as_json is None:
        with pytest.raises(NotSops, match="JSON cannot represent"):
            json_store.emit(branch)
    else:
        assert json_store.emit(branch).decode() == f'{{\n\t"v": {as_json}\n}}\n'
