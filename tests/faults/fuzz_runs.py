"""What somebody types to mean a run, and every other word of the command line, in a small real repository."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import zlib
from typing import TYPE_CHECKING, Final

import gittrack
from gittrack.catalog import open_catalog
from gittrack.cli.main import main
from gittrack.cli.render import visible
from gittrack.codec.paths import RECORD, run_directory
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml
from gittrack.errors import GittrackError
from gittrack.git.branch import Addition, append
from gittrack.model import Record, Start
from gittrack.project import open_project
from tests.faults.fuzz_targets import Target, seeds_of

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from gittrack.catalog import Catalog

IDENTITY: Final = "[user]\n    name = Ada Example\n    email = ada@example.com\n[gc]\n    auto = 0\n"
_NAMES: Final = ("brave-otter", "brave-otter", "deadbeef-2", "beef", "ünïcode 名", "x" * 250)
# A name that no API takes, as a stranger's clone may have it.
_STRANGE: Final = "evil\x1b[31m\nname\u202e"
_COMMANDS: Final = (
    "show", "show --metric", "show --json", "log -n", "log --status", "log --experiment", "log --oneline -n",
    "tag", "tag latest", "tag latest --remove", "note", "note latest -m", "rename", "rename latest", "rm", "restore",
    "record --run latest param", "record metric", "record metrics", "check", "help", "completion", "--", "",
    "show --color", "record --run",
)  # fmt: skip


def make_repository(folder: Path, stack: ExitStack) -> str:
    """A repository with a few runs, and this process in it; returns the id of the first run."""
    config = folder / "gitconfig"
    config.write_text(IDENTITY, encoding="utf-8")
    settings: dict[str, str | Path] = {
        "HOME": folder,
        "GIT_CONFIG_GLOBAL": config,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PAGER": "cat",
    }
    before = dict(os.environ)
    stack.callback(os.environ.update, before)
    stack.callback(os.environ.clear)
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITTRACK_"))]:
        del os.environ[name]
    os.environ.update({name: os.fspath(value) for name, value in settings.items()})
    repo = folder / "repo"
    repo.mkdir()
    stack.callback(os.chdir, os.getcwd())
    os.chdir(repo)
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Begin"]):
        subprocess.run(["git", *words], check=True)
    first = ""
    for name in _NAMES:
        with gittrack.start_run(name, params={"lr": 0.1}, tags={"stage": "dev"}) as run:
            gittrack.log_metric("loss", 0.5, 1)
        first = first or run.id
    project = open_project()
    strange = Start("c0ffee00" * 4, _STRANGE, 1_760_000_000.0)
    data = to_yaml(record_to_plain(Record(start=strange, status="finished", end=1_760_000_001.0)))
    files = {f"{run_directory(strange.id)}/{RECORD}": data}
    append(
        project.repo,
        project.runs_ref,
        lambda _: Addition(files, "run of a stranger\n", project.author, strange.time),
        committer=project.committer,
        start=project.remote_tip,
    )
    return first


class _Finder:
    """Looks runs up in one catalog, and now and then by the whole command line."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def check(self, data: bytes) -> None:
        """Find the run that a text means; why there is none is one harmless sentence."""
        text = os.fsdecode(data)
        if zlib.crc32(data) % 1000 == 0 and b"\0" not in data:
            check_command(["show", text])
        try:
            run = self._catalog.find(text)
        except GittrackError as error:
            sentence = visible(str(error))
            assert sentence.isprintable() or "\ufeff" in sentence, ascii(sentence)
            assert len(sentence) < 1000, f"{len(sentence)} characters"
            raise
        assert text.strip() == run.name or text.strip().startswith("latest") or run.id.startswith(text.strip().lower())


def check_command(words: list[str]) -> None:
    """Run the command line: its exit code is one of three, and nothing that a terminal obeys comes out."""
    out, err = io.StringIO(), io.StringIO()
    here = os.getcwd()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(words)
    finally:
        os.chdir(here)
    assert code in (0, 1, 2), f"exit code {code}: {err.getvalue()[-600:]}"
    for text in (out.getvalue(), err.getvalue()):
        bad = {char for char in text if char not in "\n\t" and visible(char) != char}
        assert not bad, f"control characters {bad!r} in {text[:300]!r}"
    lines = err.getvalue().splitlines()
    assert code == 0 or sum("gittrack: error: " in line for line in lines) <= 1, lines[:5]
    assert code == 0 or lines, "an error without a word"


def check_words(data: bytes) -> None:
    """One command of many, and then the words of the input."""
    command = _COMMANDS[data[0] % len(_COMMANDS)] if data else ""
    # The program that was started cannot be given a NUL.
    words = [os.fsdecode(word) for word in data[1:].split(b"\0")] if len(data) > 1 else []
    check_command([*command.split(), *words])


def runs_target(folder: Path, stack: ExitStack) -> Target:
    """The target `runs`."""
    first = make_repository(folder, stack).encode()
    catalog = stack.enter_context(open_catalog())
    words = [
        first, first[:4], first[:3], first[:8].upper(), b"latest", b"latest~2", b"latest~", b"latest~99999999999",
        b"brave-otter", b"brave-oter", b"beef", b"deadbeef", "ünïcode 名".encode(),
        b"c0ffee", b" latest ", b"", b"%", b"*",
        b"' OR 1=1 --", b"x" * 250, b"c0ffee00" * 4,
    ]  # fmt: skip
    tokens = (first[:6], b"latest~", b"~", b"otter", b"c0ff")
    return Target("runs", (_Finder(catalog).check,), seeds_of((words,)), tokens)


def cli_target(folder: Path, stack: ExitStack) -> Target:
    """The target `cli`."""
    first = make_repository(folder, stack).encode()
    endings = (
        first[:8], b"latest", b"a=b", b"3", b"finished", b"-x", b"--help", b"brave-otter\0a=b", b"loss=1", b"bash"
    )  # fmt: skip
    words = [bytes((number,)) + ending for number in range(len(_COMMANDS)) for ending in endings]
    return Target("cli", (check_words,), seeds_of((words,)), (b"\0", first[:6], b"latest", b"=", b"--run", b"--json"))
