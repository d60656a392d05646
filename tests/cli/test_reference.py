"""docs/cli.md is what the commands say of themselves; `python tests/cli/test_reference.py` writes it anew."""

from __future__ import annotations

import inspect
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gittrack.cli.main import SECTIONS, gittrack

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
INTRODUCTION = """\
# The commands

Every command, argument and option of `gittrack`; `git track` is the same program. Each command takes `-h` and
`--help` too. This page is written by
`python tests/cli/test_reference.py` from what the commands say of themselves, and a test compares the two.

Exit codes: 0 done; 1 something expected went wrong, and one sentence says what and what to do; 2 the command was
called wrongly; 3 a bug in gittrack, with the place of its traceback (`GITTRACK_DEBUG=1` shows it); 130 interrupted;
141 the reader of the output went away. `gittrack run` exits with the code of the command that it ran.

Output is coloured on a terminal unless `NO_COLOR` is set or `TERM` is `dumb`; `FORCE_COLOR` and `CLICOLOR_FORCE`
colour a pipe too. Long output goes to the pager that git would use (`GIT_PAGER`, `core.pager`, `PAGER`, `less`).
"""


def reference() -> str:
    """The whole page."""
    with click.Context(gittrack, info_name="gittrack") as context:
        parts = [INTRODUCTION, "## gittrack\n", *_command(gittrack, context)]
        for title, section in SECTIONS.items():
            parts.append(f"## {title}\n")
            for name in section:
                command = gittrack.get_command(context, name)
                assert command is not None
                parts += _with_heading(command, click.Context(command, parent=context, info_name=name))
    return "\n".join(parts)


def _with_heading(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"### {context.command_path}\n"
    yield from _command(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _with_heading(inner, click.Context(inner, parent=context, info_name=name))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"    {context.command_path} {' '.join(command.collect_usage_pieces(context))}\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    options = [option for option in command.params if isinstance(option, click.Option)]
    if options:
        yield "".join(f"- `{_spelling(option)}`: {option.help}\n" for option in options)
    if command.epilog:
        yield from _epilog(command.epilog)


def _spelling(option: click.Option) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    if option.is_flag:
        return names
    values = (
        "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else option.type.name.upper()
    )
    return f"{names} {option.metavar or values}"


def _epilog(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line != "\b"]
        for indented, group in groupby(lines, key=lambda line: line.startswith("  ")):
            yield "\n".join(f"  {line}" if indented else line for line in group) + "\n"


def _every_command(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    yield context.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _every_command(inner, click.Context(inner, parent=context, info_name=name))


def test_every_command_and_option_has_help() -> None:
    context = click.Context(gittrack, info_name="gittrack")
    silent = [
        f"{path} {option.name if option else ''}"
        for path, command in _every_command(gittrack, context)
        for option in [None, *(p for p in command.params if isinstance(p, click.Option))]
        if not (option.help if option else command.help)
    ]

    assert silent == []


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: python tests/cli/test_reference.py"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
