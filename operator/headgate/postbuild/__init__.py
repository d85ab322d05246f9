"""What happens to objects between the build and the apply: decryption, then variable substitution.

No cluster, no clock, no other part of headgate. :mod:`.sops` decrypts what SOPS encrypted, and asks the key
services that hold keys; all else is pure. :mod:`.substitute` replaces variables in built objects:

    references = variable_references(spec["postBuild"])      # ConfigMaps and Secrets to fetch and to watch
    variables = collect_variables(spec["postBuild"], found)  # found: reference -> object
    objects = [substitute(obj, variables) for obj in objects]
"""

from headgate.postbuild.errors import PostBuildError, SubstitutionError
from headgate.postbuild.masks import Masks
from headgate.postbuild.substitute import is_substitution_disabled, substitute
from headgate.postbuild.variables import (
    VariableReference,
    Variables,
    collect_variables,
    variable_references,
)

__all__ = [
    "Masks",
    "PostBuildError",
    "SubstitutionError",
    "VariableReference",
    "Variables",
    "collect_variables",
    "is_substitution_disabled",
    "substitute",
    "variable_references",
]
