"""YAML as Kubernetes tools read and write it.

The engine's only door to YAML text. Reading (:mod:`.loader`) gives plain JSON-able Python values with the
types that kustomize's parser (go-yaml v3) would give; writing (:mod:`.emitter`) gives, byte for byte, what
``kustomize build`` prints; :mod:`.canonical` gives the JSON that kustomize hashes.

    for document in load_documents(data, file="apps/web.yaml"):
        print(document.line, document.value["kind"])

A few scalars come as subclasses of ``str``, ``int`` and ``float`` that remember how they were written
(:mod:`.scalars`), because kustomize lets the spelling shine through: a patch cannot turn a quoted string into
a number, and an annotation ``1.10`` is the text ``1.10``. :func:`plain` takes these marks off.
"""

from headgate.documents.yaml.canonical import to_indented_json, to_json
from headgate.documents.yaml.emitter import dump, dump_all
from headgate.documents.yaml.loader import (
    A_POINTER,
    DEFAULT,
    LFS_POINTER,
    Dialect,
    Document,
    Limits,
    load_documents,
)
from headgate.documents.yaml.scalars import Quoted, plain, printed, scalar_text

__all__ = [
    "A_POINTER",
    "DEFAULT",
    "LFS_POINTER",
    "Dialect",
    "Document",
    "Limits",
    "Quoted",
    "dump",
    "dump_all",
    "load_documents",
    "plain",
    "printed",
    "scalar_text",
    "to_indented_json",
    "to_json",
]
