"""The overlay build engine: what ``kustomize build`` does, in process, on any tree of files.

    from headgate.kustomize import BuildOptions, FolderTree, build

    for obj in build(FolderTree(Path("repository")), "apps/production"):
        print(obj["kind"], obj["metadata"]["name"])

The engine reads through a :class:`Tree` (a folder, memory, or a Git commit), uses the network only through a
:class:`RemoteFetcher`, and runs no programs. It behaves like kustomize v5 without plugins, which is how Flux runs it.
Start reading in :mod:`.engine`, then :mod:`.recipe.target`. Each package imports only those below it:

engine      one build from beginning to end
recipe      the steps of one kustomization file, in kustomize's order
context     the state of one build
transform   the transformers and generators, one module each
merge       strategic merge patches and JSON patches
model       the kustomization file and the transformer configuration as types
reading     from paths in a file to the objects there
paths       notations of field paths, and the walks along them
resources   objects during a build: identities, history, their collection
schema      how lists merge, and which kinds have a namespace
options     the options of a build
giturl      the grammar of remote bases
errors      the errors of a build in addition to those of files and documents
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
from headgate.kustomize.options import BuildLimits, BuildOptions, RemoteFetcher

__all__ = [
    "KUSTOMIZE_VERSION",
    "BuildError",
    "BuildLimits",
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
