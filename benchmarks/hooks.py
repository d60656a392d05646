"""Measures what each hook adds to git when it has nothing to do: `python benchmarks/hooks.py [--rounds N]`."""

from __future__ import annotations

import argparse
import os
import resource
from typing import TYPE_CHECKING

from gittrack.hooks.install import install
from gittrack.hooks.stub import HOOKS, SERVER
from gittrack.project import open_project
from measuring import Figure, git, interleaved, make_repository, median, python, seconds, spread, workspace
from population import populate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MS = 1e3
GOAL = 60.0
RUNS = 1000
WITHOUT = ("-c", "core.hooksPath=/dev/null")


def commit(_: str) -> Sequence[str]:
    """An empty commit."""
    return "commit", "-q", "--allow-empty", "-m", "x"


def amend(_: str) -> Sequence[str]:
    """The last commit again."""
    return "commit", "-q", "--amend", "--allow-empty", "-m", "x"


def push(repo: str) -> Sequence[str]:
    """A new commit to a remote that is a folder."""
    made = git(repo, "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", os.urandom(4).hex()).decode().strip()
    return "push", "-q", "hub", f"+{made}:refs/heads/measured"


def merge(repo: str) -> Sequence[str]:
    """A merge that has only to go forward."""
    git(repo, *WITHOUT, "commit", "-q", "--allow-empty", "-m", "x")
    git(repo, *WITHOUT, "update-ref", "refs/heads/ahead", "HEAD")
    git(repo, *WITHOUT, "reset", "-q", "--hard", "HEAD~1")
    return "merge", "-q", "--ff-only", "ahead"


def checkout(repo: str) -> Sequence[str]:
    """Another branch."""
    if git(repo, "branch", "--show-current") == b"side\n":
        return "checkout", "-q", "main"
    git(repo, *WITHOUT, "branch", "-f", "side")
    return "checkout", "-q", "side"


COMMANDS: dict[str, Callable[[str], Sequence[str]]] = {
    "post-commit": commit,
    "post-rewrite": amend,
    "pre-push": push,
    "post-merge": merge,
    "post-checkout": checkout,
    "prepare-commit-msg": commit,
    SERVER: push,
}


def cost(repo: str, hook: str, rounds: int, state: str) -> Figure:
    """What git takes with the hook and without it, in turn."""
    command = COMMANDS[hook]
    # A setting of the command does not reach the repository that is pushed to: there is another one without hooks.
    server = hook == SERVER

    used: dict[bool, list[float]] = {True: [], False: []}

    def way(*, hooked: bool) -> float:
        words = [*command(repo)]
        if server and not hooked:
            words[2] = "bare"
        settings = () if hooked or server else WITHOUT
        before = processor_time()
        took = seconds(lambda: git(repo, *settings, *words))
        used[hooked].append(processor_time() - before)
        return took

    with_it, bare = interleaved(rounds, lambda: way(hooked=True), lambda: way(hooked=False), warm_up=3)
    added = [(one - other) * MS for one, other in zip(with_it, bare, strict=True)]
    processor = median(used[True], MS) - median(used[False], MS)
    note = f"processor {processor:.3g} ms; git {command(repo)[0]} without it {median(bare, MS):.3g} ms; {spread(added)}"
    return Figure(f"{hook}, {state}", median(added), "ms", GOAL, note=note)


def processor_time() -> float:
    """What the processes that were started and ended took of the processor, which a busy machine does not change."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def only(repo: str, hook: str) -> None:
    """Have this hook and no other."""
    folder = os.path.join(repo, "hooks" if hook == SERVER else ".git/hooks")
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    os.chdir(repo)
    install(open_project(), [hook])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--directory")
    asked = parser.parse_args()
    figures: list[Figure] = []
    with workspace(asked.directory) as folder:
        repo, hub = make_repository(os.path.join(folder, "repo")), os.path.join(folder, "hub.git")
        for name in ("hub", "bare"):
            git(folder, "clone", "-q", "--bare", repo, os.path.join(folder, f"{name}.git"))
            git(repo, "remote", "add", name, os.path.join(folder, f"{name}.git"))
        for state in ("no runs", f"{RUNS} runs of other commits"):
            for hook in HOOKS:
                only(hub if hook == SERVER else repo, hook)
                figures.append(cost(repo, hook, asked.rounds, state))
            if not figures[len(HOOKS) :]:
                populate(repo, RUNS)
                python("-m", "gittrack", "log", "-n", "1", cwd=repo)  # which makes the index
    for figure in figures:
        print("| " + " | ".join(figure.cells()) + " |")


if __name__ == "__main__":
    main()
