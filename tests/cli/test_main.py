"""The console script: help, errors and exit codes in one style, and places given with -C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from gittrack._version import __version__
from gittrack.cli.main import SECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Gittrack, RunPython

COMMANDS = [name for section in SECTIONS.values() for name in section]


def test_help_lists_every_command_and_imports_none(gittrack: Gittrack, run_python: RunPython) -> None:
    shown = gittrack("--help")
    assert shown.code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", shown.out, re.MULTILINE)
    assert gittrack("-h").out == gittrack("help").out == gittrack().out == shown.out

    imported = run_python("""
        import sys

        from gittrack.cli.main import main

        main(["--help"])
        ours = ("cli", "errors", "_version")
        print([name for name in sys.modules if name.startswith("gittrack.") and not name[9:].startswith(ours)])
        print(sorted(name for name in sys.modules if name.startswith("gittrack.cli.")))
    """).out.splitlines()

    assert imported[-2:] == ["[]", "['gittrack.cli.failure', 'gittrack.cli.lazy', 'gittrack.cli.main']"]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_teaches(name: str, gittrack: Gittrack) -> None:
    shown = gittrack(name, "--help")

    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"Usage: gittrack {name} ")
    assert "Examples" in shown.out
    assert gittrack("help", name).out == shown.out


def test_the_version(gittrack: Gittrack) -> None:
    assert gittrack("--version").out == f"gittrack {__version__}\n"


@pytest.mark.parametrize(
    ("words", "message", "place"),
    [
        (["lgo"], "'lgo' is not a command; did you mean 'log'?", "gittrack"),
        (["zzzz"], "'zzzz' is not a command", "gittrack"),
        (["help", "lgo"], "'lgo' is not a command; did you mean 'log'?", "gittrack"),
        (["log", "--onelin"], "there is no option '--onelin'; did you mean '--oneline'?", "gittrack log"),
        (["--versoin"], "there is no option '--versoin'; did you mean '--version'?", "gittrack"),
        (["rename", "x"], "missing argument 'NAME'", "gittrack rename"),
        (["log", "-n", "x"], "invalid value for '-n' / '--max-count': 'x' is not a valid", "gittrack log"),
        (["show", "a", "\x1b[31m"], r"got unexpected extra argument (\x1b[31m)", "gittrack show"),
        (["-C", "nowhere", "log"], "cannot change to 'nowhere': No such file or directory", "gittrack"),
    ],
)
def test_usage_errors(words: list[str], message: str, place: str, gittrack: Gittrack) -> None:
    result = gittrack(*words)

    assert (result.code, result.out) == (2, "")
    first, second = result.err.splitlines()
    assert first.startswith(f"gittrack: error: {message}")
    assert second == f"try '{place} --help'"


@pytest.mark.parametrize("words", [["log"], ["show"], ["tag", "x", "a=b"], ["note", "x", "y"], ["rm", "x"]])
def test_outside_of_a_repository(words: list[str], gittrack: Gittrack) -> None:
    result = gittrack(*words)

    assert (result.code, result.out) == (1, "")
    assert re.fullmatch(r"gittrack: error: no git repository here or above .*'gittrack init'\n", result.err)


def test_another_place(recorded: Path, gittrack: Gittrack, tmp_path: Path) -> None:
    (recorded / "below").mkdir()

    shown = gittrack("-C", str(recorded), "-C", "below", "log", "--oneline", cwd=tmp_path)

    assert (shown.code, len(shown.out.splitlines())) == (0, 3)


def test_git_track_is_the_same_program(recorded: Path) -> None:
    code = "import sys; sys.argv[0] = '/bin/git-track'; from gittrack.cli.main import entry; entry()"
    done = subprocess.run(
        [sys.executable, "-c", code, "log", "--bad"], capture_output=True, text=True, check=False, cwd=recorded
    )

    assert (done.returncode, done.stderr.splitlines()[1]) == (2, "try 'git track log --help'")


BUG = """
    import sys

    import gittrack.catalog
    from gittrack.cli.main import main

    def broken(*args, **kwargs):
        raise {error}

    gittrack.catalog.open_catalog = broken
    sys.exit(main(["log"]))
"""


def test_a_bug_says_where_its_traceback_is(repo: Path, run_python: RunPython) -> None:
    script = BUG.format(error="ZeroDivisionError('one \\x1b[31mby nought')")

    result, loud = run_python(script), run_python(script, env={"GITTRACK_DEBUG": "1"})

    assert (result.code, result.out, loud.code) == (3, "", 3)
    place = repo / ".git" / "gittrack" / "error.log"
    assert result.err == (
        "gittrack: error: internal error: ZeroDivisionError: one \\x1b[31mby nought; "
        f"the full traceback is in {place}\n"
    )
    report = place.read_text(encoding="utf-8")
    assert f"gittrack {__version__}\n" in report
    assert "Traceback (most recent call last):" in report
    assert "Traceback (most recent call last):" in loud.err


def test_a_bug_outside_of_a_repository(home: Path, run_python: RunPython) -> None:
    result = run_python(BUG.format(error="KeyError('x')"), env={"TMPDIR": str(home)})

    (report,) = home.glob("gittrack-error-*.log")
    assert str(report) in result.err


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        ("KeyboardInterrupt", 130, ""),
        ("BrokenPipeError", 141, ""),
        ("OSError(28, 'No space left on device', '/x')", 1, "gittrack: error: /x: No space left on device\n"),
    ],
)
def test_what_is_no_bug(error: str, code: int, text: str, repo: Path, run_python: RunPython) -> None:
    result = run_python(BUG.format(error=error))

    assert (result.code, result.err) == (code, text), repo


def test_closed_streams_are_no_bug(recorded: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m gittrack log >&- 2>&-"], check=False, cwd=recorded, capture_output=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_any_locale_lists_any_name(recorded: Path, gittrack: Gittrack) -> None:
    assert gittrack("rename", "grid-0", "größe-日本").code == 0, recorded
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}

    assert r"gr\xf6\xdfe-\u65e5\u672c" in gittrack("log", env=env).out
    assert "größe-日本" in gittrack("log", "--json", env=env).out


def test_a_pager_on_a_terminal_alone(recorded: Path, gittrack: Gittrack, terminal: Terminal) -> None:
    pager = "sed 's/^/> /'"
    plain = ["log", "--oneline", "--color=never"]

    def paged(**env: str) -> bool:
        code, text = terminal(*plain, env=env)
        assert code == 0, recorded
        # The shell's own remark on a pager that is not there comes before.
        return all(line.startswith("> ") for line in text.splitlines()[-3:])

    assert paged(GIT_PAGER=pager)
    assert paged(GIT_PAGER=pager, PAGER="cat")
    assert not paged(GIT_PAGER="")
    assert not paged(GIT_PAGER="cat")
    assert not paged(GIT_PAGER="/no/such/pager")
    code, text = terminal("--no-pager", *plain, env={"GIT_PAGER": pager})
    assert (code, ">" in text) == (0, False)
    assert ">" not in gittrack(*plain, env={"GIT_PAGER": pager}).out


def test_the_pager_that_git_is_told_of(recorded: Path, terminal: Terminal, run_python: RunPython) -> None:
    found = run_python(
        """
        import os
        from gittrack.cli.pager import pager_command
        from gittrack.project import Project, open_project

        def ask():
            return pager_command(Project(open_project().repo))

        os.environ["PAGER"] = "mine"
        print(ask())
        os.system("git config core.pager configured")
        print(ask())
        os.environ["GIT_PAGER"] = "first"
        print(ask())
        """
    )

    assert found.out.splitlines() == ["mine", "configured", "first"], recorded
    code, text = terminal("log", "--color=never", env={"GIT_PAGER": "printf '%s\\n' \"$LESS $LV\"; cat >/dev/null"})
    assert (code, text) == (0, "FRX -c\n")


def test_a_pager_that_is_quit_early_is_no_error(recorded: Path, terminal: Terminal) -> None:
    code, text = terminal("show", env={"GIT_PAGER": "head -n 1"})

    assert (code, len(text.splitlines())) == (0, 1), recorded


def test_an_interrupt_ends_quietly() -> None:
    code = """
        import sys
        from gittrack.cli.failure import guarded

        def wait():
            print(flush=True)
            return int(sys.stdin.read())

        sys.exit(guarded(wait))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    assert (process.returncode, err) == (130, b"")
