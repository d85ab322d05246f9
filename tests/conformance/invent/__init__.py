"""Invents kustomizations: hypothesis strategies over the whole grammar, odd corners included.

    tree = trees()            # Tree(files, directory): overlays of overlays, components, generators, patches ...

Read :mod:`.layout` for how a tree is put together, :mod:`.fields` for what stands in a kustomization file,
:mod:`.objects` and :mod:`.patches` for what is built and changed, :mod:`.text` for how it is written down.

What is left out on purpose is named where it would stand, with the reason: behaviour in which ``kubectl kustomize``
is older than the engine, or depends on chance.
"""

from tests.conformance.invent.layout import Tree, trees

__all__ = ["Tree", "trees"]
