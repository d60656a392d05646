"""`gittrack rm` and `gittrack restore`: runs marked as deleted, and brought back."""

from __future__ import annotations

import click

from gittrack.cli.source import complete_run, label, open_runs, say, tell_problems

RM_EPILOG = """\b
Examples:
  gittrack rm 3fa2
  gittrack rm latest latest~1
  gittrack log --deleted            what can be restored

A deleted run is no longer listed. Its files stay in the history of the branch, and 'gittrack restore' brings it
back.
"""
RESTORE_EPILOG = """\b
Examples:
  gittrack log --deleted
  gittrack restore 3fa2
"""
_RUNS = click.argument("specs", metavar="RUN...", nargs=-1, required=True, shell_complete=complete_run)


@click.command("rm", epilog=RM_EPILOG)
@_RUNS
def rm(specs: tuple[str, ...]) -> None:
    """Mark runs as deleted."""
    changed = _mark(specs, deleted=True)
    if changed:
        short = " ".join(run_id[:8] for run_id in changed)
        say(f"their files stay in the history of the branch; undo: gittrack restore {short}")


@click.command("restore", epilog=RESTORE_EPILOG)
@_RUNS
def restore(specs: tuple[str, ...]) -> None:
    """Bring deleted runs back."""
    _mark(specs, deleted=False)


def _mark(specs: tuple[str, ...], *, deleted: bool) -> list[str]:
    """Mark all the runs or, when one is not to be found, none; return the ids of those that changed."""
    from gittrack.record.later import set_deleted

    catalog = open_runs()
    # All are looked up before the first is changed: 'latest~1' means the same however many are named.
    runs = {run.id: run for run in map(catalog.find, specs)}
    tell_problems(catalog)
    changed = []
    for run in runs.values():
        if run.deleted is deleted:
            say(f"run {label(run)} is {'already' if deleted else 'not'} deleted")
            continue
        set_deleted(catalog.project, run.id, deleted=deleted)
        click.echo(f"{'deleted' if deleted else 'restored'} {label(run)}")
        changed.append(run.id)
    return changed
