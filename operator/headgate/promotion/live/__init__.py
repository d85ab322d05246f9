"""A rendering compared with the cluster of its environment; nothing here writes to a cluster.

    change = changes_in_cluster(rendering, Method.DRY_RUN, Stage.ON_MERGE, context="production")

connect   connects for one comparison
compare   the whole comparison: two renderings of the cluster, before and after, for :mod:`headgate.promotion.changes`
cluster   reads: the live Kustomizations, what their inventories name, single objects
acting    as whom the operator applies, and whether the user may do so
desired   what the operator would do with each object, by its own dry runs or by reads alone
visible   the fields of a live object that an apply can change
"""

from headgate.promotion.live.cluster import LiveKustomization
from headgate.promotion.live.compare import compare_with_cluster
from headgate.promotion.live.connect import changes_in_cluster
from headgate.promotion.live.desired import Method

__all__ = ["LiveKustomization", "Method", "changes_in_cluster", "compare_with_cluster"]
