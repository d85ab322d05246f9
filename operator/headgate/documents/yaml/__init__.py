"""YAML as Kubernetes tools read and write it: the only way from YAML text to values and back.

    for document in load_documents(data, file="apps/web.yaml"):
        print(document.line, document.value["kind"])

Reading gives plain JSON-able values with the types that kustomize's parser (go-yaml v3) would give; writing gives, byte
for byte, what ``kustomize build`` prints. A few scalars come as subclasses of ``str``, ``int`` and ``float`` that
remember how they were written, because kustomize lets the spelling show: a patch cannot turn a quoted string into a
number, and an annotation ``1.10`` is the text ``1.10``. :func:`plain` takes these marks off.

loader             reads texts: plain block YAML by block and line, all else by libyaml and construct
block, line        plain block YAML, line by line
construct          the events of libyaml to a value
scalars, numbers   what a plain scalar means, and how Go prints numbers
known              scalars, keys and lines that were read before
folded             what becomes of folded text in a resource
emitter            writes values as kustomize prints them
order, text        the order of keys, and how a string is written
canonical          the JSON that kustomize hashes
nodes              texts that are edited and keep their styles, order and comments
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
