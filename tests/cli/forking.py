"""Runs many command lines in one repository, each in a process of its own that is forked instead of started.

A script: it reads a list of lists of words as JSON from its input, and writes [exit code, output, error output] of
each. The words ["python", CODE] run CODE in the process instead of the command line.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from importlib import import_module
from typing import IO

PRELOADED = ("catalog", "check", "doctor.examine", "record.later", "read.rescan", "read.history", "cli.main", "cli.run")


def main() -> None:
    """Do what the input says."""
    for name in PRELOADED:
        import_module(f"gittrack.{name}")
    json.dump([_result(words) for words in json.load(sys.stdin)], sys.stdout)


def _result(words: list[str]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(_code(words))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code, _text(out), _text(err)


def _code(words: list[str]) -> int:
    from gittrack.cli.main import main as gittrack

    try:
        if words[0] == "python":
            exec(compile(words[1], "<test>", "exec"), {})  # noqa: S102 - the test's own words
            code = 0
        else:
            code = gittrack(words)
    except SystemExit as stop:
        code = int(stop.code or 0)
    except BaseException:  # noqa: BLE001 - what a fresh interpreter would print
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "surrogateescape")


if __name__ == "__main__":
    main()
