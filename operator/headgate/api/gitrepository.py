"""GitRepository, ``source.toolkit.fluxcd.io/v1``: every field of its spec."""

from __future__ import annotations

from dataclasses import dataclass

from headgate.api import conditions, labels, reasons
from headgate.api.fields import MAX_ENTRIES, Fields
from headgate.api.meta import LocalReference, ObjectKey
from headgate.objects import Obj

DEFAULT_BRANCH = "master"
DEFAULT_TIMEOUT = 60.0
"""Seconds for a Git operation."""

PROVIDERS = ("generic", "aws", "azure", "github")
VERIFICATION_MODES = ("head", "HEAD", "Tag", "TagAndHEAD")
REFERENCE_FIELDS = ("branch", "tag", "semver", "name", "commit")
"""The fields of ``spec.ref``."""
SCHEMES = ("http://", "https://", "ssh://")


@dataclass(frozen=True, slots=True)
class GitRepositoryRef:
    """The commit to fetch. Of commit, name, tag, semver and branch, the first that is set counts."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    name: str = ""
    commit: str = ""

    @staticmethod
    def parse(fields: Fields) -> GitRepositoryRef:
        """From ``spec.ref``."""
        return GitRepositoryRef(**{name: fields.text(name) for name in REFERENCE_FIELDS})


@dataclass(frozen=True, slots=True)
class Verification:
    """Which signatures to verify, and with which keys."""

    mode: str
    """``HEAD``, ``Tag`` or ``TagAndHEAD``."""
    secret_ref: LocalReference

    @staticmethod
    def parse(fields: Fields) -> Verification:
        """From ``spec.verify``."""
        mode = fields.choice("mode", VERIFICATION_MODES, "HEAD")
        return Verification(
            mode="HEAD" if mode == "head" else mode,
            secret_ref=fields.required_object("secretRef", LocalReference.parse),
        )


@dataclass(frozen=True, slots=True)
class Include:
    """Another GitRepository whose content is copied into this one's."""

    repository: LocalReference
    from_path: str = ""
    to_path: str = ""

    @staticmethod
    def parse(fields: Fields) -> Include:
        """From an entry of ``spec.include``."""
        repository = fields.required_object("repository", LocalReference.parse)
        return Include(repository, fields.text("fromPath"), fields.text("toPath"))

    @property
    def target_path(self) -> str:
        """The target of the content: ``toPath``, else the repository's name."""
        return self.to_path or self.repository.name


@dataclass(frozen=True, slots=True)
class GitRepositorySpec:
    """The spec; times in seconds. Empty text means not set."""

    url: str
    interval: float
    timeout: float = DEFAULT_TIMEOUT
    secret_ref: LocalReference | None = None
    provider: str = "generic"
    service_account_name: str = ""
    ref: GitRepositoryRef | None = None
    verify: Verification | None = None
    proxy_secret_ref: LocalReference | None = None
    ignore: str | None = None
    """None or empty: not set, so the default rules apply unless a ``.sourceignore`` exists."""
    suspend: bool = False
    recurse_submodules: bool = False
    include: tuple[Include, ...] = ()
    sparse_checkout: tuple[str, ...] = ()

    @staticmethod
    def parse(fields: Fields) -> GitRepositorySpec:
        """From ``spec``."""
        url = fields.required_text("url")
        if not url.startswith(SCHEMES):
            # The message omits the URL, which may contain credentials.
            raise fields.invalid("url", f"must begin with one of {', '.join(SCHEMES)}")
        provider = fields.choice("provider", PROVIDERS, "generic")
        account = fields.text("serviceAccountName")
        if account and provider not in ("aws", "azure"):
            raise fields.invalid("serviceAccountName", "can only be set when provider is 'azure' or 'aws'")
        return GitRepositorySpec(
            url=url,
            interval=fields.duration("interval"),
            timeout=fields.duration("timeout", DEFAULT_TIMEOUT),
            secret_ref=fields.optional_object("secretRef", LocalReference.parse),
            provider=provider,
            service_account_name=account,
            ref=fields.optional_object("ref", GitRepositoryRef.parse),
            verify=fields.optional_object("verify", Verification.parse),
            proxy_secret_ref=fields.optional_object("proxySecretRef", LocalReference.parse),
            ignore=fields.optional_text("ignore"),
            suspend=fields.flag("suspend"),
            recurse_submodules=fields.flag("recurseSubmodules"),
            include=fields.objects("include", Include.parse),
            sparse_checkout=fields.strings("sparseCheckout"),
        )


@dataclass(frozen=True, slots=True)
class GitRepository:
    """A GitRepository's identity and spec. Its status is read and written raw."""

    key: ObjectKey
    generation: int
    requested_at: str | None
    """The value of the annotation for a requested reconcile."""
    spec: GitRepositorySpec
    hold: str | None = None
    """The value of the annotation that keeps new revisions out; None if it has none."""
    windows: str | None = None
    """The value of the annotation that limits new revisions to windows, as text; None if it has none."""

    @classmethod
    def from_object(cls, obj: Obj, max_entries: int = MAX_ENTRIES) -> GitRepository:
        """From a raw object, with at most ``max_entries`` in each list; raises :class:`headgate.api.InvalidSpec`."""
        meta = obj["metadata"]
        hold, windows = labels.gate(obj)
        return cls(
            key=ObjectKey(meta["namespace"], meta["name"]),
            generation=int(meta.get("generation") or 0),
            requested_at=labels.requested_at(obj),
            spec=GitRepositorySpec.parse(Fields(obj.get("spec"), "spec", max_entries)),
            hold=hold,
            windows=windows,
        )

    @property
    def namespace(self) -> str:
        """The object's namespace."""
        return self.key.namespace

    @property
    def name(self) -> str:
        """The object's name."""
        return self.key.name

    @property
    def ref(self) -> GitRepositoryRef:
        """The commit to fetch; by default the branch ``master``."""
        ref = self.spec.ref or GitRepositoryRef()
        return ref if ref != GitRepositoryRef() else GitRepositoryRef(branch=DEFAULT_BRANCH)


def held_revision(obj: Obj) -> str:
    """Which revision of a raw GitRepository its annotations hold, and why; empty if none is.

    Without the annotations, the condition is one that Flux's controller has left as it was.
    """
    if labels.gate(obj) == (None, None):
        return ""
    found = conditions.get(conditions.of(obj), reasons.REVISION_HELD)
    return str(found.get("message") or "") if found is not None and found.get("status") == "True" else ""
