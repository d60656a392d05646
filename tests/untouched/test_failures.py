"""A command that fails or is interrupted leaves what it may leave, and no more."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.conftest import PATIENCE, run
from tests.untouched.allowed import CHANGE, NOTHING, QUIET, READ, RECORD, UNNAMED, Allowance, rule
from tests.untouched.conftest import ASIDE, PROGRAM, write_program
from tests.untouched.picture import NEW
from tests.untouched.test_commands import TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.untouched.conftest import World

# Several commands in one process, for they may all together change nothing.
CONSOLE: Final = f"""{ASIDE}
import contextlib, io, json, sys
from gittrack.cli.main import main

codes = []
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        codes.append(main(words))
print(json.dumps(codes))
"""

# What is refused in a repository that has runs.
REFUSED: Final = [
    "no-such-command",
    "show no-such-run",
    "show first --metric no-such-metric",
    "tag no-such-run a=b",
    "tag first no-equals-sign",
    "note first",
    "note no-such-run words",
    "rename no-such-run other",
    "rm first no-such-run",
    "restore no-such-run",
    "check no-such-run",
    "log --status no-such-status",
    "log -n minus",
    "run -- no-such-program",
    "run --input no-such-file -- true",
    "run --params no-such-file -- true",
    "run --tag no-equals-sign -- true",
    "run",
    "record metric loss=1",
    "record --run first metric loss=1",
    "record --run 00000000 param a=1",
    "demo .",
    "completion no-such-shell",
    "help no-such-command",
    "-C no-such-folder log",
]

# What needs a repository.
HOMELESS: Final = [
    "init",
    "run -- true",
    "log",
    "show",
    "tag first a=b",
    "note first words",
    "rename first other",
    "rm first",
    "restore gone",
    "check",
    "doctor",
    "doctor --fix",
    "sync",
    "push",
    "pull",
    "record --run 0123abcd metric loss=1",
]


def codes(lines: Sequence[Sequence[str]], cwd: Path) -> list[int]:
    """The exit code of each command."""
    done = run([sys.executable, "-c", CONSOLE, json.dumps(lines)], cwd=cwd)
    assert (done.code, done.err) == (0, "")
    answer: list[int] = json.loads(done.out)
    return answer


def test_an_option_that_no_command_has(recorded: World) -> None:
    before = recorded.picture()
    found = codes([[*name.split()[1:], "--no-such-option"] for name in TABLE], recorded.repo)
    # What git calls stops no git, whatever it is told.
    assert found == [0 if name == "gittrack hook" else 2 for name in TABLE]
    assert recorded.complaints(before, NOTHING) == []


def test_what_is_refused(recorded: World) -> None:
    before = recorded.picture()
    found = codes([line.split() for line in REFUSED], recorded.repo)
    assert [line for line, code in zip(REFUSED, found, strict=True) if code not in {1, 2, 127}] == []
    assert recorded.complaints(before, (*QUIET, *UNNAMED)) == []


def test_outside_of_a_repository(recorded: World) -> None:
    before = recorded.picture()
    found = codes([line.split() for line in HOMELESS], recorded.root / "elsewhere")
    assert found == [1] * len(HOMELESS)
    assert recorded.complaints(before, NOTHING) == []


DEMO: Final = (rule("elsewhere/demo(/.*)?", NEW),)
INTERRUPTED: Final[dict[str, Allowance]] = {
    "init": NOTHING,
    "log": READ,
    "show first": READ,
    "tag first a=b": CHANGE,
    "note first words": CHANGE,
    "rename first other": CHANGE,
    "rm first": CHANGE,
    "restore gone": CHANGE,
    "check": (*READ, *UNNAMED),
    "doctor": (*QUIET, *UNNAMED),
    "run -- true": RECORD,
    "demo ../elsewhere/demo": (*DEMO, *UNNAMED),
}


class Gate:
    """A git that says when gittrack calls it for the nth time, and then waits for ever."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        os.mkfifo(folder / "event")
        os.mkfifo(folder / "never")
        # Open for writing too, so that it never comes to an end.
        self._event = os.open(folder / "event", os.O_RDWR)
        real = shutil.which("git")
        write_program(
            world.root / "bin/git",
            f"""#!/bin/sh
test -n "$GATE" || exec {real} "$@"
echo >> "$GATE"
test "$(wc -l < "$GATE")" = "$GATE_AT" || exec {real} "$@"
echo > '{folder}/event'
read _ < '{folder}/never'
""",
        )

    def interrupt(self, words: Sequence[str], at: int) -> int | None:
        """Press Ctrl-C while the command waits for its nth git; None when it came to its end before."""
        count = self._folder / "count"
        count.unlink(missing_ok=True)
        with subprocess.Popen(
            [*PROGRAM, *words],
            cwd=self._world.repo,
            env={**os.environ, "GATE": str(count), "GATE_AT": str(at)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            reached = False
            while not reached:
                ready, _, _ = select.select([self._event, process.stdout.fileno()], [], [], PATIENCE)
                assert ready, "neither the gate nor the end was reached"
                reached = self._event in ready
                if not reached and not os.read(process.stdout.fileno(), 65536):
                    return None
            os.read(self._event, 1)
            os.killpg(process.pid, signal.SIGINT)
            process.stdout.read()
            return process.wait(PATIENCE)

    def close(self) -> None:
        os.close(self._event)


@pytest.fixture
def gate(recorded: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A git that stops in the middle, beside the pictures."""
    made = Gate(recorded, tmp_path_factory.mktemp("gate"))
    yield made
    made.close()


def test_an_interrupt_in_the_middle(recorded: World, gate: Gate) -> None:
    complaints = []
    for line, allowed in INTERRUPTED.items():
        at = 0
        code: int | None = 130
        while code is not None:
            at += 1
            before = recorded.picture()
            code = gate.interrupt(line.split(), at)
            found = recorded.complaints(before, allowed)
            if code not in {None, 130}:
                found.append(f"exit code {code}")
            complaints += [f"{line}, {at}: {complaint}" for complaint in found]

    assert complaints == [], "\n".join(complaints)
