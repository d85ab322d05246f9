"""Generates ConfigMaps and Secrets from literals, files and env files, and hashes their content.

Documented at https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/configmapgenerator/
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from headgate.documents.budget import Budget
from headgate.documents.copying import converted
from headgate.documents.errors import BuildError, within
from headgate.documents.yaml import plain, to_json
from headgate.documents.yaml.scalars import created_texts, data_text, scalar_text
from headgate.kustomize.errors import KustomizationError
from headgate.kustomize.model.kustomization_file import GeneratorArgs, GeneratorOptions, SecretArgs
from headgate.kustomize.reading.loader import Loader
from headgate.kustomize.resources.resource import Resource, ScopeOf
from headgate.objects import Obj

_BASE64_LINE = 70
_EXACT = 1 << 53
"""A float can represent every whole number up to here."""
_BOM = "\ufeff"
# Go's unicode.IsSpace: the white space of the Latin-1 range and beyond.
_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_HASH_LETTERS = str.maketrans("013ae", "ghkmt")


def make_config_map(args: GeneratorArgs, loader: Loader, cluster_scoped: ScopeOf) -> Resource:
    """Generate a ConfigMap; content that is not UTF-8 becomes ``binaryData``. Raises BuildError."""
    obj = _base("ConfigMap", args)
    for key, content in _pairs(args, loader):
        try:
            obj.setdefault("data", {})[key] = data_text(content.decode())
        except UnicodeDecodeError:
            obj.setdefault("binaryData", {})[key] = data_text(_base64(content))
    return _finish(obj, args, cluster_scoped, loader.budget)


def make_secret(args: SecretArgs, loader: Loader, cluster_scoped: ScopeOf) -> Resource:
    """Generate a Secret, of type Opaque by default. Raises BuildError."""
    obj = _base("Secret", args)
    obj["type"] = args.type or "Opaque"
    obj["data"] = {key: data_text(_base64(content)) for key, content in _pairs(args, loader)}
    return _finish(obj, args, cluster_scoped, loader.budget)


def _base(kind: str, args: GeneratorArgs) -> Obj:
    if not args.name:
        raise KustomizationError(f"a generated {kind} must have a name")
    metadata: Obj = {"name": args.name}
    if args.namespace:
        metadata["namespace"] = args.namespace
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def _finish(obj: Obj, args: GeneratorArgs, cluster_scoped: ScopeOf, budget: Budget) -> Resource:
    options = args.options or GeneratorOptions()
    if options.labels:
        obj["metadata"]["labels"] = created_texts(options.labels)
    if options.annotations:
        obj["metadata"]["annotations"] = created_texts(options.annotations)
    if options.immutable:
        obj["immutable"] = True
    resource = Resource(obj, cluster_scoped, budget)
    resource.needs_hash = not options.disable_name_suffix_hash
    resource.behavior = args.behavior if args.behavior in ("create", "replace", "merge") else "unspecified"
    return resource


def _base64(content: bytes) -> str:
    """Encode as kustomize does: a long text has several lines, each ending in a newline."""
    encoded = base64.b64encode(content).decode()
    if len(encoded) < _BASE64_LINE:
        return encoded
    return "".join(
        encoded[start : start + _BASE64_LINE] + "\n" for start in range(0, len(encoded), _BASE64_LINE)
    )


def _pairs(args: GeneratorArgs, loader: Loader) -> list[tuple[str, bytes]]:
    pairs: list[tuple[str, bytes]] = []
    for index, path in enumerate(args.envs):
        with within("env" if path == args.env else f"envs[{index}]"):
            pairs.extend(env_pairs(loader.load(path), file=loader.name_of(path)))
    for index, text in enumerate(args.literals):
        with within(f"literals[{index}]"):
            pairs.append(_literal(text))
    for index, text in enumerate(args.files):
        with within(f"files[{index}]"):
            key, path = _file_source(text)
            pairs.append((key, loader.load(path)))
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise KustomizationError(f"the key {key!r} is given more than once")
        seen.add(key)
    return pairs


def env_pairs(content: bytes, *, file: str) -> list[tuple[str, bytes]]:
    """Read an env file: one ``key=value`` per line, ``#`` comments, no quoting. Raises BuildError."""
    pairs = []
    for number, raw in enumerate(content.split(b"\n"), start=1):
        try:
            line = raw.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            raise BuildError("is not valid UTF-8", file=file, line=number) from None
        if number == 1:
            line = line.removeprefix(_BOM)
        line = line.lstrip(_SPACES)
        if not line or line.startswith("#"):
            continue
        key, _, value = line.partition("=")
        if key:
            pairs.append((key, value.encode()))
    return pairs


def _literal(text: str) -> tuple[str, bytes]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise KustomizationError("a literal must have the form key=value")
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return key, value.encode()


def _file_source(text: str) -> tuple[str, str]:
    parts = text.split("=")
    if len(parts) == 1:
        return text.rstrip("/").rpartition("/")[2] or ".", text
    if len(parts) > 2 or not parts[0] or not parts[1]:
        raise KustomizationError(f"{text!r} must have the form path or key=path")
    return parts[0], parts[1]


def content_hash(obj: Obj) -> str:
    """Return the ten characters that kustomize appends to the name of a generated object.

    For ConfigMaps and Secrets they equal kustomize's.
    """
    kind = scalar_text(obj.get("kind"))
    if kind == "ConfigMap":
        fields = {"kind": kind, "name": "", "data": _field(obj, "data")}
        if isinstance(obj.get("binaryData"), (dict, list)):
            fields["binaryData"] = _field(obj, "binaryData")
    elif kind == "Secret":
        fields = {"kind": kind, "type": _field(obj, "type"), "name": "", "data": _field(obj, "data")}
        if isinstance(obj.get("stringData"), (dict, list)):
            fields["stringData"] = _field(obj, "stringData")
    else:
        # kustomize hashes its parser's nodes here, including line numbers and comments, differently in each release.
        # The purpose of the annotation only needs a name that changes with the content.
        fields = obj
    digest = hashlib.sha256(to_json(converted(plain(fields), _as_go_number))).hexdigest()
    return digest[:10].translate(_HASH_LETTERS)


def _as_go_number(value: Any) -> Any:
    """Return a scalar as Go reads it from JSON, where whole numbers are floats, too."""
    return float(value) if type(value) is int and abs(value) > _EXACT else value


def _field(obj: Obj, name: str) -> Any:
    value = obj.get(name, "")
    if isinstance(value, list):
        # A list, which only a patch can put here, counts as a missing map.
        return None
    # A null, which only a patch can put here, counts as the text "null".
    return value if isinstance(value, dict) else "null" if value is None else scalar_text(value)
