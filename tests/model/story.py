"""What may happen in a world, step by step; each step reads as a line of a story."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.model.border import Fault

KUSTOMIZATIONS = ("k1", "k2", "k3")


@dataclass(frozen=True)
class Commit:
    """Folders gain and lose items, and items change."""

    put: tuple[tuple[str, str], ...] = ()
    drop: tuple[tuple[str, str], ...] = ()
    edit: tuple[str, ...] = ()
    move: tuple[tuple[str, str], ...] = ()
    """Items, and the variant that they are from now on."""

    def __str__(self) -> str:
        said = [f"puts {item} into {folder}" for folder, item in self.put]
        said += [f"drops {item} from {folder}" for folder, item in self.drop]
        said += [f"edits {item}" for item in self.edit]
        said += [f"moves {item} to {version}" for item, version in self.move]
        return "A commit " + (", ".join(said) or "changes nothing") + "."


@dataclass(frozen=True)
class Create:
    """Make a Kustomization, if there is none of this name."""

    name: str
    prune: bool = True
    target_namespace: str = ""
    deletion_policy: str = "MirrorPrune"
    wait: bool = False

    def __str__(self) -> str:
        facts = [f for f, holds in (("prune: false", not self.prune), ("wait: true", self.wait)) if holds]
        if self.target_namespace:
            facts.append(f"targetNamespace: {self.target_namespace}")
        if self.deletion_policy != "MirrorPrune":
            facts.append(f"deletionPolicy: {self.deletion_policy}")
        return f"Kustomization {self.name} is made" + (f" ({', '.join(facts)})." if facts else ".")


@dataclass(frozen=True)
class Set:
    """Change a field of a Kustomization's spec."""

    name: str
    field: str
    value: bool | str

    def __str__(self) -> str:
        return f"Kustomization {self.name} gets {self.field}: {str(self.value).lower()}."


@dataclass(frozen=True)
class Delete:
    """Delete a Kustomization."""

    name: str

    def __str__(self) -> str:
        return f"Kustomization {self.name} is deleted."


@dataclass(frozen=True)
class Touch:
    """Somebody else deletes or edits the object of an item, wherever it is."""

    item: str
    what: str = "delete"

    def __str__(self) -> str:
        return f"Somebody {self.what}s {self.item} in the cluster."


@dataclass(frozen=True)
class Trouble:
    """Something goes wrong at a request to come."""

    sort: str
    at: int
    mishap: str
    times: int = 1

    def fault(self) -> Fault:
        """The fault to be armed."""
        return Fault(self.sort, self.at, self.mishap, self.times)

    def __str__(self) -> str:
        often = f", {self.times} tries in a row" if self.times > 1 else ""
        which = "request" if self.sort == "any" else f"{self.sort} request"
        return f"From here on, the {self.at}. {which} meets: {self.mishap}{often}."


@dataclass(frozen=True)
class Restart:
    """The operator ends, by a signal or at once, and another begins after so many seconds."""

    killed: bool = True
    pause: float = 3.0

    def __str__(self) -> str:
        return f"The operator is {'killed' if self.killed else 'stopped'}; another starts {self.pause:g} s later."


@dataclass(frozen=True)
class Cut:
    """All watches break; with ``forgotten``, they cannot continue from where they were."""

    forgotten: bool = False

    def __str__(self) -> str:
        return "All watches break" + (
            ", and their versions are too old to continue." if self.forgotten else "."
        )


Step = Commit | Create | Set | Delete | Touch | Trouble | Restart | Cut


@dataclass(frozen=True)
class Story:
    """A world: what happens, and how long after each step the next one comes (in seconds)."""

    steps: tuple[tuple[Step, float], ...] = field(default=())
    seed: int = 0
    """Decides how long requests take."""

    def __str__(self) -> str:
        lines = [f"  {n}. {step} [{pause:g} s pass]" for n, (step, pause) in enumerate(self.steps, 1)]
        return "\n".join([f"World of seed {self.seed}:", *lines])
