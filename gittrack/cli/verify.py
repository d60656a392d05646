"""`gittrack verify`: which run is signed by whom, and what was altered after it was committed."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import click

from gittrack.cli.pager import show_lines
from gittrack.cli.progress import Counter as Progress
from gittrack.cli.render import Column, render, screen, visible
from gittrack.cli.source import color_option, complete_run, json_option, print_json, say
from gittrack.cli.wording import counted
from gittrack.errors import EXIT_EXPECTED, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.cli.render import Screen
    from gittrack.git.signatures import Seal
    from gittrack.trust.report import Finding, Report, SealedRun

EPILOG = """\b
Examples:
  gittrack verify                                 every run
  gittrack verify brave-otter 3fa2                two runs
  gittrack verify main..feature                   runs made with commits of feature that main has not
  gittrack verify --require-signed --allowed-signers .allowed_signers   in CI
  gittrack verify --json | jq '.problems'

\b
The signature of a run is that of the commit that added it, and of those that added to it later; it is
  good          made by a key that git trusts: gpg.ssh.allowedSignersFile, or gpg's own keyring
  unknown key   sound, by a key that nobody here vouches for
  expired       sound, by a key, or a signature, whose time is over
  unsigned      not there (see gittrack.sign)
  unchecked     there, and git could not look at it
  revoked key   by a key that was taken back
  bad           not made for this commit: the commit was altered

What was altered is found without signatures too: a committed file never changes, so each commit of the history that
changed or removed one is told, with what it said before; so is what 'git replace' and grafts feign, and what differs
from the last fetch or from what gittrack committed here. The exit code is 1 where something was altered or a signature
is bad or revoked, with --require-signed also where a run has not only good ones. Nothing is changed. Whether the
files are sound and keep to the format, 'gittrack check' tells.
"""


@click.command("verify", epilog=EPILOG)
@click.argument("words", metavar="[RUN|RANGE]...", nargs=-1, shell_complete=complete_run)
@click.option("--require-signed", is_flag=True, help="Fail where a run has not only good signatures.")
@click.option(
    "--allowed-signers",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Who may sign with which ssh key, in place of gpg.ssh.allowedSignersFile.",
)
@json_option
@color_option
@click.pass_context
def command(
    context: click.Context,
    words: tuple[str, ...],
    require_signed: bool,
    allowed_signers: str | None,
    as_json: bool,
    color: str,
) -> None:
    """Say who signed which run, and what was altered since."""
    from gittrack.project import open_project
    from gittrack.trust.examine import Shown, examine

    project = open_project()
    if any(not word for word in words):
        raise UsageError("an empty text means no run; give an id, a name or a range")
    path = None if allowed_signers is None else os.path.abspath(allowed_signers)
    with Progress("reading commits") as reading, Progress("checking signatures") as checking:
        report = examine(project, words, allowed_signers=path, shown=Shown(reading, checking))
    if as_json:
        print_json(_document(report, failed=report.fails(require_signed=require_signed)))
    elif report.runs or report.problems:
        show_lines(_lines(report, screen(color)), project, "log")
    else:
        say("no runs to verify")
    if report.fails(require_signed=require_signed):
        context.exit(EXIT_EXPECTED)


def _document(report: Report, *, failed: bool) -> dict[str, object]:
    return {
        "ok": not failed,
        "commits": report.commits,
        "runs": [_plain(run) for run in report.runs],
        "problems": [_plain_finding(finding) for finding in report.problems],
        "notes": [_plain_finding(finding) for finding in report.notes],
    }


def _plain(run: SealedRun) -> dict[str, object]:
    return {
        "id": run.id,
        "name": run.name or None,
        "verdict": run.verdict,
        "records": [
            {
                "path": record.path,
                "commit": record.commit or None,
                "signature": record.seal.verdict,
                "signer": record.seal.signer or None,
                "key": record.seal.key or None,
            }
            for record in run.records
        ],
    }


def _plain_finding(finding: Finding) -> dict[str, object]:
    return {
        "run": finding.run or None,
        "commit": finding.commit or None,
        "author": finding.author or None,
        "what": finding.sentence,
        "files": [{"path": file.path, "difference": file.difference or None} for file in finding.files],
    }


def _lines(report: Report, page: Screen) -> Iterator[str]:
    if report.runs:
        yield from render(_columns(report.runs, page), page.width, page.ink).lines
    names = {run.id: run.name for run in report.runs}
    for finding in report.problems:
        yield _line(finding, names)
    for finding in report.notes:
        yield f"note: {_line(finding, names)}"
    told = [f"{number} {verdict}" for verdict, number in report.counts.items()]
    told += [counted(len(report.problems), "alteration")] if report.problems else ["nothing was altered"]
    yield f"{counted(len(report.runs), 'run')} in {counted(report.commits, 'commit')}: {', '.join(told)}"


def _columns(runs: Sequence[SealedRun], page: Screen) -> list[Column]:
    firsts = [run.records[0] for run in runs]
    return [
        Column("id", [run.id[:8] for run in runs], 100, paint=page.ink.name),
        Column("name", [visible(run.name) for run in runs], 90, least=8),
        Column("signature", [first.seal.verdict for first in firsts], 95),
        Column("signer", [visible(_signer(first.seal)) for first in firsts], 80, least=20),
        Column("commit", [first.commit[:7] for first in firsts], 70),
        Column("later", [", ".join(_later(run)) for run in runs], 60, least=10),
    ]


def _signer(seal: Seal) -> str:
    return seal.signer or seal.key


def _later(run: SealedRun) -> Iterator[str]:
    """What was added to the run later, as often as there is a signature of the kind: '2 good by bob@example.com'."""
    found = Counter((record.seal.verdict, _signer(record.seal)) for record in run.records[1:])
    for (verdict, signer), number in found.items():
        yield visible(f"{number} {verdict}" + (f" by {signer}" if signer else ""))


def _line(finding: Finding, names: dict[str, str]) -> str:
    who = f" (by {finding.author})" if finding.author else ""
    about = f"run {finding.run[:8]} {names.get(finding.run, '')}".rstrip() + ": " if finding.run else ""
    return visible(f"{about}{finding.sentence}{who}")
