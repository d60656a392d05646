"""The group of all commands: each is a line in a table until it is called, so that none pays for another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from click.shell_completion import CompletionItem


class Entry(NamedTuple):
    """Where a command is, as 'module:attribute', and what it does in one line."""

    target: str
    summary: str


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; its help needs the table alone."""

    sections: Mapping[str, Mapping[str, Entry]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None for an unknown one."""
        for section in self.sections.values():
            if cmd_name in section:
                return _load(section[cmd_name].target)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; a usage error that names the nearest for an unknown one."""
        name = args[0]
        if not ctx.resilient_parsing and name not in self.list_commands(ctx) and not name.startswith("-"):
            self._fail_unknown(ctx, name)
        return super().resolve_command(ctx, args)

    def _fail_unknown(self, ctx: click.Context, name: str) -> NoReturn:
        from difflib import get_close_matches

        near = get_close_matches(name, self.list_commands(ctx), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise click.UsageError(f"{name!r:.60} is not a command{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what they are for."""
        longest = max(len(name) for section in self.sections.values() for name in section)
        for title, section in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(longest), entry.summary) for name, entry in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the commands from the table, and the options of gittrack itself."""
        from click.shell_completion import CompletionItem  # only a shell's question needs it

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=entry.summary)
            for section in self.sections.values()
            for name, entry in section.items()
            if name.startswith(incomplete)
        ]


def _load(target: str) -> click.Command:
    from importlib import import_module

    module, _, attribute = target.partition(":")
    command: object = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command), target
    return command


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """Return the sentence for a name that is none of `known`, with the nearest or with all there are."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"{what} {name!r:.80}; did you mean '{near[0]}'?"
    if not known:
        return f"{what} {name!r:.80}; it has none"
    listed = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
    return f"{what} {name!r:.80}; it has {listed}"
