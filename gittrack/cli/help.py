"""`gittrack help`: the help of a command by another way."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  gittrack help
  gittrack help log
  gittrack help record metric
"""


@click.command("help", epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the page of gittrack, or that of a command."""
    above = context.parent
    assert above is not None
    for word in words:
        group = above.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"'{above.command_path}' has no commands", context)
        name, found, _ = group.resolve_command(above, [word])
        assert found is not None
        above = click.Context(found, parent=above, info_name=name)
    click.echo(above.get_help())
