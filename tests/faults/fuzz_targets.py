"""What is fuzzed: each target takes bytes, uses the product as a stranger's data would, and checks what came back.

A target may raise GittrackError and its children; whatever else it raises is a defect.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gittrack.errors import GittrackError
from tests.faults.fuzz_mutate import Mutator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Check = Callable[[bytes], None]

PREFIX: Final = "gittrack-fuzz-"
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it


@dataclass(frozen=True, slots=True)
class Target:
    """A part of the product that takes bytes from outside: valid inputs, words of its language, and the check.

    `kinds` are the checks by the input's first byte, modulo their number.
    """

    name: str
    kinds: Sequence[Check]
    seeds: Sequence[bytes]
    tokens: Sequence[bytes] = ()

    def check(self, data: bytes) -> bool:
        """Try one input: True when it was taken, False when it was refused by a typed error."""
        try:
            self.kinds[(data[0] if data else 0) % len(self.kinds)](data[1:])
        except GittrackError:
            return False
        return True

    def mutator(self, seed: int) -> Mutator:
        """Inputs without end, the same for the same seed."""
        return Mutator(self.seeds, self.tokens, seed)


def seeds_of(bodies: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return the seeds of a target: for each of its kinds, in their order, the valid inputs."""
    return [bytes((kind,)) + body for kind, group in enumerate(bodies) for body in group]


@contextlib.contextmanager
def open_target(name: str) -> Iterator[Target]:
    """Give a target a folder in memory for its files, and the process back as it was."""
    from tests.faults.fuzz_codec import codec_target
    from tests.faults.fuzz_journal import journal_target
    from tests.faults.fuzz_params import params_target
    from tests.faults.fuzz_runs import cli_target, runs_target

    makers = {
        "journal": journal_target,
        "codec": codec_target,
        "runs": runs_target,
        "params": params_target,
        "cli": cli_target,
    }
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        with contextlib.ExitStack() as stack:
            yield makers[name](folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


NAMES: Final = ("journal", "codec", "runs", "params", "cli")
