"""Stages, server-side apply, change sets, drift and pruning.

known = KnownObjects()
options = ApplyOptions(Owner("apps", "flux-system"))
result = await apply_all(client, objects, options, known)
gone = await delete_all(client, stale, DeleteOptions(options.owner), known)
"""

from headgate.apply.changeset import Action, Change, ChangeSet
from headgate.apply.errors import ApplyFailed, ObjectError
from headgate.apply.ignore import IgnoreRule, InvalidIgnoreRule, compile_rules
from headgate.apply.known import Known, KnownObjects, News
from headgate.apply.options import ApplyOptions, Claims, DeleteOptions, Marks, NoClaims, Owner, marked
from headgate.apply.prune import DeleteResult, delete_all
from headgate.apply.server_side import ApplyResult, Record, apply_all
from headgate.apply.stages import GroupKind

__all__ = [
    "Action",
    "ApplyFailed",
    "ApplyOptions",
    "ApplyResult",
    "Change",
    "ChangeSet",
    "Claims",
    "DeleteOptions",
    "DeleteResult",
    "GroupKind",
    "IgnoreRule",
    "InvalidIgnoreRule",
    "Known",
    "KnownObjects",
    "Marks",
    "News",
    "NoClaims",
    "ObjectError",
    "Owner",
    "Record",
    "apply_all",
    "compile_rules",
    "delete_all",
    "marked",
]
