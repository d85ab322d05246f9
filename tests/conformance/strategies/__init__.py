"""Generates kustomizations: hypothesis strategies for the whole grammar, odd corners included.

    tree = trees()            # Tree(files, directory): overlays of overlays, components, generators, patches ...

:mod:`.layout` generates the files of a tree, :mod:`.fields` the content of kustomization files, :mod:`.objects` and
:mod:`.patches` manifests and changes to them, :mod:`.text` their YAML.

Comments name what the strategies exclude on purpose, and why: behavior in which ``kubectl kustomize`` is older than
the engine, or which depends on chance.
"""

from tests.conformance.strategies.layout import Tree, trees

__all__ = ["Tree", "trees"]
