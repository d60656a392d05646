"""`gittrack hook NAME`: what git's hooks call; the stubs in hooks/ hand their arguments and input to it."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  printf '%s %s\\n' OLD NEW | gittrack hook post-rewrite

It is called by git, through the stubs in the folder hooks/ of gittrack. The exit code is 10 where git must not go on,
and else 0, whatever went wrong here: no defect of gittrack stops git. GITTRACK_HOOKS=0 in the environment is off.
"""


@click.command("hook", epilog=EPILOG, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, name: str, arguments: tuple[str, ...]) -> None:
    """Do what the git hook NAME is there for, with the arguments and the input that git gives it."""
    from gittrack.hooks.entry import main

    context.exit(main([name, *arguments]))
