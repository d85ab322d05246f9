"""The steps of an attempt, each with all steps before it, in a world."""

from __future__ import annotations

from typing import Any

from headgate.reconcile.core.queue import Depth
from headgate.reconcile.kustomization.report import Reported
from headgate.reconcile.kustomization.steps import wait
from headgate.reconcile.kustomization.steps.apply import Applied, apply
from headgate.reconcile.kustomization.steps.build import Built, Gathered, build, gather
from headgate.reconcile.kustomization.steps.prepare import Located, Prepared, Unaffected, locate, prepare
from headgate.reconcile.kustomization.steps.prune import InPlace, prune
from headgate.reconcile.kustomization.steps.wait import Healthy, Waiting
from tests.support.reconciling import World


class Steps:
    """The steps with the parts of a world."""

    def __init__(self, world: World) -> None:
        self.world, self.reported = world, Reported()
        self.budget: Any = world.evaluator.budget("flux")

    async def locate(self, depth: Depth = Depth.VERIFY) -> Located:
        return await locate(self.world.attempt(depth), self.world.prerequisites, self.budget)

    async def prepare(self, depth: Depth = Depth.VERIFY) -> Prepared | Unaffected:
        world = self.world
        return await prepare(
            await self.locate(depth),
            world.building,
            world.targets,
            self.budget,
            no_cross_namespace=world.settings.no_cross_namespace_refs,
        )

    async def gather(self, targets: Any = None) -> Gathered:
        world, prepared = self.world, await self.prepare()
        assert isinstance(prepared, Prepared)
        return await gather(prepared, world.builder, targets or world.targets, world.reporter, world.wakeups)

    async def build(self) -> Built:
        return await build(await self.gather(), self.world.builder, self.world.reporter, self.reported)

    async def apply(self) -> Applied:
        world = self.world
        return await apply(
            await self.build(),
            world.inventories,
            world.reporter,
            self.reported,
            world.measured,
            max_inventory_size=world.settings.max_inventory_size,
        )

    async def prune(self) -> InPlace:
        return await prune(await self.apply(), self.world.reporter)

    async def begin(self) -> Waiting | Healthy:
        return wait.begin(await self.prune(), self.world.reporter)
