"""Promotion between environments: what a change does to each of them, whether it is proven, how to make and undo it.

Everything starts from Git: a clone of the repository, which needs neither a cluster nor a network. Only ``evidence``,
``forges`` and ``compare_live`` talk to others.

config     headgate.yaml: the environments, their order and their policy
clone      the user's clone: revisions, trees, refs, and what is pushed
fleet      from a cluster folder to all Kustomizations and their objects, as the operator would build them
changes    two renderings of an environment compared
live       a rendering compared with the cluster of its environment
report     changes and environments as text, Markdown and JSON
ranges     what a range of commits does to each environment
evidence   what each environment runs, since when, and how this is known
guards     the conditions of a promotion, each by name
plans      a promotion or rollback: computed, written down, executed
forges     pull requests and comments at GitHub, GitLab, Gitea and Forgejo
errors     what can go wrong

A rule of this package: a value of a Secret, encrypted or not, never leaves ``changes``.
"""
