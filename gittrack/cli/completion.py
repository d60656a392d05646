"""`gittrack completion`: the script that lets a shell complete commands, options, runs and names."""

from __future__ import annotations

import click

EPILOG = """\b
Examples:
  eval "$(gittrack completion bash)"                                  in ~/.bashrc
  eval "$(gittrack completion zsh)"                                   in ~/.zshrc, after compinit
  gittrack completion fish > ~/.config/fish/completions/gittrack.fish

The script serves both names of the program, gittrack and git-track.
"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="bash|zsh|fish")
def command(shell: str) -> None:
    """Print the completion script for a shell."""
    from click.shell_completion import ShellComplete, get_completion_class

    from gittrack.cli.main import COMPLETE, gittrack

    found = get_completion_class(shell)
    assert found is not None
    for program in ("gittrack", "git-track"):
        # Past the subclass for bash, which starts bash only to ask for its version.
        click.echo(ShellComplete.source(found(gittrack, {}, program, COMPLETE)))
