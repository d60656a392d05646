"""`gittrack diff`: what differs between two runs, or between a run and what is here now."""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.comparison import Compared, comparison_page, document
from gittrack.cli.pager import show_stream
from gittrack.cli.progress import Counter
from gittrack.cli.render import screen, visible
from gittrack.cli.selection import PATHS, PathsCommand
from gittrack.cli.source import color_option, complete_run, json_option, open_runs, print_json, say, tell_problems
from gittrack.errors import NotFetched, RunNotFound, UsageError
from gittrack.git.diff import View, differs, patch, wants_color

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gittrack.catalog import Catalog
    from gittrack.cli.render import Screen
    from gittrack.model import Run
    from gittrack.read.difference import Difference

EPILOG = """\b
Examples:
  gittrack diff latest~1 latest             the last two runs: params, metrics, environment, inputs, code
  gittrack diff brave-otter                 that run, and the working tree, environment and data as they are now
  gittrack diff 3fa2 5bc1 --stat            how many lines of code changed in each file
  gittrack diff 3fa2 5bc1 -- src train.py   of the code only these paths
  gittrack diff 5bc1 3fa2 --code | git apply   bring your files from the one to the other

\b
The code is compared by git, uncommitted changes and untracked files included, as your git configuration has it for
'git diff'. Nothing in the repository, the index or the working tree changes. Only what differs is shown.
"""
# All other options for the code are about the form in which it is shown.
_OF_CONTENT: Final = ("--ignore-all-space",)
# What git colours with; all else that a terminal would obey is a file's content. Nothing that hides (8) is among it.
_COLOR: Final = re.compile(r"(\x1b\[(?:(?!0*8[;mK])[0-9]*;)*(?!0*8[mK])[0-9]*[mK])")
_NO_COLOR: Final = re.compile(r"(?!)")


@click.command("diff", cls=PathsCommand, epilog=EPILOG)
@click.argument("before", metavar="[RUN]", default="latest", shell_complete=complete_run)
@click.argument("after", metavar="[RUN]", required=False, shell_complete=complete_run)
@click.option("--stat", is_flag=True, help="Of the code show how many lines changed in each file.")
@click.option("--name-only", is_flag=True, help="Of the code show the names of the files.")
@click.option("--name-status", is_flag=True, help="Of the code show the names of the files, and how they changed.")
@click.option("-U", "--unified", type=click.IntRange(min=0), metavar="N", help="Lines around each change.")
@click.option("-w", "--ignore-all-space", is_flag=True, help="Pass over white space in the code.")
@click.option("--word-diff", is_flag=True, help="Show changes of words in the code.")
@click.option("--ext-diff", is_flag=True, help="Let the diff programs of your git configuration show the code.")
@click.option("--code", "only_code", is_flag=True, help="Show the code only, the very output of git diff.")
@click.option("--no-code", is_flag=True, help="Leave the code out.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something differs.")
@json_option
@color_option
def command(
    before: str,
    after: str | None,
    *,
    ext_diff: bool,
    only_code: bool,
    no_code: bool,
    exit_code: bool,
    as_json: bool,
    color: str,
    **options: bool | int | None,
) -> None:
    """Show what differs between two runs, or between a run, the newest by default, and what is here now."""
    paths: tuple[str, ...] = click.get_current_context().meta.get(PATHS, ())
    wanted = tuple(_git_options(options))
    _check(wanted, paths, only_code=only_code, no_code=no_code, as_json=as_json)
    catalog = open_runs()
    run, other = _find(catalog, before), None if after is None else _find(catalog, after)
    tell_problems(catalog)
    page = screen(color)
    view = _view(catalog, wanted, paths, color, page, programs=ext_diff)
    with ExitStack() as stack:
        found = _compared(catalog, run, other, stack, tables=not only_code, code=not no_code)
        code_differs = found.trees is not None and differs(catalog.project.repo, found.trees, view)
        if as_json:
            print_json(document(catalog.project.repo, found, view))
        else:
            _show(catalog, found, view, page, code_differs=code_differs)
    if found.missing is not None:
        raise NotFetched(f"code cannot be compared (--no-code leaves it out): {found.missing}")
    if exit_code and (code_differs or (found.difference is not None and found.difference.anything)):
        sys.exit(1)


def _git_options(options: Mapping[str, bool | int | None]) -> Iterator[str]:
    for name, value in options.items():
        if value is True:
            yield f"--{name.replace('_', '-')}"
        elif value is not None and value is not False:
            yield f"--{name}={value}"


def _check(wanted: tuple[str, ...], paths: tuple[str, ...], *, only_code: bool, no_code: bool, as_json: bool) -> None:
    if only_code and (no_code or as_json):
        raise UsageError("--code cannot be combined with --no-code or --json")
    shapes = [option for option in wanted if option not in _OF_CONTENT]
    if as_json and shapes:
        raise UsageError(f"{shapes[0]} cannot be combined with --json, which tells how each file changed")
    if no_code and (wanted or paths):
        raise UsageError(
            f"--no-code cannot be combined with {wanted[0] if wanted else 'paths'}, which is about the code"
        )


def _find(catalog: Catalog, spec: str) -> Run:
    try:
        return catalog.find(spec)
    except RunNotFound:
        if os.path.lexists(spec):
            raise UsageError(f"{spec!r:.200} is a file and no run; paths come last, after '--'") from None
        raise


def _view(
    catalog: Catalog, wanted: tuple[str, ...], paths: tuple[str, ...], color: str, page: Screen, *, programs: bool
) -> View:
    # Of the two that decide on a terminal, git's configuration and the environment, each can say no.
    on = page.ink.on and (color != "auto" or not page.terminal or wants_color(catalog.project.repo))
    return View(wanted, paths, os.getcwd(), on, programs, page.width)


def _compared(catalog: Catalog, run: Run, other: Run | None, stack: ExitStack, *, tables: bool, code: bool) -> Compared:
    """What differs, as far as it is wanted; what `stack` holds has to stay until it was shown."""
    from gittrack.compare import differences, trees_of

    trees = missing = difference = now = None
    if other is None:
        from gittrack.record.present import present_code

        now = stack.enter_context(present_code(catalog.project))
    if tables:
        difference = differences(catalog, run, other) if other else _now(catalog, run)
    against = other or now
    if code and against:
        try:
            trees = trees_of(catalog.project, run, against)
        except NotFetched as error:
            missing = error
    return Compared(run, other, now, difference, trees, missing)


def _now(catalog: Catalog, run: Run) -> Difference:
    from gittrack.compare import differences_now

    problems: list[str] = []
    with Counter("comparing inputs", sizes=True) as counter:
        difference = differences_now(catalog, run, problems, counter)
    for problem in problems:
        say(f"warning: {problem}")
    return difference


def _show(catalog: Catalog, found: Compared, view: View, page: Screen, *, code_differs: bool) -> None:
    def chunks() -> Iterator[bytes]:
        if found.difference is not None:
            text = "".join(f"{line}\n" for line in comparison_page(found, view, page, code_differs=code_differs))
            yield text.encode(sys.stdout.encoding or "utf-8", "backslashreplace")
        if code_differs and found.trees is not None:
            git = patch(catalog.project.repo, found.trees, view)
            yield from harmless(git, color=view.color) if page.terminal else git

    if found.difference is None:
        for title, item in found.left_out:
            say(f"not in the code of {title}: {item.path} ({item.why})")
    show_stream(chunks, catalog.project, "diff")


def harmless(chunks: Iterable[bytes], *, color: bool) -> Iterator[bytes]:
    r"""Yield the lines of a diff with what a terminal would obey written out, as '\x1b'; with `color` not colours."""
    own = _COLOR if color else _NO_COLOR
    rest: list[bytes] = []
    for chunk in chunks:
        first, *lines = chunk.split(b"\n")
        rest.append(first)
        for line in lines:
            yield _harmless_line(b"".join(rest), own) + b"\n"
            rest = [line]
    yield _harmless_line(b"".join(rest), own)


def _harmless_line(line: bytes, own: re.Pattern[str]) -> bytes:
    parts = own.split(line.decode("utf-8", "backslashreplace"))
    parts[::2] = ["\t".join(map(visible, part.split("\t"))) for part in parts[::2]]
    return "".join(parts).encode()
