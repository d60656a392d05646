"""The console script: the table of commands, and from the words typed to an exit code."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import click

from gittrack._version import __version__
from gittrack.cli.failure import guarded
from gittrack.cli.lazy import Entry, LazyGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPLETE = "_GITTRACK_COMPLETE"
SECTIONS = {
    "Record": {
        "init": Entry("gittrack.cli.init:command", "Get a repository ready for runs, and say how it stands."),
        "run": Entry("gittrack.cli.run:command", "Run any command and record it."),
        "record": Entry("gittrack.cli.record:command", "Log into a running run, from any language."),
        "demo": Entry("gittrack.cli.demo:command", "Train a small model in a throw-away repository."),
    },
    "Look": {
        "log": Entry("gittrack.cli.log:command", "List runs, newest first."),
        "show": Entry("gittrack.cli.show:command", "Show one run."),
        "diff": Entry("gittrack.cli.diff:command", "Show what differs between two runs, or a run and now."),
        "compare": Entry("gittrack.cli.compare:command", "Show what differs among runs, the best marked."),
        "best": Entry("gittrack.cli.best:command", "Show the best run by a metric."),
        "stats": Entry("gittrack.cli.stats:command", "Show means and their confidence over groups of runs."),
        "gate": Entry("gittrack.cli.gate:command", "Fail when a change made a metric worse, for CI."),
        "plot": Entry("gittrack.cli.plot:command", "Plot metrics, in the terminal or into a file."),
    },
    "Trace": {
        "blame": Entry("gittrack.cli.blame:command", "Show which commits moved a metric, and what changed."),
        "bisect": Entry("gittrack.cli.bisect:command", "Find the first commit whose metric crosses a threshold."),
    },
    "Share": {
        "sync": Entry("gittrack.cli.sync:command", "Take in the runs of a remote, and send it those that are here."),
        "push": Entry("gittrack.cli.push:command", "Send runs to a remote, on top of what others sent."),
        "pull": Entry("gittrack.cli.pull:command", "Take in the runs that a remote has."),
    },
    "Exchange": {
        "export": Entry("gittrack.cli.export:command", "Write runs to a file for other programs."),
        "import": Entry("gittrack.cli.import_:command", "Make runs of the rows of a table."),
    },
    "Reproduce": {
        "reproduce": Entry("gittrack.cli.reproduce:command", "Run a run again, and see whether it comes out the same."),
        "checkout": Entry("gittrack.cli.checkout:checkout", "Check the code of a run out into a folder of its own."),
        "branch": Entry("gittrack.cli.checkout:branch", "Make a branch at the code of a run."),
    },
    "Change": {
        "tag": Entry("gittrack.cli.tag:command", "Set, remove or list the tags of a run."),
        "note": Entry("gittrack.cli.note:command", "Add a remark to a run."),
        "rename": Entry("gittrack.cli.rename:command", "Give a run another name."),
        "rm": Entry("gittrack.cli.rm:rm", "Mark runs as deleted."),
        "restore": Entry("gittrack.cli.rm:restore", "Bring deleted runs back."),
        "purge": Entry("gittrack.cli.purge:command", "Remove runs, or their snapshots, for good."),
    },
    "Care": {
        "verify": Entry("gittrack.cli.verify:command", "Say who signed which run, and what was altered since."),
        "check": Entry("gittrack.cli.check:command", "Verify the files of runs."),
        "doctor": Entry("gittrack.cli.doctor:command", "Find what is wrong with the surroundings, and mend it."),
    },
    "Other": {
        "hooks": Entry("gittrack.cli.hooks:command", "Have git's events do what a command would."),
        "hook": Entry("gittrack.cli.hook:command", "Do what a git hook is there for."),
        "completion": Entry("gittrack.cli.completion:command", "Print the completion script for a shell."),
        "help": Entry("gittrack.cli.help:command", "Show this page, or that of a command."),
    },
}

EPILOG = """\b
Examples:
  gittrack run -- python train.py --lr 0.1    record a run of any program
  gittrack log                                list the runs
  gittrack show latest                        all about the newest one
  gittrack help log                           what a command can do

RUN stands for the first characters of a run's id (at least 4), its name, 'latest', or 'latest~2' for the one
two before it.
"""


def _enter(context: click.Context, _: click.Parameter, paths: tuple[str, ...]) -> None:
    """Go where -C says, also while a shell asks for completions."""
    for path in paths:
        try:
            os.chdir(path or ".")
        except OSError as error:
            raise click.UsageError(f"cannot change to {path!r}: {error.strerror}", context) from None


@click.group(
    "gittrack",
    cls=LazyGroup,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "-C",
    "paths",
    metavar="PATH",
    multiple=True,
    callback=_enter,
    expose_value=False,
    type=click.Path(),
    help="Run as if started in PATH; repeatable, each relative to the one before.",
)
@click.option("--no-pager", is_flag=True, help="Do not hand long output to a pager.")
@click.version_option(__version__, message="gittrack %(version)s")
@click.pass_context
def gittrack(context: click.Context, no_pager: bool) -> None:
    """Track experiments inside the git repository that holds their code."""
    if no_pager:
        os.environ["GIT_PAGER"] = "cat"  # as git --no-pager does
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


gittrack.sections = SECTIONS


def entry() -> None:
    """Run the command line of this process and exit with its code."""
    raise SystemExit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    """Run gittrack with `words` and return the exit code."""
    _prepare_streams()
    if COMPLETE in os.environ:
        return _complete(os.environ[COMPLETE])
    return guarded(lambda: _invoke(words))


def _invoke(words: Sequence[str]) -> int:
    # Not by gittrack.main(), which has its own ideas of what to print and which code to exit with.
    with gittrack.make_context(_program(), list(words)) as context:
        gittrack.invoke(context)
    return 0


def _program() -> str:
    """How this was called: 'git track log' runs git-track."""
    return "git track" if os.path.basename(sys.argv[0]).startswith("git-track") else "gittrack"


def _prepare_streams() -> None:
    # A daemon may start us without any; what nobody reads need not be an error.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    # A name in letters that the locale does not have must not end a listing.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complete(instruction: str) -> int:
    """Answer a shell; it has no place to show an error."""
    from contextlib import redirect_stderr, suppress

    from click.shell_completion import shell_complete

    with suppress(Exception), redirect_stderr(io.StringIO()):
        return shell_complete(gittrack, {}, "gittrack", COMPLETE, instruction)
    return 1
