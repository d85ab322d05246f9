"""The ``sops`` section of an encrypted text: the keys that open it, and which values are encrypted.

Formats without nesting flatten it: ``sops_age__list_0__map_enc`` (dotenv) or ``age__list_0__map_enc`` in a section
``[sops]`` (INI). :func:`unflatten` reverses that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headgate.postbuild.sops.errors import NotSops

__all__ = ["MasterKey", "Metadata", "Rules", "unflatten"]

KINDS = ("kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp", "age")
"""The kinds of keys, with the names and order of the metadata."""

_RULES = (
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
)
_NAMES = {
    "age": ("age recipient", ("recipient",)),
    "pgp": ("PGP key", ("fp",)),
    "kms": ("AWS KMS key", ("arn",)),
    "gcp_kms": ("GCP KMS key", ("resource_id",)),
    "hckms": ("Huawei Cloud KMS key", ("key_id",)),
    "azure_kv": ("Azure Key Vault key", ("vault_url", "name", "version")),
    "hc_vault": ("Vault transit key", ("vault_address", "engine_path", "key_name")),
}
_MOST_KEYS = 200
"""Each key may cause a request to a key service."""
_MOST_PARTS = 20
"""Limit for the parts of a flat name, including separators; names by SOPS have at most 11."""
_TOKEN = re.compile(r"(__map_|__list_)")


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that encrypts the data key, or the share of its key group."""

    kind: str
    """One of :data:`KINDS`."""
    enc: str
    """The encrypted data key, in the encoding of the kind."""
    fields: Mapping[str, Any]
    """The other fields of the key in the metadata, such as ``recipient``, ``fp`` or ``arn``."""

    def text(self, name: str) -> str:
        """Return a field as text; "" when it is absent."""
        value = self.fields.get(name)
        return "" if value is None else _clean(value)

    @property
    def name(self) -> str:
        """The name that identifies the key to its owner; not secret."""
        what, fields = _NAMES[self.kind]
        return f"{what} {'/'.join(_short(self.text(field)) for field in fields)}"

    @property
    def service(self) -> str:
        """The server that holds the key, if the metadata identifies it; "" for keys without a server."""
        fields = {"hc_vault": "vault_address", "azure_kv": "vault_url"}
        if self.kind == "kms":
            return ":".join(["kms", *self.text("arn").split(":")[1:4]])
        return (
            self.text(fields[self.kind])
            if self.kind in fields
            else self.kind
            if self.kind == "gcp_kms"
            else ""
        )


def _clean(value: Any) -> str:
    """The value as encodable text; other text cannot belong to a valid key."""
    return str(value).encode("utf-8", "replace").decode()


def _short(text: str) -> str:
    """Shorten recipients with post-quantum keys, which have 2,000 characters."""
    return text if len(text) <= 80 else f"{text[:40]}…{text[-8:]}"


@dataclass(frozen=True, slots=True)
class Rules:
    """Which values are encrypted, by the keys that lead to them; at most one rule is set."""

    name: str
    """The name of the rule in the metadata."""
    text: str
    """The suffix or the regular expression."""

    @property
    def by_comment(self) -> bool:
        """Return whether comments decide; then the form of a value shows whether it is encrypted."""
        return self.name.endswith("_comment_regex")

    def encrypts(self, path: Sequence[str]) -> bool:
        """Return whether a value with these keys above it is encrypted. Not for rules by comment."""
        if self.name.endswith("_regex"):
            import re2  # here, because most builds decrypt nothing

            pattern = re2.compile(self.text)
            matched = any(pattern.search(key) for key in path)
        else:
            matched = any(key.endswith(self.text) for key in path)
        return matched is not self.name.startswith("unencrypted")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of an encrypted text."""

    groups: tuple[tuple[MasterKey, ...], ...]
    threshold: int
    """How many key groups must be opened, if there is more than one; 0 means all."""
    rules: Rules
    mac: str
    """The encrypted MAC."""
    last_modified: str
    """RFC 3339, normalized as SOPS writes it: the MAC is bound to this text."""
    mac_only_encrypted: bool

    @staticmethod
    def parse(section: Any) -> Metadata:
        """From the ``sops`` section; raises :class:`NotSops`."""
        if not isinstance(section, Mapping):
            raise NotSops("the sops metadata is not a mapping")
        rules = [Rules(name, str(section[name])) for name in _RULES if section.get(name)]
        if len(rules) > 1:
            raise NotSops(f"the sops metadata has both {rules[0].name} and {rules[1].name}")
        if rules and rules[0].name.endswith("_regex"):
            import re2

            try:
                re2.compile(rules[0].text)
            except re2.error:
                raise NotSops(f"{rules[0].name} in the sops metadata is not a regular expression") from None
        groups = _groups(section)
        if not groups:
            raise NotSops("the sops metadata names no keys")
        if sum(map(len, groups)) > _MOST_KEYS:
            raise NotSops(f"the sops metadata names more than {_MOST_KEYS} keys")
        try:
            threshold = int(section.get("shamir_threshold") or 0)
        except (TypeError, ValueError):
            raise NotSops("shamir_threshold in the sops metadata is not a number") from None
        return Metadata(
            groups=groups,
            threshold=threshold,
            rules=rules[0] if rules else Rules("unencrypted_suffix", "_unencrypted"),
            mac=str(section.get("mac") or ""),
            last_modified=_rewritten(str(section.get("lastmodified") or "")),
            mac_only_encrypted=section.get("mac_only_encrypted") in (True, "true", "1", 1),
        )


def _groups(section: Mapping[str, Any]) -> tuple[tuple[MasterKey, ...], ...]:
    single = _group(section)
    if single:
        return (single,)
    listed = section.get("key_groups")
    return tuple(_group(group) for group in listed) if isinstance(listed, list) else ()


def _group(section: Any) -> tuple[MasterKey, ...]:
    keys = []
    for kind in KINDS if isinstance(section, Mapping) else ():
        entries = section.get(kind)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping):
                keys.append(MasterKey(kind, _clean(entry.get("enc") or ""), entry))
    return tuple(keys)


def _rewritten(moment: str) -> str:
    """A time in Go's format: whole seconds, and ``Z`` for UTC."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        raise NotSops("lastmodified in the sops metadata is not an RFC 3339 time") from None
    if parsed.tzinfo is None:
        raise NotSops("lastmodified in the sops metadata has no time zone")
    text = parsed.isoformat(timespec="seconds")
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def unflatten(entries: Mapping[str, str]) -> dict[str, Any]:
    """Return the nested section of flat entries; raises :class:`NotSops`."""
    root: dict[str | int, Any] = {}
    for flat, value in entries.items():
        parts = _TOKEN.split(flat)
        if len(parts) > _MOST_PARTS:
            raise NotSops("the sops metadata is nested too deeply")
        path: list[str | int] = [parts[0]]
        for separator, name in zip(parts[1::2], parts[2::2], strict=True):
            if separator == "__map_":
                path.append(name)
            elif name.isdecimal() and len(name) < 6:
                path.append(int(name))
            else:
                raise NotSops(f"the sops metadata has a malformed entry {flat!r}")
        node = root
        for step in path[:-1]:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                raise NotSops(f"the sops metadata has conflicting entries at {flat!r}")
        if path[-1] in node:
            raise NotSops(f"the sops metadata has conflicting entries at {flat!r}")
        node[path[-1]] = value
    return {str(name): _lists(value) for name, value in root.items()}


def _lists(node: Any) -> Any:
    """Convert mappings with numbers as keys to lists."""
    if not isinstance(node, dict):
        return node
    if node and all(isinstance(step, int) for step in node):
        if sorted(node) != list(range(len(node))):
            raise NotSops("the sops metadata has an incomplete list")
        return [_lists(node[at]) for at in range(len(node))]
    return {str(step): _lists(value) for step, value in node.items()}
