"""How long questions take, each a cold process: `python benchmarks/query.py`.

Install without -e first: an editable installation costs each process a fifth more. `--peers FOLDER` puts the same runs
and the same question to mlflow, dvc and aim: FOLDER has a virtual environment for each, made by `python -m venv` and
`pip install`
(for dvc, dvc and dvclive).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from measuring import Figure, git, interleaved, make_repository, median, python, seconds, spread, workspace
from population import metrics, params, populate, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

GOALS: Final = {1_000: 100, 10_000: 120, 100_000: 200, 1_000_000: 500}  # ms
QUESTION: Final = ("log", "--where", "metrics.acc > 0.9", "--sort", "-metrics.acc", "-n", "10")
OTHERS: Final = {
    "the newest 20": ("log",),
    "two params and a metric": (
        *("log", "-n", "10", "--where"),
        "metrics.acc > 0.5 and params.lr < 0.01 and params.optimizer = 'lion'",
    ),
    "by a sum of metrics, every run is looked at": ("log", "--sort", "-metrics.acc - metrics.loss", "-n", "10"),
    "OR and the least value, every run is looked at": (
        *("log", "-n", "10", "--sort", "duration", "--where"),
        "metrics.acc.min > 0.99 or params.layers = 7 and metrics.f1.min > 0.99",
    ),
}
# What commands that judge runs are asked.
JUDGEMENTS: Final = {
    "compare, the last ten": ("compare", "-10"),
    "best": ("best", "acc"),
    "best, for each of a param": ("best", "acc", "--per", "params.optimizer"),
    "stats, for each of a param": ("stats", "acc", "--group-by", "params.optimizer"),
    "blame along a hundred commits": ("blame", "acc"),
    "plot, the last ten": ("plot", "acc"),
}
COMMITS: Final = 100  # of the code, that the runs are spread over
ROUNDS: Final = 9
RANGE_ROUNDS: Final = 5


def process(*words: str, cwd: str) -> Callable[[], float]:
    """A whole process, output thrown away."""

    def run() -> None:
        subprocess.run(words, cwd=cwd, check=True, stdout=subprocess.DEVNULL)

    return lambda: seconds(run)


def peak_memory(*words: str, cwd: str) -> float:
    """The most memory that a process takes, in MB."""
    with subprocess.Popen(words, cwd=cwd, stdout=subprocess.DEVNULL) as running:
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * 1024 / 1e6


def report(figures: Iterable[Figure]) -> None:
    """Print figures as rows of a table."""
    for figure in figures:
        print("| " + " | ".join(figure.cells()) + " |", flush=True)


def ours(*words: str) -> list[str]:
    """The command line of gittrack."""
    return [os.path.join(os.path.dirname(sys.executable), "gittrack"), *words]


def bare(repo: str) -> list[str]:
    """The same question put to the tables by Python's sqlite3 alone: what a cold process can reach at best."""
    database = os.path.join(repo, ".git", "gittrack", "index.sqlite")
    code = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "for row in db.execute('SELECT id, name, last FROM metrics JOIN runs USING (run) WHERE key = ? AND last > 0.9 "
        "AND NOT deleted ORDER BY last DESC LIMIT 10', ('acc',)): print(*row)"
    )
    return [sys.executable, "-c", code, database]


def changes(repo: str, count: int) -> list[str]:
    """Add that many commits to main, each of which changes a file; return them, the first one first."""
    for number in range(count):
        with open(os.path.join(repo, "train.py"), "w", encoding="utf-8") as file:
            file.write(f"VERSION = {number}\n")
        git(repo, "add", "train.py")
        git(repo, "commit", "-qm", f"Version {number}")
    return git(repo, "rev-list", "--reverse", f"-{count}", "HEAD").decode().split()


def questions(folder: str, count: int) -> Iterator[Figure]:
    """Our figures for a branch of `count` runs."""
    repo = make_repository(os.path.join(folder, f"runs-{count}"), files=10)
    populate(repo, count, commits=changes(repo, COMMITS))
    python("-m", "gittrack", *QUESTION, cwd=repo)  # the first one makes the index
    asked, limit = interleaved(ROUNDS, process(*ours(*QUESTION), cwd=repo), process(*bare(repo), cwd=repo))
    yield Figure(
        f"{count:,} runs: acc > 0.9, the ten best",
        median(asked, 1e3),
        "ms",
        goal=GOALS.get(count),
        beside=median(limit, 1e3),
        beside_what="bare SQLite",
        note=spread(asked, 1e3),
    )
    for what, words in (OTHERS | JUDGEMENTS).items():
        (taken,) = interleaved(ROUNDS, process(*ours(*words), cwd=repo))
        yield Figure(f"{count:,} runs: {what}", median(taken, 1e3), "ms", note=spread(taken, 1e3))
    if count >= 100_000:
        by_optimizer = ("stats", "acc", "--group-by", "params.optimizer"), ("best", "loss", "--per", "params.optimizer")
        for words in (QUESTION, ("log", "--all", "--csv"), ("log", "--all"), *by_optimizer):
            megabytes = peak_memory(*ours(*words), cwd=repo)
            yield Figure(f"{count:,} runs: memory of {' '.join(words[:3])}", megabytes, "MB", goal=100)


# Ranges


def many_commits(path: str, count: int) -> None:
    """A history of `count` commits on main."""
    git(os.path.dirname(path), "init", "-q", path)
    lines = [b"blob\nmark :1\ndata 1\nx\n"]
    for number in range(count):
        start = b"" if number else b"M 100644 :1 file\n"
        who = b"Ada Example <ada@example.com> %d +0000" % (1_000_000_000 + number * 60)
        lines.append(b"commit refs/heads/main\ncommitter %s\ndata 1\nx\n%s\n" % (who, start))
    git(path, "fast-import", "--quiet", stdin=b"".join(lines))
    git(path, "commit-graph", "write", "--reachable")


def ranges(folder: str, count: int) -> Figure:
    """A range of nine tenths of a long history, beside the walk of git that it takes."""
    path = os.path.join(folder, f"commits-{count}")
    many_commits(path, count)
    listed = git(path, "rev-list", "--first-parent", "HEAD").decode().split()
    some = listed[:: max(1, count // 1_000)]
    populate(path, 1_000, commits=some)
    span = f"HEAD~{count * 9 // 10}..HEAD"
    python("-m", "gittrack", "log", "-n", "1", cwd=path)
    asked, walk = interleaved(
        RANGE_ROUNDS,
        process(*ours("log", "-n", "10", span), cwd=path),
        process("git", "rev-list", span, cwd=path),
    )
    return Figure(
        f"a range in {count:,} commits",
        median(asked),
        "s",
        beside=median(walk),
        beside_what="git rev-list",
        ratio_goal=1.5,
        note=spread(asked),
    )


# Other trackers


def peers(folder: str, environments: str, count: int) -> Iterator[Figure]:
    """The question of `questions` put to other trackers with the same runs, and to us in turn."""
    runs = [
        json.dumps({"name": f"run-{i:06}", "params": params(i), "metrics": metrics(i), "tags": tags(i)})
        for i in range(count)
    ]
    repo = make_repository(os.path.join(folder, "peers"), files=10)
    populate(repo, count)
    python("-m", "gittrack", *QUESTION, cwd=repo)
    expected = sorted((metrics(i)["acc"] for i in range(count)), reverse=True)[:10]
    script = os.path.abspath(os.path.join(os.path.dirname(__file__), "peers.py"))
    for tracker in ("mlflow", "dvc", "aim"):
        programs = os.path.join(environments, tracker, "bin")
        if not os.path.isdir(programs):
            continue
        place = make_repository(os.path.join(folder, tracker), files=10)
        env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        command = [os.path.join(programs, "python"), script, tracker]
        for words in (["dvc", "init", "-q"], ["aim", "init", "-y"]):
            if words[0] == tracker:
                subprocess.run(words, cwd=place, env=env, check=True, stdout=subprocess.DEVNULL)
        if tracker == "dvc":
            git(place, "commit", "-qm", "Start DVC")
        subprocess.run([*command, "fill"], cwd=place, env=env, check=True, input="\n".join(runs), text=True, stdout=2)
        found = json.loads(subprocess.run([*command, "ask"], cwd=place, env=env, check=True, stdout=-1).stdout)
        if found != expected:
            print(f"{tracker} answers {found} instead of {expected}", file=sys.stderr)

        def ask(command: Sequence[str] = command, place: str = place, env: dict[str, str] = env) -> float:
            return seconds(lambda: subprocess.run([*command, "ask"], cwd=place, env=env, check=True, stdout=-1))

        theirs, own = interleaved(3, ask, process(*ours(*QUESTION), cwd=repo))
        yield Figure(
            f"{count:,} runs: the ten best, gittrack",
            median(own, 1e3),
            "ms",
            beside=median(theirs, 1e3),
            beside_what=tracker,
            note=spread(theirs, 1e3),
        )
        shutil.rmtree(place, ignore_errors=True)


def main() -> None:
    """Measure what the command line asks for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--commits", type=int, default=1_000_000)
    parser.add_argument("--peers", metavar="FOLDER")
    parser.add_argument("--peer-runs", type=int, default=1_000)
    parser.add_argument("--below", help="where to work, by default the folder for temporary files")
    options = parser.parse_args()
    with workspace(options.below) as folder:
        for count in options.runs:
            report(questions(folder, count))
        if options.commits:
            report([ranges(folder, options.commits)])
        if options.peers:
            report(peers(folder, os.path.abspath(options.peers), options.peer_runs))


if __name__ == "__main__":
    main()
