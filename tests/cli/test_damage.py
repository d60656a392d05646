"""One run of six is damaged in every way; each command still answers for the other five, and names the one."""

from __future__ import annotations

import json
import re
import shutil
import sys
import zlib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from gittrack.cli.main import gittrack as every_command
from gittrack.codec.paths import pointer, run_directory
from tests.cli.sampling import sample
from tests.conftest import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.conftest import Git, Gittrack, RunPython

REF = "refs/heads/gittrack/runs"
VICTIM = "victim"
OTHERS = ("ant", "bee", "cat", "dog", "eel")
BIG = "b" * 150_000
RECORD = """
    import sys
    import gittrack

    def log(run, part):
        for step in range(3):
            run.log_metric("loss", ord(run.name[0]) + 1 / (step + 1), step)
        run.log_metric(f"odd-{part}", float("nan"))
        run.log_text(f"hello {part}", f"notes/{part}.txt")

    for name in sys.argv[1:]:
        with gittrack.start_run(name, params={"lr": 0.1, "model": {"depth": 3}}, tags={"stage": "dev"}) as run:
            log(run, "first")
            if name in ("victim", "ant"):
                run.log_text("a" * 150_000, f"large-{name}.bin")
        if name in ("victim", "bee"):
            with gittrack.start_run(run_id=run.id) as run:
                log(run, "again")
"""
PRINTING = "print('epoch 1'); print('epoch 2')"

# Every command of the command line stands here or below with a reason why not.
READING = [
    ["init"],
    ["log", "--json"],
    ["log", "--jsonl"],
    ["log", "--all"],
    ["log", "--oneline", "--all"],
    ["log", "--json", "--status", "finished"],
    ["log", "--json", "--deleted"],
    ["log", "--json", "--experiment", "default"],
    ["show", "ant"],
    ["show", "bee", "--json"],
    ["show", "cat", "--output"],
    ["show", "bee", "--metric", "loss"],
    ["show", "bee", "--metric", "loss", "--json"],
    ["plot", "loss", "ant", "bee", "cat", "dog", "--json"],
    ["export", "--where", "name != 'victim'"],
    ["export", "--what", "points", "--where", "name != 'victim'"],
    ["tag", "bee", "--json"],
    ["check", *OTHERS],
]
WRITING = [
    ["run", "--name", "new", "--", sys.executable, "-c", PRINTING],
    ["tag", "bee", "seen=yes"],
    ["note", "bee", "good"],
    ["rename", "cat", "cow"],
    ["rm", "bee"],
    ["restore", "bee", "eel"],
]
PYTHON = """
import gittrack
for run in gittrack.search_runs(include_deleted=True):
    print(run.name, sorted(run.params), len(run.history("loss")) if run.name != "victim" else "")
print(gittrack.get_run("ant").artifact("large-ant.bin") == b"a" * 150_000)
print(gittrack.get_run("bee").to_dict()["metrics"]["loss"]["count"])
"""
# What may say less of the damaged run, but does not fail otherwise.
OF_THE_VICTIM = [
    ["show", "{id}"],
    ["show", "{id}", "--json"],
    ["show", "{id}", "--metric", "loss"],
    ["show", "{id}", "--output"],
    ["tag", "{id}", "--json"],
    ["tag", "{id}", "late=yes"],
    ["note", "{id}", "late"],
    ["rename", "{id}", "later"],
    ["rm", "{id}"],
    ["restore", "{id}"],
]
ASKED_ELSEWHERE = {
    "doctor": "asked for each damage beside the others",
    "demo": "it makes a repository of its own",
    "diff": "what it reads of the runs is what show reads",
    "checkout": "what it reads of a run is its code, which is no file of the branch",
    "branch": "what it reads of a run is its code, which is no file of the branch",
    "reproduce": "it runs for seconds, and reads what show reads",
    "purge": "it takes files away, and has tests of its own",
    "hook": "of runs it reads which there are, and no file of theirs",
    "hooks install": "it reads no run",
    "hooks uninstall": "it reads no run",
    "hooks status": "it reads no run",
    "hooks framework": "of runs it reads what hook reads",
    "completion": "it reads no run",
    "best": "what it reads of the runs is what log reads",
    "bisect": "what it reads of the runs is what log and reproduce read",
    "blame": "what it reads of the runs is what log reads",
    "compare": "what it reads of the runs is what log and show read",
    "gate": "what it reads of the runs is what log reads",
    "push": "it moves objects as they are, and has tests of its own",
    "pull": "it moves objects as they are, and has tests of its own",
    "sync": "it moves objects as they are, and has tests of its own",
    "verify": "it reads commits and which paths they have, and has tests of its own",
    "stats": "what it reads of the runs is what log reads",
    "import": "of runs it reads which there are, and no file of theirs",
    "help": "it reads no run",
    "record input": "they write to the journal of a running run",
    "record metric": "they write to the journal of a running run",
    "record metrics": "they write to the journal of a running run",
    "record param": "they write to the journal of a running run",
    "record tag": "they write to the journal of a running run",
    "record artifact": "they write to the journal of a running run",
}


@dataclass(frozen=True, slots=True)
class Damaged:
    """The repository, and the means to damage the run `id`."""

    repo: Path
    git: Git
    id: str

    @property
    def folder(self) -> str:
        return run_directory(self.id)

    def content(self, path: str) -> str:
        return self.git("show", f"{REF}:{self.folder}/{path}", cwd=self.repo)

    def later(self, word: str) -> str:
        """The path, below the run's folder, of the later record that holds `word`."""
        names = self.git("ls-tree", "--name-only", REF, f"{self.folder}/later/", cwd=self.repo).split()
        paths = [name.removeprefix(f"{self.folder}/") for name in names if name.endswith(".yaml")]
        (path,) = (path for path in paths if re.search(word, self.content(path), re.MULTILINE))
        return path

    def plant(self, files: Mapping[str, str | None], mode: str = "100644") -> None:
        """Commit files below the run's folder; None removes one."""
        lines = [f"commit {REF}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\nfrom {REF}^0\n"]
        for name, text in files.items():
            path = f"{self.folder}/{name}".rstrip("/")
            if text is None:
                lines.append(f"D {path}\n")
            else:
                data = text.encode("utf-8", "surrogateescape")
                lines.append(f"M {mode} inline {path}\ndata {len(data)}\n{text}\n")
        self.git("fast-import", "--quiet", "--force", input="".join(lines), cwd=self.repo)

    def object(self, path: str) -> Path:
        """The loose file of an object below the run's folder."""
        oid = self.git("rev-parse", f"{REF}:{self.folder}/{path}".rstrip("/"), cwd=self.repo).strip()
        place = self.repo / ".git" / "objects" / oid[:2] / oid[2:]
        place.chmod(0o644)
        return place

    def large(self) -> Path:
        oid = sha256(BIG.encode()).hexdigest()
        return self.repo / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid

    def forget_index(self) -> None:
        for file in (self.repo / ".git" / "gittrack").glob("index.sqlite*"):
            file.unlink()


def ask(repo: Path, questions: list[list[str]]) -> list[tuple[int, str, str]]:
    """Run many command lines, each in a process of its own."""
    done = run([sys.executable, Path(__file__).with_name("forking.py")], input=json.dumps(questions), cwd=repo)
    assert done.code == 0, done.err
    return [(code, out, err) for code, out, err in json.loads(done.out)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the six runs are recorded once, by the first test of this process."""
    return tmp_path_factory.mktemp("template") / "repo"


@pytest.fixture
def damaged(template: Path, tmp_path: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> Damaged:
    if not template.exists():
        _record(template.with_name("unfinished"), git, gittrack, run_python)
        template.with_name("unfinished").rename(template)
    repo = tmp_path / "repo"
    shutil.copytree(template, repo, symlinks=True)
    runs = json.loads(gittrack("log", "--json", "--deleted", cwd=repo).out)
    assert {found["name"] for found in runs} == {VICTIM, *OTHERS}
    (victim,) = (found["id"] for found in runs if found["name"] == VICTIM)
    return Damaged(repo, git, victim)


def _record(repo: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> None:
    repo.mkdir()
    git("init", "-q", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "start", cwd=repo)
    recorded = run_python(RECORD, "ant", "bee", "dog", "eel", cwd=repo)
    assert recorded.code == 0, recorded.err
    for name in ("cat", VICTIM):
        # The same value at the same millisecond would be the same object, and its loss that of both.
        value = 1.0 if name == VICTIM else 2.0
        # A line of its own: two runs that print the same have one object for it.
        script = ["-c", f"{PRINTING}\nprint({name!r})\nimport gittrack\ngittrack.log_metric('loss', {value}, 0)"]
        done = gittrack("run", "--name", name, "--", sys.executable, *script, cwd=repo)
        assert done.code == 0, done.err
    resume = """
        import gittrack

        with gittrack.start_run(run_id=gittrack.get_run("victim").id, params={"lr": 0.1}) as run:
            run.log_metric("loss", 0.5, 1)
            run.log_text("hello", "notes/a.txt")
            run.log_text("b" * 150_000, "large.bin")
    """
    resumed = run_python(resume, cwd=repo)
    assert resumed.code == 0, resumed.err
    for words in (["tag", VICTIM, "stage=final"], ["note", VICTIM, "fine"], ["rm", "eel"], ["tag", "dog", "x=y"]):
        assert gittrack(*words, cwd=repo).code == 0


def paths_of(command: click.Command, context: click.Context, words: tuple[str, ...] = ()) -> Iterator[str]:
    """The words of each command of the command line."""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from paths_of(inner, context, (*words, name))
    else:
        yield " ".join(words)


def test_every_command_is_asked_or_has_a_reason() -> None:
    commands = set(paths_of(every_command, click.Context(every_command)))

    assert commands == {words[0] for words in READING + WRITING} | ASKED_ELSEWHERE.keys()


def flipped(data: bytes) -> bytes:
    return data[:-8] + b"\xff" * 4 + data[-4:]


def lose(path: str) -> Callable[[Damaged], None]:
    """The object of a file or folder is gone, and an index that would still know it too."""

    def damage(damaged: Damaged) -> None:
        damaged.object(_path(damaged, path)).unlink()
        damaged.forget_index()

    return damage


def rot(path: str, change: Callable[[bytes], bytes] = flipped) -> Callable[[Damaged], None]:
    """The object of a file or folder is damaged on the disk."""

    def damage(damaged: Damaged) -> None:
        place = damaged.object(_path(damaged, path))
        place.write_bytes(change(place.read_bytes()))
        damaged.forget_index()

    return damage


def write(path: str, text: str | None) -> Callable[[Damaged], None]:
    """A commit puts other content into a file."""
    return lambda damaged: damaged.plant({_path(damaged, path): text})


def edit(path: str, pattern: str, replacement: str) -> Callable[[Damaged], None]:
    """A commit changes a part of a file."""

    def damage(damaged: Damaged) -> None:
        name = _path(damaged, path)
        text, count = re.subn(pattern, replacement, damaged.content(name), count=1, flags=re.MULTILINE)
        assert count == 1, damaged.content(name)
        damaged.plant({name: text})

    return damage


def move(path: str, name: str) -> Callable[[Damaged], None]:
    """A commit gives a file another name."""
    return lambda damaged: damaged.plant({_path(damaged, path): None, name: damaged.content(_path(damaged, path))})


def mode(path: str, bits: str) -> Callable[[Damaged], None]:
    """A commit gives a file another mode."""
    return lambda damaged: damaged.plant({_path(damaged, path): damaged.content(_path(damaged, path))}, bits)


def spoil(change: Callable[[Path], object]) -> Callable[[Damaged], None]:
    """The content of the large artifact is damaged on the disk."""

    def damage(damaged: Damaged) -> None:
        damaged.large().chmod(0o644)
        change(damaged.large())

    return damage


def _path(damaged: Damaged, path: str) -> str:
    """`path` below the run's folder, where '{tag}' is the record of the tag, and '{part}' that of the resumed part."""
    return path.format(
        tag=damaged.later("^tags:"), part=damaged.later("^part:"), files=damaged.later("^part:").removesuffix(".yaml")
    )


def as_other_blob(_: bytes) -> bytes:
    return zlib.compress(b"blob 3\0abc")


RECORDS = ("run.yaml", "{tag}", "{part}")
FILES = (
    "metrics/loss.tsv",
    "output.log",
    "{files}/metrics/loss.tsv",
    "{files}/artifacts/notes/a.txt",
    "{files}/artifacts/large.bin",
)
FOLDERS = ("", "metrics", "later", "{files}", "{files}/artifacts/notes")
# Damage of a record is seen by whatever reads runs; that of another file by the check.
OF_RECORDS: dict[str, Callable[[Damaged], None]] = {
    **{f"the object of {path} is gone": lose(path) for path in (*RECORDS, "", "later")},
    **{f"the object of {path} is flipped": rot(path) for path in ("", *RECORDS)},
    **{f"the object of {path} is empty": rot(path, lambda _: b"") for path in RECORDS},
    **{f"the object of {path} is cut": rot(path, lambda data: data[:-6]) for path in RECORDS},
    **{f"the object of {path} is another": rot(path, as_other_blob) for path in RECORDS},
    **{f"{path} holds nonsense": write(path, "\x00\udcff{") for path in RECORDS},
    **{f"{path} is a list": write(path, "- a\n- b\n") for path in RECORDS},
    "run.yaml is cut short": edit("run.yaml", r"(?s)^environment:.*", "environment: {"),
    "run.yaml is removed": write("run.yaml", None),
    "run.yaml has another name": move("run.yaml", "Run.yaml"),
    "run.yaml is that of another run": edit("run.yaml", "^id: .*", f"id: {'a' * 32}"),
    "the start is no time": edit("run.yaml", "^start: .*", "start: yesterday"),
    "the status is unknown": edit("{part}", "^status: .*", "status: done"),
}
OF_FILES: dict[str, Callable[[Damaged], None]] = {
    **{f"the object of {path or 'the run'} is gone": lose(path) for path in (*FILES, *FOLDERS[3:], "metrics")},
    **{f"the object of {path} is flipped": rot(path) for path in (*FILES, "metrics")},
    **{f"the object of {path} is another": rot(path, as_other_blob) for path in FILES},
    **{f"{path} is removed": write(path, None) for path in FILES},
    **{f"{path} has mode {bits}": mode(path, bits) for path, bits in zip(FILES, ("100755", "120000"), strict=False)},
    "the packages have mode 100755": mode("environment/packages.txt", "100755"),
    "a record has mode 100755": mode("{tag}", "100755"),
    "a file that nobody mentions": write("artifacts/extra.txt", "x"),
    "a file of no kind": write("core", "x"),
    "a metric has another name": move("metrics/loss.tsv", "metrics/Loss.tsv"),
    "a value is changed": edit("{files}/metrics/loss.tsv", r"\t0\.5$", "\t0.25"),
    "a value is gone": edit("metrics/loss.tsv", r"^0\t.*\n", ""),
    "the count is another": edit("run.yaml", r"count: 1\b", "count: 2"),
    "a later record has another hash": move("{tag}", f"later/00000009-{'0' * 16}.yaml"),
    "a later record is edited": edit("{tag}", "stage: .*", "stage: forged"),
    "an artifact is edited": write("{files}/artifacts/notes/a.txt", "jello"),
    "a pointer to something else": write("{files}/artifacts/large.bin", pointer("0" * 64, 150_000).decode()),
    "a pointer of nonsense": write("{files}/artifacts/large.bin", "version 7\n"),
    "the large file is cut": spoil(lambda place: place.write_text(BIG[1:])),
    "the large file is flipped": spoil(lambda place: place.write_text("c" + BIG[1:])),
    "the large file is a folder": spoil(
        lambda place: place.rename(place.with_name("away")).parent.joinpath(place.name).mkdir()
    ),
}


def expected(repo: Path) -> dict[str, object]:
    """What the undamaged repository answers, kept beside it for the tests of this process."""
    place = repo.with_name("answers.json")
    if not place.exists():
        place.write_text(json.dumps([answer[1] for answer in ask(repo, READING)]))
    return {" ".join(words): out for words, out in zip(READING, json.loads(place.read_text()), strict=True)}


def without_victim(text: str) -> object:
    """What is printed of the other runs, without what depends on the moment."""
    try:
        found = json.loads(text) if text[:1] in "[{" else None
    except ValueError:  # one document a line
        found = list(map(json.loads, text.splitlines()))
    if isinstance(found, list):
        return [item for item in found if "name" not in item or item["name"] != VICTIM]
    return found or [line for line in text.splitlines() if not re.search(r"\d+[smh]\b| ago| files|^repository:", line)]


def fine(answer: tuple[int, str, str], *codes: int) -> None:
    code, out, err = answer
    assert code in codes, answer
    assert not re.search("Traceback|internal error", out + err), answer
    if code:
        assert err.splitlines()[-1].startswith("gittrack: error: "), answer


@pytest.mark.parametrize("kind", sample(OF_RECORDS, 3))
def test_a_damaged_record_hides_no_other_run(damaged: Damaged, template: Path, kind: str) -> None:
    before = expected(template)
    OF_RECORDS[kind](damaged)
    victim = [[word.format(id=damaged.id) for word in words] for words in OF_THE_VICTIM]
    look = [*READING, ["python", PYTHON], *_exams(damaged)]
    questions = [*look, *victim, *WRITING, ["log", "--json", "--deleted"], ["check", *OTHERS[:2], "cow", "new"]]

    answers = iter(ask(damaged.repo, questions))

    for words in READING:
        answer = next(answers)
        fine(answer, 0)
        if words[1:] != ["--all"] and "--oneline" not in words:
            assert without_victim(answer[1]) == without_victim(str(before[" ".join(words)])), words
        if words[0] == "log":
            assert all(name in answer[1] for name in OTHERS[:4]), answer
            assert damaged.id[:8] in answer[2], answer
    python = next(answers)
    fine(python, 0)
    assert python[1].splitlines()[-2:] == ["True", "6"]
    _examined(damaged, answers)
    doctor = next(answers)
    assert (doctor[0], damaged.id[:8] in doctor[1]) == (1, True), doctor
    for _ in victim:
        fine(next(answers), 0, 1)
    for _ in WRITING:
        fine(next(answers), 0)
    runs = {item["name"]: item for item in json.loads(next(answers)[1])}
    assert {"ant", "bee", "cow", "dog", "eel", "new"} <= runs.keys()
    assert (runs["bee"]["tags"]["seen"], runs["bee"]["deleted"], runs["eel"]["deleted"]) == ("yes", False, False)
    fine(next(answers), 0)


@pytest.mark.parametrize("kind", sample(OF_FILES, 3))
def test_another_damaged_file_is_found_and_hides_nothing(damaged: Damaged, template: Path, kind: str) -> None:
    before = expected(template)
    OF_FILES[kind](damaged)
    victim = [[word.format(id=damaged.id) for word in words] for words in OF_THE_VICTIM[:6]]

    answers = iter(ask(damaged.repo, [["log", "--json"], *_exams(damaged), *victim, ["check", *OTHERS], WRITING[0]]))

    listed = next(answers)
    fine(listed, 0)
    assert without_victim(listed[1]) == without_victim(str(before["log --json"]))
    _examined(damaged, answers)
    # The doctor leaves the content to the check, but sees what a commit took away.
    doctor = next(answers)
    kinds = {item["kind"] for item in json.loads(doctor[1])["left"]}
    assert (doctor[0], doctor[2], kinds <= {"altered"}) == (int("altered" in kinds), "", True), doctor
    for _ in victim:
        fine(next(answers), 0, 1)
    for _ in range(2):
        fine(next(answers), 0)


def _exams(damaged: Damaged) -> list[list[str]]:
    return [["check", "--json"], ["check", damaged.id], ["doctor", "--json"]]


def _examined(damaged: Damaged, answers: Iterator[tuple[int, str, str]]) -> None:
    """The check names the damaged run and accuses no other; a history that cannot be read is nobody's."""
    checked, alone = next(answers), next(answers)
    problems = json.loads(checked[1])["problems"]
    assert checked[0] == 1
    assert damaged.id in {problem["run"] for problem in problems}, problems
    assert all("history" in problem["problem"] for problem in problems if problem["run"] != damaged.id), problems
    assert (alone[0], damaged.id[:8] in alone[1]) == (1, True), alone
