"""Fuzzing campaigns: `python tests/faults/fuzz.py journal --executions 1000000 --seed 1` (docs/reliability.md).

Each input is tried in this process's child under a limit of memory and a watchdog of processor time. An input that ends
in an error that is not typed, in more than two seconds, in too much memory or in the death of the child is
kept in the folder of --keep, and tried again by --input FILE. Exit code 1 when there was one.
"""

from __future__ import annotations

import argparse
import mmap
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.append(str(Path(__file__).parent.parent.parent))

from tests.faults.fuzz_mutate import LIMIT
from tests.faults.fuzz_targets import MEMORY as MEMORY_FOLDER
from tests.faults.fuzz_targets import NAMES, PREFIX, Target, open_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SECONDS: Final = 2.0
MEMORY: Final = 256 << 20
STUCK: Final = 30.0  # seconds after which a child is killed that even the watchdog cannot stop
_KEPT: Final = 200


class TooSlow(BaseException):
    """The watchdog's: no handler of the product may swallow it."""


@dataclass(slots=True)
class Tally:
    """What a campaign saw so far."""

    executions: int = 0
    taken: int = 0
    slowest: float = 0.0
    began: float = field(default_factory=time.monotonic)
    failures: dict[str, bytes] = field(default_factory=dict)

    def report(self, name: str) -> str:
        """One line of the table in docs/reliability.md."""
        seconds = time.monotonic() - self.began
        # Not of resource: Linux counts the memory of whoever started a process into its ru_maxrss.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        return (
            f"{name}: {self.executions} executions ({self.taken} inputs taken, the rest refused by a typed error), "
            f"{self.executions / max(seconds, 0.001):.0f}/s, slowest {self.slowest:.2f} s, "
            f"peak memory {peak:.0f} MiB, {len(self.failures)} defects"
        )


class Campaign:
    """Tries inputs on a target, and keeps those that show a defect, one for each place in the code."""

    def __init__(self, target: Target, keep: Path, scratch: mmap.mmap, *, trace: bool = False) -> None:
        self.target = target
        self.tally = Tally()
        self._keep = keep
        self._trace = trace
        self._scratch = scratch
        signal.signal(signal.SIGPROF, _stop)

    def attempt(self, data: bytes) -> None:
        """Try one input."""
        # Where the parent finds it, should this process die of it.
        self._scratch[: len(data) + 8] = len(data).to_bytes(8, "big") + data
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            self.tally.taken += self.target.check(data)
        except (Exception, TooSlow) as error:  # noqa: BLE001 - this is what is looked for
            signal.setitimer(signal.ITIMER_PROF, 0)
            self._defect(error, data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        took = time.process_time() - began
        self.tally.slowest = max(self.tally.slowest, took)
        if took > SECONDS:
            self._defect(TooSlow(f"{took:.1f} seconds"), data)
        self.tally.executions += 1

    def _defect(self, error: BaseException, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if f"{os.sep}gittrack{os.sep}" in frame.filename] or frames
        place = f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}" if own else "?"
        key = f"{type(error).__name__} at {place}"
        if key in self.tally.failures or len(self.tally.failures) >= _KEPT:
            return
        self.tally.failures[key] = data
        path = kept(self._keep, self.target.name, data)
        print(f"DEFECT {key}: {str(error)[:300]!a}\n  input {data[:160]!r} in {path}", flush=True)
        if self._trace:
            traceback.print_exception(error)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow(f"more than {SECONDS} seconds")


def kept(folder: Path, name: str, data: bytes) -> Path:
    """Write an input down and return where."""
    import zlib

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{zlib.crc32(data):08x}"
    path.write_bytes(data)
    return path


def limit_memory() -> None:
    """Let this process grow by no more than MEMORY, and measure its peak from here."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def mutate(campaign: Campaign, seed: int, goes_on: Callable[[], bool]) -> None:
    """Try inputs that are changed at random."""
    inputs = campaign.target.mutator(seed)
    while goes_on():
        campaign.attempt(inputs.next())


def guide(campaign: Campaign, seed: int, goes_on: Callable[[], bool]) -> None:
    """Try inputs that atheris chooses by the code that they reach; it never returns."""
    import random

    import atheris

    mutator = campaign.target.mutator(seed)
    rng = random.Random(seed)  # noqa: S311 - inputs that come again

    folder = Path(tempfile.mkdtemp(prefix="fuzz-corpus-"))
    for number, data in enumerate(campaign.target.seeds):
        (folder / f"seed{number}").write_bytes(data)

    def custom(data: bytes, _size: int, _seed: int) -> bytes:
        return mutator.change(data, bomb=rng.random() < 0.0005)

    def one(data: bytes) -> None:
        campaign.attempt(data[:LIMIT])
        if not goes_on():
            shutil.rmtree(folder)
            finish(campaign)

    words = [sys.argv[0], f"-seed={seed}", f"-max_len={LIMIT}", "-rss_limit_mb=0", "-verbosity=0", str(folder)]
    atheris.Setup(words, one, custom_mutator=custom)
    atheris.Fuzz()


def finish(campaign: Campaign) -> None:
    """Print what was seen and end this process."""
    print(campaign.tally.report(campaign.target.name), flush=True)
    os._exit(1 if campaign.tally.failures else 0)


def work(options: argparse.Namespace, scratch: mmap.mmap) -> None:
    """The child: open the target and try inputs until there were enough."""
    deadline = time.monotonic() + options.minutes * 60
    if options.guided:
        import atheris

        with atheris.instrument_imports(include=["gittrack"]):
            import_module("tests.faults.fuzz_params")
    with open_target(options.target) as target:
        campaign = Campaign(target, options.keep, scratch, trace=options.input is not None)
        limit_memory()
        if options.input:
            campaign.attempt(options.input.read_bytes())
        elif options.guided:
            guide(campaign, options.seed, lambda: _goes_on(campaign, options.executions, deadline))
        else:
            mutate(campaign, options.seed, lambda: _goes_on(campaign, options.executions, deadline))
    finish(campaign)


def _goes_on(campaign: Campaign, executions: int, deadline: float) -> bool:
    return campaign.tally.executions < executions and time.monotonic() < deadline


def watch(child: int, name: str, keep: Path, scratch: mmap.mmap) -> int:
    """Wait for the child; kill one that hangs, and keep the input that it died of. Returns the exit code."""
    last, since = b"", time.monotonic()
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.1)
        now = scratch[:64]
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > STUCK:
            os.kill(child, signal.SIGKILL)
    # A child that died, or that atheris ended, has left its folder.
    for folder in MEMORY_FOLDER.glob(f"{PREFIX}{child}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    code = os.waitstatus_to_exitcode(status)
    if code in (0, 1):
        return code
    data = scratch[8 : 8 + int.from_bytes(scratch[:8], "big")]
    print(f"DEFECT the process died with {code}\n  input {data[:160]!r} in {kept(keep, name, data)}", flush=True)
    return 1


def main() -> int:
    """Run one campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so long, whatever was done by then")
    parser.add_argument("--guided", action="store_true", help="let atheris choose the inputs (the extra `fuzz`)")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-defects"), help="folder for inputs that show a defect")
    parser.add_argument("--input", type=Path, help="try this one input again, and show where it fails")
    options = parser.parse_args()
    scratch = mmap.mmap(-1, LIMIT * 3)
    child = os.fork()
    if child == 0:
        try:
            work(options, scratch)
        except BaseException:  # noqa: BLE001 - told, and then the child ends
            traceback.print_exc()
        os._exit(3)
    return watch(child, options.target, options.keep, scratch)


if __name__ == "__main__":
    sys.exit(main())
