"""A promotion or rollback: computed, written down, executed.

model          a plan as a value and as a file
world          what a promotion is computed from: the remote, its environments, how to render and to observe them
candidate      what the environments before run healthy now
modes          how a target learns of a promotion: which ref moves, or which files change
versions       the next version of an environment that follows a range
fields         what a promotion copies from files of one environment to those of another
edits          edits of single values in YAML files that keep every other byte
intended       whether the rendered change of a pull request is exactly the intended one
proven         objects of a change that have not run before
difference     what a move changes in its target: rendered, compared and digested
digest         the digest of a rendered difference
promoters      whose signatures make a version, a record or a rollback count
base           whether the target runs what the difference starts from
approvals      signed approvals of a digest, on refs of the remote
history        commits that a rollback marked as bad
rollbacks      whether a commit that says so is a rollback
copies         what of bad commits a candidate brings back, also by other commits
compute        from what the user asks for to a plan
execute        does what a plan says
pullrequests   opens the pull requests of promotions, also with the right to push only
rollback       what was good before, at once
lastgood       what a rollback returns to
revert         the tree without what a bad promotion brought
trailers       the audit in messages of commits and tags
"""
