"""Fills the branch with made-up runs, the same in every repository: `python benchmarks/population.py REPOSITORY COUNT`.

Run number i has params, tags and metrics that follow from i alone, those that the other trackers are given.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import FORMAT_FILE, PACKAGES, RECORD, format_file, readme_file, run_directory
from gittrack.codec.record import record_to_plain
from gittrack.codec.series import write_series
from gittrack.codec.text import to_yaml
from gittrack.codec.times import write_time
from gittrack.model import FINISHED, Author, Code, Environment, MetricSummary, Point, Record, Start
from measuring import RUNS_REF, git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gittrack.model import Number

FIRST_TIME: Final = 1_700_000_000
APART: Final = 60  # seconds from the start of a run to that of the next
LASTS: Final = 45.5
# Each commit writes every folder that it adds to whole, so that of a million runs not every hundredth can be one.
RUNS_A_COMMIT: Final = 100
_MANY: Final = 100_000
RUNS_A_COMMIT_OF_MANY: Final = 10_000
# As many runs as one git fast-import is given: it keeps the trees of all of them in memory.
_AT_ONCE: Final = 100_000
_WHO: Final = "Ada Example <ada@example.com>"
_PACKAGES: Final = "".join(f"package-{number}=={number % 7}.{number % 11}.0\n" for number in range(40)).encode()
# Stands for the numbers in the template; no other number there is as large.
_HERE: Final = 10**15

PARAMS: Final = "lr batch_size epochs seed dropout hidden layers optimizer weight_decay warmup".split()
METRICS: Final = "acc loss f1 precision recall".split()
TAGS: Final = "team dataset stage".split()


def run_id(number: int) -> str:
    """Return the id of run `number`."""
    return hashlib.sha256(b"%d" % number).hexdigest()[:32]


def params(number: int) -> dict[str, Number | str]:
    """Return the params of run `number`."""
    chance = random.Random(7919 * number + 1)
    return {
        "lr": round(10 ** chance.uniform(-5, -1), 8),
        "batch_size": chance.choice([16, 32, 64, 128]),
        "epochs": chance.randint(1, 100),
        "seed": number,
        "dropout": round(chance.random() * 0.5, 4),
        "hidden": chance.choice([64, 128, 256, 512]),
        "layers": chance.randint(1, 12),
        "optimizer": chance.choice(["adam", "sgd", "adamw", "lion"]),
        "weight_decay": round(10 ** chance.uniform(-6, -2), 8),
        "warmup": chance.randint(0, 1000),
    }


def metrics(number: int) -> dict[str, float]:
    """Return the metrics of run `number`, each logged once, at step 0."""
    chance = random.Random(104729 * number + 2)
    return {name: round(chance.random() * (3 if name == "loss" else 1), 6) for name in METRICS}


def tags(number: int) -> dict[str, str]:
    """Return the tags of run `number`."""
    chance = random.Random(15485863 * number + 3)
    return {
        "team": chance.choice(["vision", "nlp", "rl"]),
        "dataset": chance.choice(["cifar10", "mnist", "imagenet", "svhn"]),
        "stage": chance.choice(["dev", "sweep", "final"]),
    }


def run_name(number: int) -> str:
    """Return the name of run `number`."""
    return f"run-{number:06}"


def segment(number: int) -> str:
    """Return the name of the journal segment that run `number` tells of; it starts with a letter."""
    return f"a{number:011x}"


def record(number: int, commit: str | None) -> Record:
    """Return the record of run `number`, made with the code of `commit`."""
    return _record(
        run_id(number),
        run_name(number),
        FIRST_TIME + APART * number,
        commit,
        params(number),
        metrics(number),
        tags(number),
        segment(number),
    )


def _record(  # noqa: PLR0917 - what differs from run to run, of which a template is made too
    oid: str,
    name: str,
    start: float,
    commit: str | None,
    its_params: Mapping[str, Number | str],
    its_metrics: Mapping[str, Number],
    its_tags: Mapping[str, str],
    journal: str,
) -> Record:
    return Record(
        start=Start(
            id=oid,
            name=name,
            time=start,
            author=Author("Ada Example", "ada@example.com"),
            host="bench",
            user="ada",
            command=("python", "train.py", "--config", "base.yaml"),
            code=Code(commit, "main", entry="train.py"),
            environment=Environment(
                "3.11.7", "CPython", "Linux-6.1-x86_64-glibc2.36", "x86_64", "Some Processor", 16, gpus=("Some GPU",)
            ),
        ),
        status=FINISHED,
        end=start + LASTS,
        params=its_params,
        metrics={key: _summary(key, value) for key, value in its_metrics.items()},
        tags=its_tags,
        journal=(journal,),
    )


def _summary(name: str, value: Number) -> MetricSummary:
    return MetricSummary(value, 0, value, 0, value, 0, 1, (f"metrics/{name}.tsv",))


def _writer() -> Callable[[int, str | None], bytes]:
    """Return what makes the bytes of run.yaml as the codec does, with the numbers of one record put into a template."""
    filled = {key: _HERE + place for place, key in enumerate([*PARAMS, *METRICS])}
    its_params, its_metrics = ({key: filled[key] for key in keys} for keys in (PARAMS, METRICS))
    made = _record(
        "here-id", "here-name", 0, "here-commit", its_params, its_metrics, {t: f"here-{t}" for t in TAGS}, "j"
    )
    text = to_yaml(record_to_plain(made)).decode()
    for key, here in filled.items():
        text = text.replace(f": {here}", f": %({key})s")
    for word in ("id", "name", "commit", *TAGS):
        text = text.replace(f": here-{word}\n", f": %({word})s\n")
    text = text.replace(write_time(0), "%(start)s").replace(write_time(LASTS), "%(end)s")
    text = text.replace("journal: [j]", "journal: [%(journal)s]")

    def write(number: int, commit: str | None) -> bytes:
        start = FIRST_TIME + APART * number
        values = {
            **{key: _scalar(value) for key, value in (*params(number).items(), *metrics(number).items())},
            **tags(number),
            "id": _text(run_id(number)),
            "name": run_name(number),
            "commit": "null" if commit is None else _text(commit),
            "start": write_time(start),
            "end": write_time(start + LASTS),
            "journal": segment(number),
        }
        return (text % values).encode()

    return write


def _scalar(value: Number | str) -> str:
    """A value as YAML has it: its exponent needs a point before it."""
    text = str(value)
    return text if isinstance(value, str) or "." in text else text.replace("e", ".0e")


def _text(hexadecimal: str) -> str:
    """Hexadecimal digits as YAML text: without a letter they would be a number."""
    return f"'{hexadecimal}'" if hexadecimal.isdigit() else hexadecimal


def populate(repo: str, count: int, *, first: int = 0, commits: Sequence[str] = ()) -> None:
    """Add the runs from number `first` on to the branch in `repo`; the code of run i is that of commit i of `commits`.

    Without `commits`, with that of main where there is one; beyond their end they start again. main is pinned.
    """
    head = git(repo, "for-each-ref", "--count=1", "--format=%(objectname)", "refs/heads/main").decode().strip()
    code: Sequence[str | None] = commits or [head or None]
    if head and not git(repo, "for-each-ref", "refs/gittrack/code"):
        _fast_import(
            repo, [f"{_commit('refs/gittrack/code', FIRST_TIME, f'pin {head}')}from {head}\ndeleteall\n".encode()]
        )
    write = _writer()
    together = RUNS_A_COMMIT if count <= _MANY else RUNS_A_COMMIT_OF_MANY
    for start in range(first, first + count, _AT_ONCE):
        tip = git(repo, "for-each-ref", "--format=%(objectname)", RUNS_REF).decode().strip()
        _fast_import(repo, _stream(range(start, min(start + _AT_ONCE, first + count)), code, write, tip, together))


def _fast_import(repo: str, stream: Iterable[bytes]) -> None:
    command = ["git", "-c", "core.compression=1", "fast-import", "--quiet", "--depth=0"]
    process = subprocess.Popen(command, cwd=repo, stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin:
        process.stdin.writelines(stream)
    if process.wait():
        raise RuntimeError("git fast-import failed")


def _stream(
    runs: range, code: Sequence[str | None], write: Callable[[int, str | None], bytes], tip: str, together: int
) -> Iterable[bytes]:
    """What git fast-import is told: the shared blob, then the files of the runs, so many of them a commit."""
    yield b"blob\nmark :1\ndata %d\n%s\n" % (len(_PACKAGES), _PACKAGES)
    for place, number in enumerate(runs):
        if place % together == 0:
            yield _commit(RUNS_REF, FIRST_TIME + APART * number, f"runs from {run_name(number)} on").encode()
            if place == 0:
                yield (
                    f"from {tip}\n".encode()
                    if tip
                    else _inline(FORMAT_FILE, format_file()) + _inline("README.md", readme_file())
                )
        folder = run_directory(run_id(number))
        yield _inline(f"{folder}/{RECORD}", write(number, code[number % len(code)]))
        for name, value in metrics(number).items():
            yield _inline(f"{folder}/metrics/{name}.tsv", write_series([Point(0, LASTS, value)]))
        yield f"M 100644 :1 {folder}/{PACKAGES}\n".encode()


def _commit(ref: str, when: int, subject: str) -> str:
    return f"commit {ref}\ncommitter {_WHO} {when} +0000\ndata {len(subject)}\n{subject}\n"


def _inline(path: str, data: bytes) -> bytes:
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)


def main() -> None:
    """Fill the repository that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository")
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    asked = parser.parse_args()
    populate(asked.repository, asked.count, first=asked.first)


if __name__ == "__main__":
    main()
