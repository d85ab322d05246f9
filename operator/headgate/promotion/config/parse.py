"""Reads ``headgate.yaml``; every error names file, line and field. Pure.

Policy protects an environment, so nothing in the file is skipped: an unknown field may be a guard that is misspelled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from headgate.api import InvalidSpec
from headgate.api.fields import Fields
from headgate.api.gitrepository import REFERENCE_FIELDS
from headgate.api.windows import MAX_WINDOWS, Window
from headgate.documents import plainyaml
from headgate.git.errors import RefInvalid
from headgate.git.refs.reference import GitReference
from headgate.promotion.config.model import (
    CONFIG_FILE,
    DEFAULT_REPORTERS,
    Approvals,
    Environment,
    Environments,
)
from headgate.promotion.errors import ConfigInvalid

__all__ = ["check_cluster", "check_name", "parse_config", "sorted_environments"]

MAX_BYTES = 256 << 10
MAX_ENVIRONMENTS = 200
MAX_ENTRIES = 500
"""Limit for the entries of any other list."""
MAX_TEXT = 500
"""Limit in characters for a single text."""
MAX_APPROVALS = 50
LONGEST_SOAK = 366 * 86400.0

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FIELDS = (
    "name",
    "cluster",
    "after",
    "soak",
    "windows",
    "approvals",
    "expect",
    "fields",
    "requireProven",
    "context",
    "source",
    "follows",
)
_PATH = "environments"


def parse_config(content: bytes, file: str = CONFIG_FILE) -> Environments:
    """Return what the file declares; raises :class:`ConfigInvalid`."""
    if len(content) > MAX_BYTES:
        raise ConfigInvalid(f"{file}: has more than {MAX_BYTES} bytes")
    try:
        value = plainyaml.load(content)
        root = yaml.compose(content, Loader=yaml.CSafeLoader)
    except (plainyaml.NotPlain, yaml.YAMLError, RecursionError) as error:
        what = str(error) if isinstance(error, plainyaml.NotPlain) else "is not valid YAML"
        raise ConfigInvalid(f"{file}{_line_of_fault(content)}: {what}") from None
    for node, key in _repeated(root):
        raise ConfigInvalid(f"{file}:{node.start_mark.line + 1}: the field '{_short(key)}' appears twice")
    try:
        if value is None:
            raise InvalidSpec(_PATH, "is required: name the environments")
        if not isinstance(value, dict):
            raise InvalidSpec("", "must be a mapping with the field 'environments'")
        fields = Fields(value, "", MAX_ENTRIES)
        fields.only("environments", "reporters", "promoters", "statusAuthors")
        found = fields.objects("environments", _environment)
        if not found:
            raise InvalidSpec(f".{_PATH}", "must name at least one environment")
        if len(found) > MAX_ENVIRONMENTS:
            raise InvalidSpec(f".{_PATH}", f"has more than {MAX_ENVIRONMENTS} entries")
        reporters = _text(fields, "reporters") or DEFAULT_REPORTERS
        promoters = _text(fields, "promoters")
        authors = _strings(fields, "statusAuthors")
        for at, author in enumerate(authors):
            if not author or len(author) > MAX_TEXT:
                raise fields.invalid(f"statusAuthors[{at}]", "must be the login of an account at the forge")
        return Environments(
            sorted_environments(found), reporters, promoters, authors, declared=True, where=file
        )
    except InvalidSpec as error:
        path = error.field.lstrip(".")
        raise ConfigInvalid(
            f"{file}:{_line(root, path)}: {path + ' ' if path else ''}{error.problem}"
        ) from None


def check_name(name: str) -> str:
    """Return what is wrong with the name of an environment, which is part of refs and branches; "" if nothing is."""
    if _NAME.fullmatch(name):
        return ""
    return f"must be lower case letters, digits and dashes, at most 63 characters, not {name[:100]!r}"


def check_cluster(path: str) -> str:
    """Return what is wrong with the path of a cluster folder; "" if nothing is."""
    parts = path.removeprefix("./").rstrip("/").split("/")
    if path.startswith("/") or any(part in ("", "..", ".git") for part in parts) or not path.isprintable():
        return f"must be the path of a directory in the repository, not {path[:100]!r}"
    return ""


def sorted_environments(found: tuple[Environment, ...]) -> tuple[Environment, ...]:
    """Return the environments, each after those that it names in ``after``; raises InvalidSpec for the entry."""
    places: dict[str, int] = {}
    for at, each in enumerate(found):
        places.setdefault(each.name, at)
    for at, each in enumerate(found):
        if places[each.name] != at:
            raise InvalidSpec(
                f".{_PATH}[{at}].name", f"must be unique, and an earlier environment is named '{each.name}'"
            )
        for index, name in enumerate(each.after):
            if name not in places:
                raise InvalidSpec(
                    f".{_PATH}[{at}].after[{index}]", f"names '{name}', but no environment has this name"
                )
    done: dict[str, Environment] = {}
    left = list(found)
    while left:
        ready = [each for each in left if all(name in done for name in each.after)]
        if not ready:
            names = ", ".join(each.name for each in left)
            at = places[left[0].name]
            raise InvalidSpec(
                f".{_PATH}[{at}].after", f"leads back to the environment itself (among {names})"
            )
        done |= {each.name: each for each in ready}
        left = [each for each in left if each.name not in done]
    return tuple(done.values())


def _environment(fields: Fields) -> Environment:
    fields.only(*_FIELDS)
    name = fields.required_text("name")
    if problem := check_name(name):
        raise fields.invalid("name", problem)
    cluster = fields.required_text("cluster")
    if problem := check_cluster(cluster):
        raise fields.invalid("cluster", problem)
    soak = fields.duration("soak", 0.0)
    if soak > LONGEST_SOAK:
        raise fields.invalid("soak", "must be at most 366 days (8784h)")
    after = _strings(fields, "after")
    if soak and not after:
        raise fields.invalid("soak", "needs 'after': the environments in which a change soaks")
    windows = fields.objects("windows", Window.parse)
    if len(windows) > MAX_WINDOWS:
        raise fields.invalid("windows", f"has {len(windows)} entries, more than {MAX_WINDOWS}")
    source = fields.text("source")
    if source and (source.count("/") != 1 or not all(source.split("/"))):
        raise fields.invalid("source", f"must be namespace/name of a GitRepository, not {source[:100]!r}")
    proven = fields.flag("requireProven")
    if proven and not after:
        raise fields.invalid("requireProven", "needs 'after': the environments in which a change is proven")
    return Environment(
        name=name,
        cluster=cluster.removeprefix("./").rstrip("/"),
        after=after,
        soak=soak,
        windows=windows,
        approvals=fields.optional_object("approvals", _approvals),
        expect=_patterns(fields, "expect", "Kind:field.path"),
        fields=_patterns(fields, "fields", "file:field.path"),
        require_proven=proven,
        context=_text(fields, "context"),
        follows=fields.optional_object("follows", _reference),
        source=source,
    )


def _approvals(fields: Fields) -> Approvals:
    fields.only("count", "signers", "notAuthor")
    count = fields.whole_number("count")
    if not 1 <= count <= MAX_APPROVALS:
        raise fields.invalid("count", f"must be between 1 and {MAX_APPROVALS}, not {count}")
    signers = fields.required_text("signers")
    if problem := check_cluster(signers).replace("a directory", "a file"):
        raise fields.invalid("signers", problem)
    return Approvals(count, signers.removeprefix("./"), fields.flag("notAuthor"))


def _reference(fields: Fields) -> GitReference:
    fields.only(*REFERENCE_FIELDS)
    reference = GitReference(**{name: _text(fields, name) for name in REFERENCE_FIELDS})
    if reference == GitReference():
        raise fields.invalid("", f"must have one of {', '.join(REFERENCE_FIELDS)}")
    try:
        reference.check()
    except RefInvalid as error:
        raise fields.invalid("", f"cannot be used: {error}") from None
    return reference


def _strings(fields: Fields, name: str) -> tuple[str, ...]:
    values = fields.strings(name)
    if len(set(values)) != len(values):
        raise fields.invalid(name, "names something twice")
    return values


def _patterns(fields: Fields, name: str, form: str) -> tuple[str, ...]:
    values = _strings(fields, name)
    for at, value in enumerate(values):
        before, colon, after = value.partition(":")
        if not (before and colon and after) or len(value) > MAX_TEXT:
            raise fields.invalid(f"{name}[{at}]", f"must have the form {form}, not {value[:100]!r}")
    return values


def _text(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if len(value) > MAX_TEXT:
        raise fields.invalid(name, f"has more than {MAX_TEXT} characters")
    return value


# Lines.

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def _line(root: yaml.Node | None, path: str) -> int:
    """The line of a field, or of the deepest thing above it that is in the file."""
    line, node = 1, root
    for name, index in _STEP.findall(path):
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == name:
                    line, following = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            following = node.value[int(index)]
            line = following.start_mark.line + 1
        if following is None:
            break
        node = following
    return line


def _line_of_fault(content: bytes) -> str:
    try:
        yaml.compose(content, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        return f":{error.problem_mark.line + 1}" if error.problem_mark else ""
    except (yaml.YAMLError, RecursionError):
        return ""
    return ""


def _repeated(root: yaml.Node | None) -> Iterator[tuple[yaml.Node, str]]:
    pending = [root] if root is not None else []
    while pending:
        node = pending.pop()
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        yield key, key.value
                    seen.add(key.value)
                pending.append(value)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)


def _short(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)[:100]
