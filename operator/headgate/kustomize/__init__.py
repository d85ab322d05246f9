"""The overlay build engine: what ``kustomize build`` does, in process, on any tree of files.

    from headgate.kustomize import BuildOptions, FolderTree, build

    for obj in build(FolderTree(Path("repository")), "apps/production"):
        print(obj["kind"], obj["metadata"]["name"])

It reads through a :class:`Tree` (a folder, memory, or a Git commit), never from the network unless it gets a
:class:`RemoteFetcher`, and runs no programs. It behaves as kustomize v5 with plugins off, which is how Flux runs it.
Start reading in :mod:`.engine`, then :mod:`.recipe.target`. Each room uses only those below it:

engine      the build from beginning to end
recipe      what one kustomization file orders, in kustomize's order
context     what one build keeps while it runs
transform   what a file can do to its resources, one module each
merge       strategic merge patches and JSON patches
model       the kustomization file and the transformer configuration as types
reading     from paths in a file to the objects there
paths       how fields are named, and the walks to them
resources   objects during a build: identities, history, their collection
schema      how lists merge, and which kinds have a namespace
options     what a caller may choose
giturl      the grammar of remote bases
errors      what can go wrong besides files and documents
"""

from headgate.documents.contentcache import ContentCache
from headgate.documents.errors import (
    BuildError,
    FileMissing,
    LimitExceeded,
    NotAFile,
    PathOutside,
    TooLarge,
    TreeError,
    YamlError,
)
from headgate.documents.tree import (
    EntryKind,
    FolderTree,
    Inputs,
    MemoryTree,
    OverlayTree,
    RecordingTree,
    Seen,
    Tree,
)
from headgate.documents.yaml import dump, dump_all
from headgate.kustomize.engine import KUSTOMIZE_VERSION, Output, assemble, build
from headgate.kustomize.errors import (
    CycleError,
    IdConflict,
    KustomizationError,
    PatchError,
    ReferenceFault,
    Refused,
    ResourceError,
)
from headgate.kustomize.giturl import GitUrl, parse_git_url
from headgate.kustomize.options import BuildOptions, Limits, RemoteFetcher

__all__ = [
    "KUSTOMIZE_VERSION",
    "BuildError",
    "BuildOptions",
    "ContentCache",
    "CycleError",
    "EntryKind",
    "FileMissing",
    "FolderTree",
    "GitUrl",
    "IdConflict",
    "Inputs",
    "KustomizationError",
    "LimitExceeded",
    "Limits",
    "MemoryTree",
    "NotAFile",
    "Output",
    "OverlayTree",
    "PatchError",
    "PathOutside",
    "RecordingTree",
    "ReferenceFault",
    "Refused",
    "RemoteFetcher",
    "ResourceError",
    "Seen",
    "TooLarge",
    "Tree",
    "TreeError",
    "YamlError",
    "assemble",
    "build",
    "dump",
    "dump_all",
    "parse_git_url",
]
