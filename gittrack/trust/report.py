"""What a verification says: each run with its signatures, and what was altered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gittrack.git.signatures import BAD, EXPIRED, GOOD, REVOKED, UNCHECKED, UNKNOWN, UNSIGNED, Seal

# From the worst on.
ORDER: Final = (BAD, REVOKED, UNSIGNED, UNKNOWN, UNCHECKED, EXPIRED, GOOD)


class Sealed(NamedTuple):
    """A record of a run, by its path below the run's folder, the commit that added it and the signature of that."""

    path: str
    commit: str
    seal: Seal


@dataclass(frozen=True, slots=True)
class SealedRun:
    """A run with its records, `run.yaml` first."""

    id: str
    name: str
    records: tuple[Sealed, ...]

    @property
    def verdict(self) -> str:
        """The worst of its records: each of them has a part in what the run says."""
        return min((record.seal.verdict for record in self.records), key=ORDER.index)

    @property
    def is_forged(self) -> bool:
        """Whether a signature is there that does not hold."""
        return self.verdict in (BAD, REVOKED)


class File(NamedTuple):
    """A file that was altered, by its path below the run's folder, and how where that can be told."""

    path: str
    difference: str = ""


class Finding(NamedTuple):
    """Something that is not as it was committed: of which run (its id) or '', by which commit and whom, and how."""

    run: str
    commit: str
    author: str
    sentence: str
    files: tuple[File, ...] = ()


@dataclass(slots=True)
class Report:
    """All of it: `problems` are what must not be, `notes` only worth knowing."""

    runs: list[SealedRun] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    commits: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many runs have which verdict, the best first."""
        found = Counter(run.verdict for run in self.runs)
        return {verdict: found[verdict] for verdict in reversed(ORDER) if found[verdict]}

    def fails(self, *, require_signed: bool) -> bool:
        """Whether something is wrong, or with `require_signed` a run has not only good signatures."""
        wanted = all(run.verdict == GOOD for run in self.runs) if require_signed else True
        return bool(self.problems) or any(run.is_forged for run in self.runs) or not wanted
