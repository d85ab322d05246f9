"""Why an object is not Ready, and what waits for it: from raw custom resources to states, causes and trees. Pure.

    fleet = Fleet.of([*git_repositories, *kustomizations])
    report = explain(fleet)
    report.causes[0].root, len(report.causes[0].blocked), report.causes[0].remedy

It works on what Flux writes as on what Headgate writes, because it reads conditions and specs only. It sends no
request: the command line and the status page read the cluster and share what is here.

values    the output: references, states, verdicts, causes, reports
fields    reads raw objects whose fields may have any type
texts     texts of a cluster, with a limit and without credentials
classify  the state of one object, as its own conditions say
fleet     all objects, and who needs whom
cycles    circles of dependencies
causes    the root cause of each object that is not Ready, grouped by root
failing   the failing managed objects of a cause, down to the reason of a pod
remedies  what to do, from the tables of the troubleshooting guide
layers    the graph in layers
places    where a commit is
arrivals  whether a revision has arrived
tree      sources, Kustomizations and managed objects as a tree
as_json   reports, chains and trees as JSON
"""

from __future__ import annotations

from headgate.insight.causes import chain_of, explain
from headgate.insight.fleet import Fleet
from headgate.insight.values import Cause, Link, Ref, Report, RootType, State, Verdict

__all__ = [
    "Cause",
    "Fleet",
    "Link",
    "Ref",
    "Report",
    "RootType",
    "State",
    "Verdict",
    "chain_of",
    "explain",
]
