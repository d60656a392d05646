"""`gittrack hook`: what git's hooks call; the stubs in hooks/ hand their arguments and input to it."""

from __future__ import annotations

import sys

import click

EPILOG = """\b
Examples:
  printf '%s %s\\n' OLD NEW | gittrack hook post-rewrite

It is called by git, through the stubs in the folder hooks/ of gittrack.
"""


@click.group("hook", epilog=EPILOG)
def command() -> None:
    """Do what a git hook is there for."""


@command.command("post-rewrite")
@click.argument("cause", required=False, expose_value=False)
def post_rewrite() -> None:
    """Record which commits with runs were rewritten, read from standard input as git's hook post-rewrite gets them."""
    from gittrack.project import open_project
    from gittrack.read.index import open_index
    from gittrack.read.whereabouts import recorded_rewrites
    from gittrack.record.rewrites import parse_rewritten, record_rewrites

    project = open_project()
    pairs = parse_rewritten(sys.stdin)
    known = {new for _, new in recorded_rewrites(project)}
    with open_index(project) as index:
        record_rewrites(project, [pair for pair in pairs if pair[0] in known or index.knows_commit(pair[0])])
