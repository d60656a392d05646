"""`gittrack check`: every run's files held against the format, and a list of what is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import visible
from gittrack.cli.source import complete_run, json_option, print_json
from gittrack.cli.wording import counted
from gittrack.errors import EXIT_EXPECTED

if TYPE_CHECKING:
    from gittrack.read.check import Finding, Report

EPILOG = """\b
Examples:
  gittrack check               every run, the pins, the index and the journals here
  gittrack check 3fa2 latest   two runs
  gittrack check --json        for a program

What is verified: each file of a run against the format and its record, the content of large artifacts that are
here, that no commit changed or removed what was committed before, that pinned commits are whole, and that the
index equals the branch. Nothing is changed. The exit code is 0 when everything is as it should be, and 1 with a
list of what is not; a note is only worth knowing. What is wrong with the surroundings, 'gittrack doctor' tells.
"""


@click.command("check", epilog=EPILOG)
@click.argument("specs", metavar="[RUN]...", nargs=-1, shell_complete=complete_run)
@json_option
@click.pass_context
def command(context: click.Context, specs: tuple[str, ...], as_json: bool) -> None:
    """Verify the files of runs, all of them by default."""
    from gittrack.check import check
    from gittrack.project import open_project

    with Counter("checking runs") as counter, Counter("comparing the index") as scanning:
        report = check(open_project(), specs, progress=counter, scanning=scanning)
    if as_json:
        print_json(_document(report))
    else:
        _print(report)
    if report.problems:
        context.exit(EXIT_EXPECTED)


def _document(report: Report) -> dict[str, object]:
    return {
        "runs": report.runs,
        "files": report.files,
        "problems": [_plain(finding, "problem") for finding in report.problems],
        "notes": [_plain(finding, "note") for finding in report.notes],
    }


def _plain(finding: Finding, word: str) -> dict[str, object]:
    return {"run": finding.run or None, "path": finding.path or None, word: finding.sentence}


def _print(report: Report) -> None:
    for finding in report.problems:
        click.echo(_line(finding))
    for finding in report.notes:
        click.echo(f"note: {_line(finding)}")
    found = [counted(len(report.problems), "problem")] if report.problems else ["all is well"]
    found += [counted(len(report.notes), "note")] if report.notes else []
    click.echo(f"checked {counted(report.runs, 'run')}, {counted(report.files, 'file')}: {', '.join(found)}")


def _line(finding: Finding) -> str:
    """The run's short id, the path below its folder or else the whole, and what is the matter."""
    path = finding.path
    if finding.run:
        path = path.removeprefix(f"runs/{finding.run[:2]}/{finding.run}").removeprefix("/")
    parts = [f"run {finding.run[:8]}" if finding.run else "", path, finding.sentence]
    return visible(": ".join(part for part in parts if part))
