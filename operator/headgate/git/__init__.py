"""From a Git remote to a tree of files and an artifact. Synchronous: the reconcilers call it in worker
threads.

url         a checked repository address
auth        credentials from a Secret's data              access      the same, as one command's environment
refs        what spec.ref asks for, and what it means     semver      version ranges
client      ls-remote and fetch                           failures    why Git failed, from its messages
cache       bare repositories on disk                     process     Git itself, hardened
tree        a commit as the build engine sees it          blobs       contents out of a repository
tartree     a downloaded artifact as it sees it
ignore      .sourceignore, spec.ignore, the defaults
artifact    a deterministic tar.gz of a tree              storage     artifacts on disk: publish, verify,
collect
"""
