"""Journals as real processes wrote them, for tests that damage them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.codec.document import pack
from gittrack.record.segment import frame, read_segment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

# Points, events, an artifact, unicode; a disk that takes half a line and refuses the next; a forked worker; kill -9.
RECORDER: Final = """
    import errno, os, signal
    import gittrack

    run = gittrack.start_run("réseau", params={"lr": 0.1, "größe": {1: [None, 2.5]}}, tags={"stage": "a\\\\rb"})
    for step in range(12):
        run.log_metric("loss", 1 / (step + 1), step)
    run.log_text("hello", "notes/hello.txt")
    run.set_tag("✓", "日本語")
    real, left = os.write, [1, 1]

    def refusing(fd, data):
        if bytes(data).find(b"m\\tloss") > 0 and left:
            left.pop()
            return real(fd, data[: len(data) // 2]) if left else real(fd, data)
        return real(fd, data)

    os.write = refusing
    for step in range(12, 20):
        run.log_metric("loss", 1 / (step + 1), step)
    os.write = real
    child = os.fork()
    if not child:
        for step in range(3):
            run.log_metric("worker", step, step)
        os._exit(0)
    os.waitpid(child, 0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def journal_of_a_killed_run(repo: Path, run_python: RunPython) -> Path:
    """The folder of the journal that RECORDER left: two segments of the owner and one of a worker."""
    ended = run_python(RECORDER)
    assert ended.code == -9, ended.err
    (folder,) = (repo / ".git" / "gittrack" / "journal").glob("?" * 32)
    assert len(segments_of(folder)) == 3
    return folder


def segments_of(folder: Path) -> list[Path]:
    """The segments in the folder of a journal: those of the owner in the order of writing, then the others."""

    def order(path: Path) -> tuple[bool, bool]:
        opening = path.read_bytes().partition(b"\n")[0]
        return b'"owner":true' not in opening, b'"after":' in opening

    return sorted((path for path in folder.glob("*.log") if path.name != "output.log"), key=order)


def spans_of(data: bytes) -> list[tuple[int, int]]:
    """Where each line of a sound segment begins and ends."""
    spans, position = [], 0
    for number, payload in read_segment(data).lines:
        end = position + len(frame(number, payload))
        spans.append((position, end))
        position = end
    assert position == len(data)
    return spans


def lay(folder: Path, name: str, *lines: dict[str, object] | bytes) -> Path:
    """Write a sound segment of these lines, events as mappings and anything else as bytes; nobody holds its lock."""
    folder.mkdir(parents=True, exist_ok=True)
    payloads = [line if isinstance(line, bytes) else pack(line).encode() for line in lines]
    path = folder / f"{name}.log"
    path.write_bytes(b"".join(frame(number, payload) for number, payload in enumerate(payloads)))
    return path
