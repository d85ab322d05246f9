"""Reconciles GitRepositories, and provides the artifacts of sources that other controllers reconcile.

``reconciler``   resolves the reference, fetches, stores the artifact, writes the status
``inputs``       reads Secrets, and the sources that a GitRepository includes
``fetch``        from a commit to its tree and artifact; blocks, and runs in threads
``gate``         whether annotations let a new revision in
``held``         revisions that they hold
``present``      keeps the artifact of the status available meanwhile
``report``       conditions, events, and when the next reconcile is due
``requests``     requested reconciles of GitRepositories, and cancellation of obsolete ones
``external``     provides artifacts of other controllers to their consumers
``artifacts``    downloads such an artifact
``errors``       an object that a GitRepository refers to cannot be used
"""
