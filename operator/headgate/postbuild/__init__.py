"""The steps between build and apply: decryption, then variable substitution.

    references = variable_references(spec["postBuild"])      # ConfigMaps and Secrets to fetch and to watch
    variables = collect_variables(spec["postBuild"], found)  # found: reference -> object
    objects = [substitute(obj, variables) for obj in objects]

sops          decrypts with SOPS; the only part that sends requests, to key services
variables     collects variables from their sources
substitute    substitutes variables in built objects, in text as in Flux
expressions   parses ``${...}``
expand        fills values into parsed expressions
functions     the operators of expressions
globs         the shell patterns of some operators
masks         hides secret values in messages
errors        the exceptions

No cluster and no clock; everything except key services is pure.
"""

from headgate.postbuild.errors import PostBuildError, SubstitutionError
from headgate.postbuild.masks import Masks
from headgate.postbuild.substitute import is_substitution_disabled, substitute
from headgate.postbuild.variables import (
    UnknownValue,
    VariableReference,
    Variables,
    collect_variables,
    variable_references,
)

__all__ = [
    "Masks",
    "PostBuildError",
    "SubstitutionError",
    "UnknownValue",
    "VariableReference",
    "Variables",
    "collect_variables",
    "is_substitution_disabled",
    "substitute",
    "variable_references",
]
