"""One process that has everything loaded and forks a child for each request: a start costs 5 ms instead of 250.

A request is one JSON line:
{"scene", "repo", "env", "acks", "err", "out", "plan", "mutant", "facts"}. The answer is one too:
{"code", "signal", "calls", "hit", "trace"}, the last three only when the child got to its end. With "wait": false the
answer {"pid"} comes at once, and {"join": pid} asks for the rest; with "killed_after": seconds the child dies then.
{"stopped": pid} waits until such a child has stopped itself, or has ended: {"stopped": false}.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, TypeAlias

from tests.faults import mutants
from tests.faults.injection import Plan, Tap
from tests.faults.scenes import SCENES, Acks

if TYPE_CHECKING:
    from collections.abc import Mapping

Plain: TypeAlias = "dict[str, object]"

PATIENCE = 100  # seconds that a child may take


def _child(request: Mapping[str, object], report: str) -> int:
    """The life of a child; returns its exit code."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.alarm(int(str(request.get("patience", PATIENCE))))
    random.seed()
    env = request["env"]
    assert isinstance(env, dict)
    os.environ.clear()
    os.environ.update(env)
    repo = str(request["repo"])
    os.chdir(repo)
    for number, key in ((1, "out"), (2, "err")):
        fd = os.open(str(request[key]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(fd, number)
    plain = request.get("plan")
    acks = Acks(str(request["acks"]))
    real_open = os.open
    tap = Tap(os.path.join(repo, ".git"), Plan.of(plain if isinstance(plain, dict) else {}))
    mutants.apply(str(request.get("mutant", "")))
    facts = request.get("facts")
    code = 0
    try:
        SCENES[str(request["scene"])](tap, acks, facts if isinstance(facts, dict) else {})
    except BaseException:  # noqa: BLE001 - this is where the process of a user would die
        code = 1
        tap.armed = False
        sys.stderr.write(traceback.format_exc())
    tap.armed = False
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    answer = json.dumps({"calls": tap.count, "hit": tap.hit, "trace": tap.trace})
    os.write(real_open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), answer.encode())
    return code


def _start(request: Mapping[str, object]) -> int:
    report = f"{request['acks']}.report"
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = _child(request, report)
        finally:
            os._exit(code)
    return pid


def _kill(pid: int, seconds: float) -> None:
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)  # it is our child and not waited for: the number is still its own


def _finish(pid: int, acks: str) -> Plain:
    _, status = os.waitpid(pid, 0)
    answer: Plain = {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
    }
    # One that is killed may have no report, or half of one.
    with contextlib.suppress(FileNotFoundError, ValueError), open(f"{acks}.report", encoding="utf-8") as file:
        answer |= json.loads(file.read())
    return answer


def _has_stopped(pid: int) -> bool:
    # Asked without reaping: one that has ended is still there for {"join"}.
    return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_code == os.CLD_STOPPED  # type: ignore[union-attr]


def _load(request: Mapping[str, object]) -> Plain:
    """Import here what a child found that it needs."""
    answer = _finish(_start(request), str(request["acks"]))
    with open(str(request["acks"]), encoding="utf-8") as file:
        for line in file:
            what, _, *facts = json.loads(line)
            for name in facts[0] if what == "modules" else ():
                if name not in sys.modules and not name.startswith("__"):
                    with contextlib.suppress(ImportError):
                        importlib.import_module(name)
    return answer


def main() -> None:
    """Answer requests until standard input ends."""
    started: dict[int, str] = {}
    for line in sys.stdin:
        request = json.loads(line)
        answer: Plain
        if "stopped" in request:
            answer = {"stopped": _has_stopped(request["stopped"])}
        elif "join" in request:
            answer = _finish(request["join"], started.pop(request["join"]))
        elif request["scene"] == "warm":
            answer = _load(request)
        elif request.get("wait", True):
            pid = _start(request)
            if "killed_after" in request:
                _kill(pid, request["killed_after"])
            answer = _finish(pid, request["acks"])
        else:
            pid = _start(request)
            started[pid] = request["acks"]
            answer = {"pid": pid}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
