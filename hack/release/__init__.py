"""What a release needs: one version in every file, a section of the changelog, manifests to install.

    python -m release prepare 0.2.0                 # set the version, date the changelog
    python -m release check v0.2.0                  # does the tag fit the files?
    python -m release notes                         # the changelog of this version
    python -m release manifests DIR --image NAME    # what to install, rendered

The Makefile has a target for each; docs/releasing.md says when to use which.
"""

from __future__ import annotations
