"""What a mutant did that it must not, and how to make it again; and what all of them did, counted."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random


class FindingError(AssertionError):
    """A mutant got through, or the agent stumbled over it."""

    def __init__(self, what: str, mutant: bytes) -> None:
        super().__init__(what)
        self.mutant = mutant


@dataclass(slots=True)
class Record:
    """A run: how each mutant ended, and the findings with their names."""

    seed: str
    folder: Path
    """Where mutants that found something are kept."""
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By layer and ending."""
    answers: Counter[str] = field(default_factory=Counter)
    """To the bookings in the stories' files, by reason."""
    findings: list[str] = field(default_factory=list)

    def random(self, name: str) -> Random:
        """The dice of one mutant, thrown the same way in every run of this seed."""
        return Random(f"{self.seed}/{name}")

    def note(self, name: str, finding: FindingError) -> None:
        """Keep the mutant and say how to make it again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{name.replace('/', '-')}.mutant"
        file.write_bytes(finding.mutant)
        self.findings.append(
            f"{name}: {finding}; kept as {file}; again with --seed {self.seed} --only {name}"
        )
