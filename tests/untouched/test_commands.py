"""Each command changes what it is for and nothing else, in every place where somebody may call it."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final

import click
import pytest

from gittrack.cli.main import gittrack as program
from tests.untouched.allowed import (
    CHANGE,
    HOOKS,
    INPUT,
    LOG,
    NEW_BRANCH,
    NOTES,
    NOTHING,
    OBJECTS,
    PURGE,
    QUIET,
    READ,
    RECORD,
    REMOTE,
    SPARSE,
    UNNAMED,
    WORKTREE,
    Allowance,
    rule,
)
from tests.untouched.conftest import ASIDE
from tests.untouched.picture import ENTRIES, NEW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Git
    from tests.untouched.conftest import World

PRINT: Final = ("--", sys.executable, "-c", "print('loss=0.5')")


@dataclass(frozen=True, slots=True)
class Use:
    """One call of a command, and what it may change."""

    words: tuple[str, ...]
    allowed: Allowance
    code: int = 0
    input: str | None = None


def use(line: str, allowed: Allowance, *more: str, code: int = 0, input: str | None = None) -> Use:  # noqa: A002
    """Return a use, its words separated by spaces."""
    return Use((*line.split(), *more), allowed, code, input)


# Every command, in an order in which each finds what it needs. {run} is the run that is under way.
TABLE: Final[dict[str, list[Use]]] = {
    "gittrack": [use("", NOTHING), use("--version", NOTHING), use("-C . --help", NOTHING)],
    "gittrack help": [use("help", NOTHING), use("help record metric", NOTHING)],
    "gittrack completion": [use(f"completion {shell}", NOTHING) for shell in ("bash", "zsh", "fish")],
    "gittrack init": [use("init", NOTHING), use("init --yes", NOTHING)],
    "gittrack run": [
        use("run --name command --tag a=b --params data.json --input train.py", (*RECORD, *INPUT), *PRINT),
        use("run --name files --artifact run.sh --artifact large.bin", RECORD, *PRINT),
        use("run --quiet -- sh -c", RECORD, "exit 3", code=3),
    ],
    "gittrack log": [
        use("log", READ),
        *[use(f"log {how}", QUIET) for how in ("--json", "--all", "--deleted")],
        use("log --graph", (*QUIET, *UNNAMED)),
        use("log --notes", (*QUIET, *UNNAMED, *OBJECTS, *NOTES)),
    ],
    "gittrack show": [
        use("show first", QUIET),
        use("show first --metric loss", QUIET),
        use("show command --output", QUIET),
        use("show second --json", QUIET),
    ],
    "gittrack compare": [
        use("compare first command", (*QUIET, *UNNAMED)),
        use("compare -3 --json", (*QUIET, *UNNAMED)),
    ],
    "gittrack best": [use("best loss", QUIET), use("best loss --per branch -q", QUIET)],
    "gittrack stats": [use("stats loss --group-by experiment", QUIET), use("stats --csv", QUIET)],
    "gittrack gate": [
        use("gate --metric loss --baseline HEAD", (*QUIET, *UNNAMED), code=1),
        use(
            "gate --metric loss --baseline HEAD --json --report {elsewhere}/gate.md",
            (*QUIET, *UNNAMED, rule("elsewhere(/gate.md)?", NEW, ENTRIES)),
            code=1,
        ),
    ],
    "gittrack blame": [use("blame loss", (*QUIET, *UNNAMED), code=1)],
    "gittrack bisect": [use("bisect loss --threshold 1 HEAD HEAD", (*QUIET, *UNNAMED), code=2)],
    "gittrack plot": [
        use("plot loss", QUIET),
        use(
            "plot loss first --smooth 0.5 -o {elsewhere}/loss.html",
            (*QUIET, rule("elsewhere(/loss.html)?", NEW, ENTRIES)),
        ),
    ],
    "gittrack export": [
        use("export --format jsonl", QUIET),
        use("export --what points {elsewhere}/points.csv", (*QUIET, rule("elsewhere(/points.csv)?", NEW, ENTRIES))),
    ],
    "gittrack import": [use("import old.csv --dry-run", NOTHING), use("import old.csv", CHANGE)],
    "gittrack tag": [use("tag first a=b", CHANGE), use("tag first -d a", CHANGE), use("tag first", READ)],
    "gittrack note": [use("note first", CHANGE, "words"), use("note first -", CHANGE, input="words\n")],
    "gittrack rename": [use("rename second other", CHANGE)],
    "gittrack rm": [use("rm other", CHANGE), use("rm first command", CHANGE)],
    "gittrack restore": [use("restore first", CHANGE), use("restore first", READ)],
    "gittrack check": [use(f"check {what}", (*READ, *UNNAMED)) for what in ("", "first", "--json")],
    "gittrack verify": [use("verify", (*QUIET, *UNNAMED)), use("verify --json", (*QUIET, *UNNAMED))],
    "gittrack doctor": [
        use("doctor", (*QUIET, *UNNAMED)),
        use("doctor --json", (*QUIET, *UNNAMED)),
        use("doctor --fix", (*QUIET, *UNNAMED)),
    ],
    "gittrack diff": [
        use("diff first files --stat", (*QUIET, *UNNAMED)),
        use("diff first --json", (*QUIET, *UNNAMED, *INPUT, *OBJECTS)),
    ],
    "gittrack checkout": [use("checkout first {elsewhere}/checked", (*QUIET, *UNNAMED, *OBJECTS, *WORKTREE))],
    "gittrack branch": [use("branch first again", (*QUIET, *UNNAMED, *NEW_BRANCH))],
    "gittrack reproduce": [
        use("reproduce first --dry-run", QUIET),
        use("reproduce command", (*CHANGE, *INPUT, *UNNAMED, *WORKTREE)),
    ],
    "gittrack sync": [use("sync", (*QUIET, *UNNAMED, *REMOTE))],
    "gittrack push": [use("push --no-snapshots", (*QUIET, *UNNAMED, *REMOTE))],
    "gittrack pull": [use("pull", (*QUIET, *UNNAMED, *REMOTE)), use("pull nowhere", QUIET, code=2)],
    "gittrack purge": [
        use("purge files --dry-run", (*QUIET, *UNNAMED, *PURGE)),
        use("purge files", (*QUIET, *UNNAMED, *PURGE), code=2),
    ],
    "gittrack hook": [
        use("hook", NOTHING, code=2),
        use("hook post-rewrite amend", (*QUIET, *UNNAMED), input=f"{'0' * 40} {'1' * 40}\n"),
    ],
    "gittrack hooks": [use("hooks", NOTHING, code=2)],
    "gittrack hooks install": [use("hooks install", HOOKS), use("hooks install", NOTHING)],
    "gittrack hooks status": [use("hooks status", NOTHING), use("hooks status --json", NOTHING)],
    "gittrack hooks framework": [use("hooks framework post-checkout a b 0", (*QUIET, *UNNAMED))],
    "gittrack hooks uninstall": [use("hooks uninstall", HOOKS), use("hooks uninstall", NOTHING)],
    "gittrack record": [use("record", NOTHING, code=2), use("record --help", NOTHING)],
    "gittrack record param": [use("record --run {run} param lr=0.1", LOG)],
    "gittrack record metric": [use("record --run {run} metric loss=0.5 --step 1", LOG)],
    "gittrack record metrics": [use("record --run {run} metrics -", LOG, input='{"loss": 1, "step": 2}\n')],
    "gittrack record tag": [use("record --run {run} tag stage=dev", LOG)],
    "gittrack record artifact": [use("record --run {run} artifact run.sh large.bin", (*LOG, *RECORD))],
    "gittrack record input": [use("record --run {run} input data", (*LOG, *INPUT))],
    "gittrack demo": [use("demo ../elsewhere/demo", (rule("elsewhere/demo(/.*)?", NEW), *UNNAMED))],
}


def every_command(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the path of a command and of all below it."""
    yield context.command_path
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from every_command(inner, click.Context(inner, parent=context, info_name=name))


def test_the_table_names_every_command() -> None:
    assert sorted(TABLE) == sorted(every_command(program, click.Context(program, info_name="gittrack")))


@pytest.fixture
def running(recorded: World) -> Iterator[str]:
    """The id of a run that is under way in another process until the test ends."""
    code = f"{ASIDE}; import gittrack; print(gittrack.start_run('under way').id, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=recorded.repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def place_in(world: World, place: str, git: Git) -> Path:
    """Make the place that is meant; return where to stand in it."""
    if place == "sparse index":
        words = ["sparse-checkout", "set", "--cone", "--sparse-index", "src"]
        git("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", *words, cwd=world.linked)
    return {"top": world.repo, "folder": world.repo / "src"}.get(place, world.linked)


@pytest.mark.parametrize("place", ["top", "folder", "linked worktree", "sparse index"])
def test_each_command(place: str, recorded: World, running: str, git: Git) -> None:
    here = place_in(recorded, place, git)
    (here / "data.json").write_text(json.dumps({"depth": 3}), encoding="utf-8")
    (here / "old.csv").write_text("name,lr,acc\nold,0.1,0.5\n", encoding="utf-8")
    (here / "large.bin").write_bytes(bytes(200_000))
    for name in ("train.py", "run.sh", "data"):
        if not (here / name).exists():
            (here / name).write_text("x\n", encoding="utf-8")
    complaints = []
    for command, uses in TABLE.items():
        for one in uses:
            if command == "gittrack demo" and place != "top":
                continue  # it trains for seconds, and asks no repository
            before = recorded.picture()
            filled = {"{run}": running, "{elsewhere}": str(recorded.repo.parent / "elsewhere")}
            words = [reduce(lambda text, name: text.replace(name, filled[name]), filled, word) for word in one.words]
            done = recorded.gittrack(*words, cwd=here, input=one.input)
            found = recorded.complaints(before, (*one.allowed, *(SPARSE if place == "sparse index" else ())))
            if done.code != one.code:
                found.append(f"exit code {done.code}: {done.err}")
            complaints += [f"{' '.join(words)}: {complaint}" for complaint in found]

    assert complaints == [], "\n".join(complaints)
    assert held(recorded, running) == []


def held(world: World, running: str) -> list[str]:
    """Return the lock files of gittrack that some process still holds, the run that is under way apart."""
    found = []
    for path in (world.repo / ".git/gittrack").rglob("*.lock"):
        with path.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                found.append(path.parent.name)
    return [name for name in found if name != running]
