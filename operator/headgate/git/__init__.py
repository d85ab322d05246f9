"""From a Git remote to a tree of files and an artifact. Synchronous: the reconcilers call it in worker threads.

The rooms, each of which uses only those below it:

bases         what kustomizations name by URL: repositories and files
checkout      from a fetched commit to the tree that becomes the artifact, with submodules and includes
artifact      a tree as a deterministic tar.gz, and artifacts on disk
remote        what a remote has, fetching commits of it, why that failed
verify        spec.verify: signatures of commits and tags
tree          files as the build engine sees them: a commit, several trees in one, an archive; ignore rules
cache         bare repositories on disk, and reading their blobs
credentials   a Secret, a proxy, spec.provider, and the access they give to one Git command
refs          what spec.ref asks for and what it means; version ranges
command       Git itself as a child process: hardened, bounded in time and memory
limits        how much one source may hold
url           a checked repository address
errors        what can go wrong
"""
