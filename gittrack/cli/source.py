"""The runs of this repository for a command: opened, their problems told on standard error, and completed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import harmless_json, visible
from gittrack.errors import RunNotFound

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from gittrack.catalog import Catalog
    from gittrack.model import Run

_F = TypeVar("_F", bound=Callable[..., object])
# Runs that a shell is told of: a person who types a name means a recent one.
_COMPLETED: Final = 300
_SPECIAL: Final = frozenset(" \"'`$\\;&|<>(){}[]*?!#~,:")


def open_runs(*, elsewhere: bool = False) -> Catalog:
    """Open the catalog of the repository around the current directory; it is closed with the command.

    With `elsewhere` it has the runs that are running on other machines, too.
    """
    from gittrack.catalog import open_catalog

    with Counter("reading runs") as counter:
        catalog = open_catalog(progress=counter, elsewhere=elsewhere)
    click.get_current_context().call_on_close(catalog.close)
    return catalog


def is_run(catalog: Catalog, word: str) -> bool:
    """Tell whether one run answers to a word."""
    try:
        catalog.find(word)
    except RunNotFound:
        return False
    return True


def tell_problems(catalog: Catalog) -> None:
    """Warn of what could not be read; called after the reading and before anything is printed."""
    for problem in catalog.problems:
        say(f"warning: {problem}")
    for run_id, reason in catalog.damaged:
        say(f"warning: run {run_id[:8]} is damaged: {reason}")


def say(sentence: str) -> None:
    """Print a remark to standard error."""
    click.echo(f"gittrack: {visible(sentence)}", err=True)


def label(run: Run) -> str:
    """A run in one line of prose: its short id and its name."""
    return f"{run.id[:8]} {visible(run.name)}"


def print_json(value: object, *, indent: int | None = 2) -> None:
    """Print `value` as strict JSON in UTF-8."""
    from gittrack.cli.pager import write_utf8
    from gittrack.codec.document import json_text

    write_utf8(harmless_json(json_text(value, indent=indent)) + "\n")


def run_argument(command: _F) -> _F:
    """Add the argument RUN, which a shell completes."""
    return click.argument("spec", metavar="RUN", shell_complete=complete_run)(command)


def color_option(command: _F) -> _F:
    """Add the option --color."""
    return click.option(
        "--color",
        type=click.Choice(["auto", "always", "never"]),
        default="auto",
        help="When to colour: on a terminal unless NO_COLOR is set (auto), always, or never.",
    )(command)


def json_option(command: _F) -> _F:
    """Add the option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def complete_run(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
    """Complete a run by its name, or by its id."""
    runs = _runs()
    ids = {run.id[:8]: run.name for run in runs} if start else {}
    return _items({"latest": "the newest run"} | {run.name: run.status for run in runs} | ids, start)


def complete_experiment(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
    """Complete an experiment."""
    return _items({run.experiment: "" for run in _runs()}, start)


def complete_metric(context: click.Context, _: click.Parameter, start: str) -> list[CompletionItem]:
    """Complete a metric of the run that stands on the command line."""
    from gittrack.catalog import open_catalog

    with open_catalog() as catalog:
        run = catalog.find(str(context.params.get("spec") or "latest"))
    return _items(dict.fromkeys(run.metrics, ""), start)


def complete_any_metric(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
    """Complete a metric that some run has; of several with commas between them the last one."""
    before, comma, last = start.rpartition(",")
    names = dict.fromkeys((metric for run in _runs() for metric in run.metrics), "")
    items = _items(names, last)
    for item in items:
        item.value = before + comma + item.value
    return items


def _runs() -> Sequence[Run]:
    from gittrack.catalog import open_catalog

    with open_catalog() as catalog:
        return catalog.runs(limit=_COMPLETED)


def _items(values: Mapping[str, str], start: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    # A shell would cut a name at its spaces, and obey its control characters.
    fine = [value for value in values if value.startswith(start) and value.isprintable() and not set(value) & _SPECIAL]
    return [CompletionItem(value, help=visible(values[value]) or None) for value in fine]
