"""Reconciles GitRepositories, and provides the artifacts of sources that other controllers reconcile.

reconciler   what the remote has, fetch, artifact, status: from top to bottom
inputs       Secrets, and the sources that it includes
fetch        from a commit to its tree and artifact; blocks, and runs in threads
report       conditions, events, and when the next reconcile is due
visits       which GitRepositories were requested, and cancellation of obsolete reconciles
external     artifacts of other controllers, as their consumers need them
artifacts    downloads one of them
errors       what a GitRepository refers to cannot be used
"""
