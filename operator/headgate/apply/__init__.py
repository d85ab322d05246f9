"""Stages, server-side apply, change sets, drift and pruning.

    known = KnownObjects()
    options = ApplyOptions(Owner("apps", "flux-system"))
    result = await apply_all(client, objects, options, known)
    gone = await delete_all(client, stale, DeleteOptions(options.owner), known)

| what | where |
|---|---|
| an apply from beginning to end: plan, ask, send, wait | :mod:`.server_side`, which begins in :mod:`.server_side.run` |
| a deletion | :mod:`.deletion` |
| which objects are in place, so that they need no request | :mod:`.known` |
| the form of a single object: normal form, validity, stage | :mod:`.objects` |
| field managers, ignored fields, drift | :mod:`.fields` |
| the caller's choices | :mod:`.options` |
| the result for the caller | :mod:`.changeset`, :mod:`.errors`; :mod:`.wording` rephrases messages of API servers |
| work on many objects at once | :mod:`.concurrently` |

Parts are imported when they are first used: commands that need no cluster should not wait for an HTTP client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headgate.ondemand import on_demand

if TYPE_CHECKING:
    from headgate.apply.changeset import Action, Change, ChangeSet
    from headgate.apply.deletion.prune import DeleteResult, delete_all
    from headgate.apply.errors import ApplyError, ApplyFailed, ObjectError
    from headgate.apply.fields.ignore import CompiledIgnoreRule, IgnoreRuleInvalid, compile_rules
    from headgate.apply.known import KnownObjects, KnownState, Observation
    from headgate.apply.objects.stages import GroupKind
    from headgate.apply.options import ApplyOptions, Claims, DeleteOptions, NoClaims, Owner
    from headgate.apply.server_side.run import ApplyResult, Record, apply_all

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
    "NoClaims",
    "ObjectError",
    "Observation",
    "Owner",
    "Record",
    "apply_all",
    "compile_rules",
    "delete_all",
]

__getattr__ = on_demand(
    __name__,
    {
        "changeset": ("Action", "Change", "ChangeSet"),
        "deletion.prune": ("DeleteResult", "delete_all"),
        "errors": ("ApplyError", "ApplyFailed", "ObjectError"),
        "fields.ignore": ("CompiledIgnoreRule", "IgnoreRuleInvalid", "compile_rules"),
        "known": ("KnownObjects", "KnownState", "Observation"),
        "objects.stages": ("GroupKind",),
        "options": ("ApplyOptions", "Claims", "DeleteOptions", "NoClaims", "Owner"),
        "server_side.run": ("ApplyResult", "Record", "apply_all"),
    },
)
