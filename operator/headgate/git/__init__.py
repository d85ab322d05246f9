"""From a Git remote to a tree of files and an artifact. Synchronous: the reconcilers call it in worker threads.

Getting in      url         a checked repository address
                auth        credentials from a Secret's data
                providers   credentials by spec.provider: githubapp, clouds
                proxy       the proxy of a Secret; tunnel takes ssh through it
                access      all of these as one Git command's environment; secretfiles
What is wanted  refs        what spec.ref asks for, and what it means
                semver      version ranges
The remote      client      ls-remote and fetch
                process     Git itself, hardened
                failures    why Git failed, from its messages
                cache       bare repositories on disk
Trust           signature   signatures of commits and tags
                verify      spec.verify
The tree        tree        a commit as the build engine sees it; blobs reads contents
                ignore      .sourceignore, spec.ignore, the defaults
                submodules  other repositories inside of this one
                compose     several trees as one
                checkout    all of it together: what becomes the artifact
                tartree     a downloaded artifact as the build engine sees it
                remotes     bases that kustomizations name by URL
The artifact    artifact    a deterministic tar.gz of a tree
                storage     artifacts on disk: publish, verify, collect
"""
