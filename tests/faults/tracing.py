"""Real system calls of a process, counted, killed at and made to fail, by strace."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.faults.conftest import Child, Ended, Lab

# What changes a file, a directory or a lock, or is told by the kernel that it did.
CHANGES: Final = frozenset(
    "write pwrite64 writev fsync fdatasync sync_file_range rename renameat renameat2 link linkat symlink unlink "
    "unlinkat mkdir mkdirat rmdir ftruncate fallocate utimensat chmod fchmod fchmodat fcntl flock close creat".split()
)
# The current directory is told with every path that need not start there.
_HERE: Final = re.compile(r"AT_FDCWD<[^>]*>")
_LINE: Final = re.compile(r"^(?:\d+ +)?([a-z_0-9]+)\((.*)$")
# Read here: each test has an environment of its own.
_FIGURES: Final = os.environ.get("GITTRACK_FAULTS_FIGURES")
_PATIENCE: Final = 60.0  # seconds for a traced process to come to its end


def need_strace() -> str:
    """The path of strace; the test is skipped without it, or where it may not look at another process."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed (Debian: strace)")
    return found


@dataclass(frozen=True, slots=True)
class Call:
    """One system call as strace saw it: `ordinal` counts from 1 those of that name in the traced step."""

    name: str
    ordinal: int
    line: str

    def touches(self, folder: Path) -> bool:
        """Whether a path or a descriptor of it lies in `folder`."""
        return f"{folder}/" in _HERE.sub("", self.line)

    @property
    def changes(self) -> bool:
        """Whether it may leave something behind."""
        return self.name in CHANGES or (self.name in {"open", "openat"} and "O_CREAT" in self.line)

    @property
    def failed(self) -> bool:
        return " = -1 " in self.line

    @property
    def injected(self) -> bool:
        """Whether strace spoiled it."""
        return "(INJECTED)" in self.line


def step(
    lab: Lab, scene: str, repo: Path, facts: Mapping[str, object], *, inject: str = ""
) -> tuple[Ended, list[Call]]:
    """Let a scene happen, with strace at its process from where its step begins; `inject` is in strace's words.

    Its children are not traced: a rule counts for each process anew, and is meant for this one. What is left of
    them when it has ended is killed too.
    """
    child = lab.stopped(scene, repo, facts)
    with attached(child, inject) as log:
        child.go_on()
        child.stops()
        child.kill_group()
        ended = child.join()
    return ended, read_trace(log)


@contextlib.contextmanager
def attached(child: Child, inject: str = "") -> Iterator[str]:
    """Have strace at a stopped child until that ends, which it has to in the block; yields where the trace goes."""
    log = f"{child.request['acks']}.trace"
    command = [need_strace(), "-y", "-s", "0", "-o", log, "-p", str(child.pid)]
    command += ["-e", f"inject={inject}"] if inject else []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        answer = strace.stderr.readline()
        yield log
        strace.communicate(timeout=_PATIENCE)
    if "attached" not in answer:
        pytest.skip(f"strace may not trace here: {answer.strip()}")


def read_trace(log: str) -> list[Call]:
    """The calls that strace wrote down, in order."""
    with open(log, encoding="utf-8", errors="replace") as file:
        return list(_calls(file))


def _calls(lines: Iterator[str]) -> Iterator[Call]:
    count: Counter[str] = Counter()
    for line in lines:
        match = _LINE.match(line)
        if match is not None:
            count[match[1]] += 1
            yield Call(match[1], count[match[1]], line.rstrip("\n"))


class GitUnderTrace:
    """A `git` that comes first on PATH: it numbers its invocations, and has strace at all of them or at one."""

    def __init__(self, folder: Path) -> None:
        """Lay it down in `folder`, which is made."""
        folder.mkdir()
        self.folder = folder
        real = shutil.which("git")
        strace = f"{need_strace()} -qq -y -s 0 -o '{folder}'/$n.trace"
        (folder / "git").write_text(
            f"""#!/bin/sh
echo >>'{folder}'/count
n=$(($(wc -l <'{folder}'/count)))
. '{folder}'/plan
if [ "$at" = all ]; then exec {strace} {real} "$@"; fi
if [ "$at" = $n ]; then exec {strace} -e inject="$rule" {real} "$@"; fi
exec {real} "$@"
""",
            encoding="utf-8",
        )
        (folder / "git").chmod(0o755)
        self.plan("none")

    def plan(self, at: str, rule: str = "") -> None:
        """Trace the invocation number `at` with strace's `rule`, or 'all' without one; numbers start again from 1."""
        (self.folder / "count").write_text("", encoding="utf-8")
        (self.folder / "plan").write_text(f"at={at}\nrule={rule}\n", encoding="utf-8")

    def traces(self) -> list[list[Call]]:
        """The calls of each invocation, while all were traced."""
        count = (self.folder / "count").read_text(encoding="utf-8").count("\n")
        return [read_trace(f"{self.folder}/{number}.trace") for number in range(1, count + 1)]

    def struck(self, at: int) -> list[Call]:
        """The calls of the one invocation that was traced; [] where there was none of that number."""
        path = f"{self.folder}/{at}.trace"
        return read_trace(path) if os.path.exists(path) else []

    @contextlib.contextmanager
    def watched(self, at: int) -> Iterator[Callable[[], bool]]:
        """In the block: a function that waits until the invocation `at` has stopped (True) or has ended (False)."""
        path = f"{self.folder}/{at}.trace"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.mkfifo(path)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield lambda: _sees(fd, b"--- stopped by SIGSTOP ---")
        finally:
            os.close(fd)
            os.unlink(path)


def _sees(fd: int, mark: bytes) -> bool:
    """Read until `mark` comes, or the writer closes, or nobody ever writes."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    seen = b""
    while poll.poll(_PATIENCE * 1000):
        chunk = os.read(fd, 1 << 16)
        seen += chunk
        if mark in seen or not chunk:
            return mark in seen
    return False


def tell(sentence: str) -> None:
    """Add a line to the file that GITTRACK_FAULTS_FIGURES names: what was tried, for docs/reliability.md."""
    if _FIGURES:
        with open(_FIGURES, "a", encoding="utf-8") as file:
            file.write(f"{sentence}\n")
