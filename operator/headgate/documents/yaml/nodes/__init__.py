"""YAML text as kustomize's parser keeps it during edits: nodes with their styles, order and comments.

The rest of this package turns resources into values and prints those sorted, as kustomize does. Replacements inside a
text are different: kustomize parses the text into the nodes of go-yaml v3, changes one of them, and prints all of them
again. This keeps the order, quotes, comments, anchors and the spelling of numbers; the printer determines indentation
and blank lines. SOPS changes only the values that it decrypts, so nodes know their positions.

node       the nodes of a document
reader     :func:`read`: the first document of a text
comments   finds comments and the token that each belongs to
writer     :func:`write`: the text that kustomize would print
style      the styles that can hold a scalar
placed     :func:`read_placed`: all documents, each node with its position in the text
"""

from headgate.documents.yaml.nodes.node import STR, Node, NodeKind, Page, created, kind_of, made_of
from headgate.documents.yaml.nodes.placed import PlacedDocument, read_placed
from headgate.documents.yaml.nodes.reader import read
from headgate.documents.yaml.nodes.writer import write, written_node

__all__ = [
    "STR",
    "Node",
    "NodeKind",
    "Page",
    "PlacedDocument",
    "created",
    "kind_of",
    "made_of",
    "read",
    "read_placed",
    "write",
    "written_node",
]
