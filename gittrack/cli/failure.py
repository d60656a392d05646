"""From an exception to one sentence on standard error and an exit code: the only place that does it."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import click

from gittrack.errors import EXIT_BUG, EXIT_EXPECTED, EXIT_INTERRUPT, EXIT_USAGE, GittrackError

if TYPE_CHECKING:
    from collections.abc import Callable

DEBUG = "GITTRACK_DEBUG"
# What a shell reports for git when `git log | head` is cut off: 128 and SIGPIPE.
EXIT_PIPE = 141
_MARKED = 60  # characters before and after the place of an error in a text
_OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
    | {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR}
)


def guarded(work: Callable[[], int]) -> int:
    """Return the exit code of `work`; what it raises is told in the one style that all commands share."""
    try:
        code = work()
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return _flushed(stop.exit_code)
    except BaseException as error:
        if isinstance(error, SystemExit):
            raise
        return _told(error)
    return code


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        return _told(error)
    return code


def _told(error: BaseException) -> int:
    if isinstance(error, BrokenPipeError):
        _abandon_stdout()
        return EXIT_PIPE
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return EXIT_INTERRUPT
    if os.environ.get(DEBUG, "") not in ("", "0"):
        _print_traceback(error)
    if isinstance(error, GittrackError):
        return _say(str(error), error.exit_code, _mark(error))
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        _abandon_stdout()
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}", EXIT_EXPECTED)
    return _bug(error)


def _say(sentence: str, code: int, mark: tuple[str, ...] = ()) -> int:
    from gittrack.cli.render import visible

    if mark:
        sentence, *lines = mark
    click.echo("\n".join([f"gittrack: error: {visible(sentence)}", *(lines if mark else ())]), err=True)
    return code


def _mark(error: GittrackError) -> tuple[str, ...]:
    """The sentence, the text and a mark below the column that an error is about; () where it is about none."""
    problem = sys.modules.get("gittrack.query.problem")
    if problem is None or not isinstance(error, problem.QueryError):
        return ()
    from gittrack.cli.render import visible, width_of

    before = visible(error.text[: error.column])
    # Of a long text the part around the column.
    start = max(0, len(before) - _MARKED)
    shown = (before + visible(error.text[error.column :]))[start : start + 2 * _MARKED]
    return f"at column {error.column + 1}: {error.message}", f"  {shown}", f"  {' ' * width_of(before[start:])}^"


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)  # the help page, as git shows it
        return EXIT_USAGE
    if isinstance(error, click.NoSuchOption):
        near = f"; did you mean '{error.possibilities[0]}'?" if error.possibilities else ""
        message = f"there is no option '{error.option_name}'{near}"
    else:
        message = " ".join(error.format_message().split()).rstrip(".")
        message = message[:1].lower() + message[1:]
    _say(message, error.exit_code)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"try '{error.ctx.command_path} --help'", err=True)
        return EXIT_USAGE
    return error.exit_code


def _bug(error: BaseException) -> int:
    place = _written(error)
    kept = f"; the full traceback is in {place}" if place else f"; set {DEBUG}=1 to see the full traceback"
    return _say(f"internal error: {type(error).__name__}: {error}{kept}"[:2000], EXIT_BUG)


def _print_traceback(error: BaseException) -> None:
    import traceback

    traceback.print_exception(error)


def _written(error: BaseException) -> str | None:
    """Write the traceback, with the versions, beside the journal or else among the temporary files."""
    report = _report(error)
    try:
        from gittrack.git.durable import make_directories, sharing_of
        from gittrack.project import open_project

        repo = open_project().repo
        folder = repo.state_dir
        make_directories(folder, sharing_of(repo.common_dir))
        path = os.path.join(folder, "error.log")
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report)
    except Exception:  # noqa: BLE001 - whatever is broken may be broken here too
        return _written_aside(report)
    return path


def _written_aside(report: str) -> str | None:
    import tempfile

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="gittrack-error-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write(report)
    except OSError:
        return None
    return file.name


def _report(error: BaseException) -> str:
    import platform
    import traceback
    from importlib.metadata import PackageNotFoundError, version

    from gittrack._version import __version__
    from gittrack.capture.redact import redact_arguments

    lines = [f"gittrack {__version__}", f"Python {platform.python_version()} on {platform.platform()}"]
    for package in ("click", "dulwich", "fasteners", "plotille", "pyyaml"):
        try:
            lines.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            lines.append(f"{package} is not installed")
    lines += [f"command: {' '.join(redact_arguments(sys.argv))}", "", *traceback.format_exception(error)]
    return "\n".join(lines)


def _abandon_stdout() -> None:
    """Nobody reads it any more: the interpreter must not complain when it flushes at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass
