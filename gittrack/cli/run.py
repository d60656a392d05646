"""`gittrack run`: record any command."""

from __future__ import annotations

import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import Ink, visible, wants_color
from gittrack.cli.source import say
from gittrack.model import FINISHED

if TYPE_CHECKING:
    from gittrack.model import LeftOut

EPILOG = """\b
Examples:
  gittrack run -- python train.py --lr 0.1
  gittrack run --name baseline --tag stage=final -- python train.py
  gittrack run --params params.yaml --metrics metrics.json --artifact model.pt -- make train
  gittrack run --input data/train.csv -- Rscript fit.R

\b
The command runs as it would without gittrack: the same terminal, input, signals and exit code. Its options
(--lr 0.1, --lr=0.1, lr=0.1) become params, what it prints is kept. Inside, from any language:
  gittrack record metric loss=0.3 --step 10
  gittrack record param optimizer=adam
and a Python program that calls gittrack.start_run() logs into this very run. The name that it gives there
is the run's, unless --name is given. A metrics file that is missing in the end, or that the command did not write, is
told of; the run is recorded all the same.
"""
_SHOWN: Final = 3
_UNMEASURED: Final = (
    "gittrack: no metric was recorded; --metrics FILE reads some, and 'gittrack record metric loss=0.3' "
    "or 'import gittrack' logs them"
)


class RunCommand(click.Command):
    """Tells whoever forgot the command, and gave its options alone, how to write both."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words as click does, with a better sentence for an option that is the program's own."""
        words = list(args)  # click empties the other
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if _is_misspelt(error):
                raise
            place = next((i for i, word in enumerate(words) if word.split("=")[0] == error.option_name), len(words))
            raise click.UsageError(
                f"gittrack run has no option '{error.option_name}'; the options of a program stand behind it: "
                f"gittrack run {shlex.join([*words[:place], '--', *_program_first(words[place:])])}",
                ctx,
            ) from None


def _is_misspelt(error: click.NoSuchOption) -> bool:
    """Whether an option of gittrack's may be meant; click, with the dashes counted in, takes --lr for --help."""
    from difflib import get_close_matches

    known = [option.lstrip("-") for option in error.possibilities or ()]
    return bool(get_close_matches(error.option_name.lstrip("-"), known, cutoff=0.7))


def _program_first(words: list[str]) -> list[str]:
    """The words from an option of the program on, its own command before them; one for example where none is there."""
    end = words.index("--") if "--" in words else len(words)
    start = next((i for i, word in enumerate(words[:end]) if i and shutil.which(word)), end)
    program = [word for word in words[start:] if word != "--"]
    return [*(program or ["python", "train.py"]), *words[:start]]


def _pairs(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{word!r} is not KEY=VALUE")
        pairs[key] = value
    return pairs


@click.command(
    "run",
    cls=RunCommand,
    epilog=EPILOG,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@click.option("--name", metavar="NAME", help="Name of the run; a random one by default.")
@click.option("--experiment", metavar="NAME", help="Experiment that the run belongs to.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", callback=_pairs, help="Set a tag; repeatable.")
@click.option("--description", metavar="TEXT", help="What the run is for.")
@click.option("--params", multiple=True, metavar="FILE", help="Read params before: YAML, JSON, TOML, CSV; repeatable.")
@click.option("--metrics", multiple=True, metavar="FILE", help="Read metrics after: YAML, JSON, CSV, TSV; repeatable.")
@click.option("--input", "inputs", multiple=True, metavar="PATH", help="Record a data file or folder; repeatable.")
@click.option("--artifact", "artifacts", multiple=True, metavar="PATH", help="Keep a file or folder after; repeatable.")
@click.option("-q", "--quiet", is_flag=True, help="Do not print the run's name at the end.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    name: str | None,
    experiment: str | None,
    tags: dict[str, str],
    description: str | None,
    params: tuple[str, ...],
    metrics: tuple[str, ...],
    inputs: tuple[str, ...],
    artifacts: tuple[str, ...],
    quiet: bool,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND and record it: its code, arguments, output, exit code and files."""
    from gittrack.project import open_project
    from gittrack.record.command import Wishes, run_recorded

    counter = Counter("reading inputs", sizes=True)
    wishes = Wishes(
        name=name,
        experiment=experiment,
        description=description,
        tags=tags,
        params_files=params,
        metrics_files=metrics,
        inputs=inputs,
        artifacts=artifacts,
        progress=counter,
        begin=counter.clear,
    )
    outcome = run_recorded(open_project(), command, wishes)
    if outcome.run is not None and not quiet:
        run = outcome.run
        click.echo(f"gittrack: run {run.id[:8]} {visible(outcome.name)} {run.status}", err=True)
        if outcome.unmeasured and run.status == FINISHED:
            click.echo(Ink(wants_color("auto", terminal=sys.stderr.isatty())).quiet(_UNMEASURED), err=True)
        _tell_left_out(outcome.left_out)
    sys.exit(outcome.exit_code)


def _tell_left_out(items: tuple[LeftOut, ...]) -> None:
    if items:
        cut = items[-1].path == "…"  # the list itself names only so many
        rest = len(items) - cut - _SHOWN
        more = f" and {'at least ' if cut else ''}{rest} more" if rest > 0 else ""
        named = ", ".join(f"{item.path} ({item.why})" for item in items[:_SHOWN])
        say(f"not in the snapshot of its code: {named}{more}")
