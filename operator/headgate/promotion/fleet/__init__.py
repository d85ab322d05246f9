"""From a cluster folder to all Kustomizations and their objects, as the operator would build them.

    with Clone.open(Path(".")) as clone:
        fleet = Fleet(clone, FleetOptions())
        state = fleet.state()                                     # what the refs of the remote select now
        merged = state.with_branch("main", clone.resolve("HEAD"))
        before, after = fleet.render_pair(environment, state, merged)
        promoted = state.with_source(before.followed, clone.resolve("HEAD"))

fleet          renders one environment at one state, or at two of them
walk           follows Kustomizations that Kustomizations make, at one state or at two in step
side           one state, and what was found there
discovery      the GitRepositories and Kustomizations among objects
sameness       what is the same at two states, without a build
environments   the environments of the default branch
roots          the cluster folder: at which commit it is read, and what it holds
state          which commit each ref selects
sources        GitRepositories, the commits that they select, and their trees
building       one build, shared by all renderings that read the same
origin         where an object of a cluster comes from
variables      the values of variables, and placeholders for those that nobody knows
reach          what a build can read, without building
order          the order in which Kustomizations are applied
options        what a caller may choose
rendering      the result
"""

from headgate.promotion.fleet.environments import load_environments
from headgate.promotion.fleet.fleet import Fleet
from headgate.promotion.fleet.options import FleetLimits, FleetOptions
from headgate.promotion.fleet.state import WORK_TREE, RefState

__all__ = ["WORK_TREE", "Fleet", "FleetLimits", "FleetOptions", "RefState", "load_environments"]
