"""YAML as Kubernetes tools read and write it: the only conversion between YAML text and values.

    for document in load_documents(data, file="apps/web.yaml"):
        print(document.line, document.value["kind"])

Reading returns plain JSON-compatible values with the types that kustomize's parser (go-yaml v3) returns; writing
returns, byte for byte, what ``kustomize build`` prints. A few scalars are subclasses of ``str``, ``int`` and ``float``
that keep their spelling, because kustomize does: a patch cannot turn a quoted string into a number, and an annotation
``1.10`` is the text ``1.10``. :func:`plain` removes these marks.

loader             reads texts: plain block YAML with block and line, everything else with libyaml and construct
block, line        plain block YAML, line by line
construct          the events of libyaml to a value
scalars, numbers   the value of a plain scalar, and how Go prints numbers
known              a cache of scalars, keys and lines
folded             how kustomize changes folded text in a resource
emitter            writes values as kustomize prints them
order, text        the order of keys, and how a string is written
canonical          the JSON that kustomize hashes
nodes              edits texts and keeps their styles, order and comments
"""

from headgate.documents.yaml.canonical import to_indented_json, to_json
from headgate.documents.yaml.emitter import dump, dump_all
from headgate.documents.yaml.loader import (
    A_POINTER,
    LFS_POINTER,
    Dialect,
    YamlLimits,
    first_value,
    load_documents,
)
from headgate.documents.yaml.scalars import Quoted, plain, printed, scalar_text

__all__ = [
    "A_POINTER",
    "LFS_POINTER",
    "Dialect",
    "Quoted",
    "YamlLimits",
    "dump",
    "dump_all",
    "first_value",
    "load_documents",
    "plain",
    "printed",
    "scalar_text",
    "to_indented_json",
    "to_json",
]
