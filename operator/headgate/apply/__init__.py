"""Stages, server-side apply, change sets, drift and pruning.

known = KnownObjects()
options = ApplyOptions(Owner("apps", "flux-system"))
result = await apply_all(client, objects, options, known)
gone = await delete_all(client, stale, DeleteOptions(options.owner), known)

| step | module |
|---|---|
| an apply from beginning to end | :mod:`.run`; :mod:`.steps` has the values that pass through it |
| from a build to desired objects | :mod:`.desired`: :mod:`.normalize`, :mod:`.stages`, :mod:`.validation` |
| which objects need a request | :mod:`.plan`, from what :mod:`.known` remembers |
| dry runs and reads | :mod:`.ask`; :mod:`.decide` says what a dry run means |
| the apply | :mod:`.send`; :mod:`.requests` has what takes several requests |
| waiting for definitions | :mod:`.ready`, :mod:`.definitions` |
| deleting | :mod:`.prune`, :mod:`.lookup` |
| field owners, ignored fields, drift | :mod:`.managers`, :mod:`.pointers`, :mod:`.ignore`, :mod:`.drift` |
| reports and messages | :mod:`.changeset`, :mod:`.errors`, :mod:`.wording`, :mod:`.unknown_fields` |
| the caller's choices | :mod:`.options` |
"""

from headgate.apply.changeset import Action, Change, ChangeSet
from headgate.apply.errors import ApplyError, ApplyFailed, ObjectError
from headgate.apply.ignore import CompiledIgnoreRule, IgnoreRuleInvalid, compile_rules
from headgate.apply.known import KnownObjects, KnownState, WatchNews
from headgate.apply.options import ApplyOptions, Claims, DeleteOptions, Marks, NoClaims, Owner, marked
from headgate.apply.prune import DeleteResult, delete_all
from headgate.apply.run import ApplyResult, Record, apply_all
from headgate.apply.stages import GroupKind

__all__ = [
    "Action",
    "ApplyError",
    "ApplyFailed",
    "ApplyOptions",
    "ApplyResult",
    "Change",
    "ChangeSet",
    "Claims",
    "CompiledIgnoreRule",
    "DeleteOptions",
    "DeleteResult",
    "GroupKind",
    "IgnoreRuleInvalid",
    "KnownObjects",
    "KnownState",
    "Marks",
    "NoClaims",
    "ObjectError",
    "Owner",
    "Record",
    "WatchNews",
    "apply_all",
    "compile_rules",
    "delete_all",
    "marked",
]
