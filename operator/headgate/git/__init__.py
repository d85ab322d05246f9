"""From a Git remote to a tree of files and an artifact. Synchronous: the reconcilers call it in threads.

The rooms, each of which uses only those below it:

bases         remote bases: repositories and files that kustomization files name by URL
checkout      from a fetched commit to the tree that becomes the artifact, with submodules and includes
publishing    one file on a ref of a remote, in signed commits
artifact      a tree as a deterministic tar.gz, and artifacts on disk
remote        lists refs and fetches commits; why that failed
verify        spec.verify: signatures of commits and tags
tree          files as the build engine reads them: a commit, several trees in one, an archive; ignore rules
cache         clone caches on disk, and reading their blobs
credentials   from a Secret, a proxy and spec.provider to the access of one Git command
refs          spec.ref and the commit that it selects; version ranges
command       Git as a child process: hardened, with limits on time and memory
limits        the maximum size of one source
url           a validated repository URL
errors        the exceptions
"""
