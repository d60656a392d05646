"""`gittrack log --notes`: results in plain `git log`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gittrack.cli.listing import brief
from gittrack.cli.render import Ink
from gittrack.cli.source import say
from gittrack.cli.wording import counted
from gittrack.trace.notes import REF, note_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.catalog import Catalog
    from gittrack.query.terms import Query


def write_notes(catalog: Catalog, revisions: Sequence[str], query: Query, limit: int | None) -> bool:
    """Write the notes and tell what was done and how to see them; False where there is nothing to say at all."""
    plain = Ink(on=False)
    result = note_runs(catalog, revisions, query, limit, lambda run: brief(run, plain))
    noted = result.noted
    if not (result.commits or noted.removed):
        return False
    name = REF.rpartition("/")[2]
    click.echo(f"{counted(result.commits, 'commit')} with notes: {noted.written} written, {noted.removed} removed")
    click.echo(f"see them:     git log --notes={name}")
    click.echo(f"always:       git config notes.displayRef {REF}")
    click.echo(f"send them:    git push origin {REF}")
    if noted.foreign:
        shown = ", ".join(commit[:7] for commit in noted.foreign[:3]) + (", …" if len(noted.foreign) > 3 else "")
        say(
            f"the note of {counted(len(noted.foreign), 'commit')} is not gittrack's and stays as it is ({shown}); "
            f"'git notes --ref={name} remove COMMIT' makes room"
        )
    return True
