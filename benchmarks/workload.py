"""The small run that everything is measured with, the same by git plumbing, and branches full of its like."""

from __future__ import annotations

import os
import random
import re
import subprocess
import time
from typing import TYPE_CHECKING

import gittrack
from measuring import RUNS_REF, git

if TYPE_CHECKING:
    from collections.abc import Mapping

# A time in the past: the newest run stays the real one.
FIRST_TIME = 1_700_000_000
METRICS = ("loss", "accuracy", "f1", "precision", "recall")


def small_run(repo: str, seed: int = 0) -> str:
    """Record a run of ten params, three tags and five metrics; return its id once it is durable."""
    chance = random.Random(seed)
    params = {
        "lr": round(chance.uniform(1e-5, 1e-1), 8),
        "batch_size": chance.choice([16, 32, 64, 128]),
        "epochs": chance.randint(1, 100),
        "seed": seed,
        "dropout": round(chance.uniform(0, 0.5), 4),
        "hidden": chance.choice([64, 128, 256, 512]),
        "layers": chance.randint(1, 12),
        "optimizer": chance.choice(["adam", "sgd", "adamw"]),
        "weight_decay": round(chance.uniform(1e-6, 1e-2), 8),
        "warmup": chance.randint(0, 1000),
    }
    tags = {"team": "vision", "dataset": chance.choice(["cifar10", "mnist"]), "stage": "sweep"}
    with gittrack.start_run(repo=repo, params=params, tags=tags) as run:
        for name in METRICS:
            run.log_metric(name, round(chance.random(), 6), step=0)
    return run.id


def files_of(repo: str, run_id: str) -> dict[str, bytes]:
    """Return the files of a run on the branch, by their path below the run's folder."""
    folder = f"runs/{run_id[:2]}/{run_id}/"
    names = git(repo, "ls-tree", "-r", "--name-only", RUNS_REF, folder).decode().splitlines()
    return {name.removeprefix(folder): git(repo, "cat-file", "blob", f"{RUNS_REF}:{name}") for name in names}


class Plumbing:
    """Puts the files of a run into the branch of another repository, one git process for each step."""

    def __init__(self, repo: str, scratch: str) -> None:
        self._repo = repo
        self._scratch = scratch
        os.makedirs(scratch, exist_ok=True)

    def put(self, run_id: str, files: Mapping[str, bytes]) -> float:
        """Commit the files at the run's place, every object and the ref durable; return the seconds it took.

        The files lie on disk beforehand. hash-object, rev-parse, three ls-tree, five mktree (one makes both
        of the run's folders), commit-tree, update-ref: as a good shell script would.
        """
        paths = self._lay_out(files)
        before = time.perf_counter()
        self._commit(run_id, dict(zip(files, self._git("hash-object", "-w", "--no-filters", *paths), strict=True)))
        return time.perf_counter() - before

    def _lay_out(self, files: Mapping[str, bytes]) -> list[str]:
        paths = []
        for number, data in enumerate(files.values()):
            paths.append(os.path.join(self._scratch, str(number)))
            with open(paths[-1], "wb") as file:
                file.write(data)
        return paths

    def _commit(self, run_id: str, blobs: Mapping[str, str]) -> None:
        folders: dict[str, list[str]] = {}
        for path, oid in blobs.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, []).append(f"100644 blob {oid}\t{name}\n")
        top = folders.pop("")
        made = self._git("mktree", "--batch", stdin="\n".join("".join(lines) for lines in folders.values()))
        top += [f"040000 tree {oid}\t{name}\n" for name, oid in zip(folders, made, strict=True)]
        run = self._git("mktree", stdin="".join(top))[0]
        tip = self._git("rev-parse", RUNS_REF)[0]
        root = self._git("ls-tree", tip)
        shards = self._git("ls-tree", f"{tip}:runs")
        fan_out = run_id[:2]
        shard = self._git("ls-tree", f"{tip}:runs/{fan_out}") if _has(shards, fan_out) else []
        below = self._tree(shard, run_id, run)
        below = self._tree(shards, fan_out, below)
        tree = self._tree(root, "runs", below)
        commit = self._git("commit-tree", tree, "-p", tip, "-m", f"run {run_id[:8]} finished")[0]
        self._git("update-ref", RUNS_REF, commit, tip)

    def _tree(self, entries: list[str], name: str, oid: str) -> str:
        kept = [line for line in entries if not line.endswith(f"\t{name}")]
        lines = [*kept, f"040000 tree {oid}\t{name}"]
        return self._git("mktree", stdin="".join(f"{line}\n" for line in lines))[0]

    def _git(self, *args: str, stdin: str | None = None) -> list[str]:
        data = None if stdin is None else stdin.encode()
        return git(self._repo, *args, stdin=data, durable=True).decode().splitlines()


def _has(entries: list[str], name: str) -> bool:
    return any(line.endswith(f"\t{name}") for line in entries)


def populate(repo: str, count: int, *, like: str, seed: int, runs_per_commit: int = 1) -> None:
    """Put `count` runs like the real one `like` into the branch by git fast-import.

    Each has an id, a name, a time, and metric values of its own; they share what real runs share.
    """
    files = files_of(repo, like)
    chance = random.Random(seed)
    stream = subprocess.Popen(["git", "fast-import", "--quiet"], cwd=repo, stdin=subprocess.PIPE)
    assert stream.stdin is not None
    write = stream.stdin.write
    for number in range(count):
        if number % runs_per_commit == 0:
            who = f"committer Ada Example <ada@example.com> {FIRST_TIME + number} +0000"
            write(f"commit {RUNS_REF}\n{who}\ndata 5\nruns\n\n".encode())
            if number == 0:
                write(f"from {RUNS_REF}^0\n".encode())
        run_id = f"{chance.getrandbits(128):032x}"
        for path, data in _varied(files, run_id, FIRST_TIME + number, chance).items():
            write(f"M 100644 inline runs/{run_id[:2]}/{run_id}/{path}\ndata {len(data)}\n".encode())
            write(data + b"\n")
    stream.stdin.close()
    if stream.wait():
        raise RuntimeError("git fast-import failed")


def _varied(files: Mapping[str, bytes], run_id: str, when: int, chance: random.Random) -> dict[str, bytes]:
    """The files of a run as those of another run: its values stand in its record and in its histories alike."""
    varied = dict(files)
    record = files["run.yaml"]
    for path, data in files.items():
        if path.startswith("metrics/"):
            value = data.rstrip().rsplit(b"\t", 1)[1]
            new = b"%.6f" % chance.uniform(0.1, 0.9)
            varied[path] = data.replace(b"\t" + value, b"\t" + new)
            record = record.replace(b": " + value, b": " + new)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)).encode()
    for pattern, text in (
        (rb"^id: .*", b"id: " + run_id.encode()),
        (rb"^name: .*", b"name: run-" + run_id[:12].encode()),
        (rb"^(start|end): '[^.]*", rb"\1: '" + moment),
        (rb"^journal: .*", b"journal: [%012x]" % chance.getrandbits(48)),
    ):
        record = re.sub(pattern, text, record, flags=re.MULTILINE)
    varied["run.yaml"] = record
    return varied
