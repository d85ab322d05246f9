"""YAML text as kustomize's parser keeps it while it edits: nodes with their styles, order and comments.

The rest of this package turns resources into values and prints those sorted, for so does kustomize. Text that a
replacement reaches into is another matter: kustomize parses it into the nodes of go-yaml v3, changes one of them, and
prints all of them again. So the order stays, and quotes, comments, anchors and the spelling of numbers do; indentation
and blank lines become those of the printer. SOPS keeps all of a text except what it decrypts, so its nodes have places.

node       the nodes of a document
reader     :func:`read`: the first document of a text
comments   which comment belongs to what
writer     :func:`write`: the text that kustomize would print
style      in which styles a scalar can be written
placed     :func:`read_placed`: all documents, each node with its place in the text
"""

from headgate.documents.yaml.nodes.node import STR, Kind, Node, Page, created, kind_of, made_of
from headgate.documents.yaml.nodes.placed import PlacedDocument, read_placed
from headgate.documents.yaml.nodes.reader import read
from headgate.documents.yaml.nodes.writer import write, written_node

__all__ = [
    "STR",
    "Kind",
    "Node",
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
