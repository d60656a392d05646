"""`gittrack note`: a remark about a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gittrack.cli.source import label, open_runs, run_argument, tell_problems
from gittrack.errors import GittrackError, UsageError

if TYPE_CHECKING:
    from gittrack.model import Run
    from gittrack.project import Project

EPILOG = """\b
Examples:
  gittrack note latest "the plateau at step 300 is the warm-up"
  gittrack note brave-otter -m "first line" -m "second paragraph"
  gittrack note 3fa2                     write it in your editor
"""
_TEMPLATE = "\n# A note about run {label}. Lines that start with '#' are left out; an empty note is not added.\n"


@click.command("note", epilog=EPILOG)
@run_argument
@click.argument("text", required=False)
@click.option("-m", "--message", "messages", metavar="TEXT", multiple=True, help="The note; each one a paragraph.")
def command(spec: str, text: str | None, messages: tuple[str, ...]) -> None:
    """Add a note to a run, from the command line, a pipe ('-'), or on a terminal your editor."""
    if text == "-":
        text = sys.stdin.read()
    paragraphs = [*([] if text is None else [text]), *messages]
    catalog = open_runs()
    run = catalog.find(spec)
    tell_problems(catalog)
    note = "\n\n".join(paragraphs) if paragraphs else _written(catalog.project, run)
    if not note.strip():
        raise GittrackError("the note is empty, so nothing was added")
    from gittrack.record.later import add_note

    add_note(catalog.project, run.id, note.strip())
    click.echo(f"noted on {label(run)}")


def _written(project: Project, run: Run) -> str:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError('say what the note is: gittrack note RUN "TEXT" (an editor needs a terminal)')
    from gittrack.git.process import run_git

    editor = run_git(["var", "GIT_EDITOR"], repo=project.repo).decode("utf-8", "surrogateescape").strip()
    text = click.edit(_TEMPLATE.format(label=label(run)), editor=editor) or ""
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))
