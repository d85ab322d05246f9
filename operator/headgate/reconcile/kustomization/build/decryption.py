"""Decryption as a part of a build: which files and objects, with which keys.

Pure except for the calls of key services. Plain texts exist only in the memory of the build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from headgate.documents.errors import BuildError, YamlError
from headgate.documents.tree import EntryKind, RecordingTree, Tree
from headgate.documents.yaml import load_documents
from headgate.identity import WorkloadIdentity
from headgate.kustomize.errors import PatchError
from headgate.objects import Obj
from headgate.postbuild import Masks
from headgate.postbuild.sops import (
    DataKeySource,
    DecryptingTree,
    DecryptionError,
    Decryptor,
    Format,
    KeyCredentialsInvalid,
    encrypted_sources,
    key_sources,
)
from headgate.reconcile.kustomization.build.datakeys import DataKeys
from headgate.reconcile.kustomization.build.errors import DecryptionFailed
from headgate.reconcile.kustomization.build.outages import KeyTime, Outages

E = TypeVar("E", bound=BuildError)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that ``spec.decryption`` and the operator's options provide, as read from the cluster."""

    version: str
    """Identifies these credentials; differs from that of others, and of earlier content of the same objects."""
    name: str = ""
    """The Secret that contains the keys, ``<namespace>/<name>``."""
    secret: Mapping[str, bytes] | None = field(default=None, repr=False)
    """The data of ``spec.decryption.secretRef``; None without one."""
    age_fallback: Mapping[str, bytes] | None = field(default=None, repr=False)
    identity: WorkloadIdentity | None = None
    vault_identity: WorkloadIdentity | None = None
    vault_login_paths: Mapping[str, str] | None = None

    def sources(self) -> list[DataKeySource]:
        """Raises :class:`DecryptionFailed` if an entry of the Secret cannot be used."""
        try:
            return key_sources(
                self.secret,
                age_fallback=self.age_fallback,
                identity=self.identity,
                ambient=self.identity is None,
                vault_identity=self.vault_identity,
                vault_login_paths=self.vault_login_paths,
            )
        except KeyCredentialsInvalid as error:
            raise DecryptionFailed(error.message, object=f"Secret/{self.name}") from None


class BuildDecryption:
    """Decrypts in one build of directory ``path`` of ``tree``; ``recording`` records what it reads.

    Raises :class:`DecryptionFailed` if the keys cannot be used.
    """

    def __init__(
        self, keys: Keys, tree: Tree, path: str, recording: RecordingTree, opened: DataKeys, outages: Outages
    ) -> None:
        self._recording = recording
        time_left = KeyTime()
        sources = [outages.watch(source, keys.version, time_left) for source in keys.sources()]
        self._decryptor = Decryptor(sources, opened=opened.of(keys.version))
        self._tree = DecryptingTree(tree, self._decryptor, encrypted_sources(tree, path))

    @property
    def tree(self) -> Tree:
        """The tree with the sources of generators and patches decrypted."""
        return self._tree

    @property
    def masks(self) -> Masks:
        """The masks of all values decrypted so far."""
        masks = self._decryptor.masks
        for path, source in self._tree.decrypted.items():
            if source.is_patch and source.format is Format.BINARY:
                # It was decrypted as one text, but its parts get into objects separately.
                for value in _values(_load_safely(self._tree.read(path))):
                    masks.add(value)
        return masks

    def decrypt(self, obj: Obj) -> tuple[Obj, bool]:
        """Return the decrypted object, and whether it may hold values that are secret in the repository.

        Raises :class:`DecryptionFailed`.
        """
        try:
            plain = self._decryptor.decrypt_object(obj)
        except DecryptionError as error:
            raise self.failed(error, _file_of(obj, self._recording)) from None
        decrypted = self._tree.decrypted.values()
        from_file = any(source.is_patch or obj["kind"] in ("ConfigMap", "Secret") for source in decrypted)
        return plain, plain is not obj or from_file

    def failed(self, error: DecryptionError, file: str | None = None) -> DecryptionFailed:
        """An error of the decryption as an error of the build."""
        return DecryptionFailed(
            _clean(error.message),
            file=error.file or file,
            object=error.object,
            field=_clean(error.field or "") or None,
        )

    def masked(self, error: E) -> E:
        """The error of a build without decrypted text: parsers quote what they cannot understand."""
        masks = self.masks
        error.message = masks(error.message)
        if error.file in self._tree.decrypted:
            error.field = None
            error.message = next(
                (what for kind, what in _UNUSABLE.items() if isinstance(error, kind)), "cannot be used"
            )
            error.message += ", once it is decrypted; sops decrypt shows what is wrong"
        error.object = error.object and masks(error.object)
        error.field = error.field and masks(error.field)
        error.args = (error.message,)
        return error


_UNUSABLE: dict[type[BuildError], str] = {
    YamlError: "is not valid YAML",
    PatchError: "is not a patch that applies",
}


def _clean(text: str) -> str:
    """The text without characters that cannot be encoded: names in a file may have them, messages may not."""
    return text.encode("utf-8", "replace").decode()


def _load_safely(content: bytes) -> Any:
    try:
        return [document.value for document in load_documents(content, file="")]
    except BuildError:
        return None


def _values(value: Any) -> Iterator[str]:
    """The texts of a patch, except those that select its target."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _values(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in ("op", "path", "from"):
                yield from _values(item)


def _file_of(obj: Obj, recording: RecordingTree) -> str | None:
    """The file of an encrypted object: the one with its MAC, or with one of its encrypted entries."""
    section = obj.get("sops")
    if isinstance(section, dict):
        marks = [str(section.get("mac") or "")]
    else:
        marks = [value for value in obj["data"].values() if isinstance(value, str)]
    wanted = [mark.strip().encode() for mark in marks if len(mark) > 40]
    for path, seen in recording.inputs.items():
        if seen.kind is EntryKind.FILE and seen.content is not None:
            content = recording.read(path)
            if any(mark in content for mark in wanted):
                return path
    return None
