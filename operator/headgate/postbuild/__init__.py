"""What happens to objects between the build and the apply: decryption, then variable substitution.

    references = variable_references(spec["postBuild"])      # ConfigMaps and Secrets to fetch and to watch
    variables = collect_variables(spec["postBuild"], found)  # found: reference -> object
    objects = [substitute(obj, variables) for obj in objects]

sops          decrypts what SOPS encrypted; the only part that asks others, the key services
variables     where variables come from
substitute    variables in built objects, exactly as Flux substitutes them: in text
expressions   parses ``${...}``
expand        fills values into what was parsed
functions     the operators in it
globs         the shell patterns of some of them
masks         hides secret values in texts for people
errors        what can go wrong

No cluster, no clock; everything except the key services is pure.
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
