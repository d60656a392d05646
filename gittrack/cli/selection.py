"""The options by which a command is told which runs are meant, the same for all of them."""

from __future__ import annotations

import functools
import os
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

import click

from gittrack.cli.source import complete_experiment
from gittrack.errors import UsageError
from gittrack.model import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gittrack.catalog import Catalog
    from gittrack.query.fields import Bare
    from gittrack.query.terms import Condition, Order, Query

_F = TypeVar("_F", bound="Callable[..., object]")

PATHS: Final = "gittrack.paths"
_NAMES: Final = ("where", "sort", "count", "since", "until", "author", "experiment", "status", "deleted", "revisions")


@dataclass(frozen=True, slots=True)
class Selection:
    """What was typed to say which runs are meant; `count` None where no number was given."""

    where: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    count: int | None = None
    since: str | None = None
    until: str | None = None
    author: str | None = None
    experiment: str | None = None
    status: str | None = None
    deleted: bool = False
    revisions: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether anything but the number and the order was given."""
        return self != Selection(sort=self.sort, count=self.count, deleted=self.deleted)

    def query(self, catalog: Catalog, *, limit: int | None = None) -> Query:
        """Return the question that this is, for at most `limit` runs; UsageError for what cannot be understood."""
        from gittrack.query.terms import Query, both  # a push need not pay for it

        where = both(*self._conditions(time.time(), catalog.bare))
        order = tuple(_order(text, catalog.bare) for text in self.sort)
        query = Query(where, order, limit, self.deleted, paths=_paths(catalog, self.paths))
        return catalog.within(query, self.revisions) if self.revisions else query

    def _conditions(self, now: float, bare: Bare) -> list[Condition | None]:
        from gittrack.query.terms import equals

        return [
            *(_filter(text, now, bare) for text in self.where),
            None if self.since is None else _time(self.since, ">=", now),
            None if self.until is None else _time(self.until, "<=", now),
            None if self.author is None else _author(self.author),
            None if self.experiment is None else equals("experiment", self.experiment),
            None if self.status is None else equals("status", self.status),
        ]


class PathsCommand(click.Command):
    """Takes the words behind '--' as paths, as git log does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the paths out before click reads the rest."""
        if "--" in args:
            place = args.index("--")
            ctx.meta[PATHS] = tuple(args[place + 1 :])
            args = args[:place]
        return super().parse_args(ctx, self.words(args))

    def words(self, args: list[str]) -> list[str]:
        """Return the words before the paths as click is to read them."""
        return args

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Name the paths in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- PATH...]"]


class SelectingCommand(PathsCommand):
    """Takes `-5` for `-n 5` as well."""

    def words(self, args: list[str]) -> list[str]:
        """Return the words with `-5` written out."""
        before = ["", *args]
        return [
            word if last in ("-n", "--max-count") else re.sub(r"^-(\d+)$", r"-n\1", word)
            for last, word in zip(before, args, strict=False)
        ]


def selecting(*, sort: bool = True, revisions: bool = True) -> Callable[[_F], _F]:
    """Add the options that choose runs; the command, a SelectingCommand, gets a Selection as `selection`."""

    def decorate(command: _F) -> _F:
        @functools.wraps(command)
        def wrapper(*args: object, **options: object) -> object:
            chosen = {name: options.pop(name) for name in _NAMES if name in options}
            paths = click.get_current_context().meta.get(PATHS, ())
            selection = Selection(**chosen, paths=paths)  # type: ignore[arg-type]
            return command(*args, selection=selection, **options)

        result: Callable[..., object] = wrapper
        for option in reversed(_options(sort=sort, revisions=revisions)):
            result = option(result)
        return result  # type: ignore[return-value]

    return decorate


def with_ranges(
    selection: Selection, words: Sequence[str], is_other: Callable[[str], bool]
) -> tuple[Selection, tuple[str, ...]]:
    """Take of `words` those that are ranges, as main..topic or ^old, into the selection; not what `is_other` knows."""
    ranges = tuple(word for word in words if (".." in word or word.startswith("^")) and not is_other(word))
    return replace(selection, revisions=ranges), tuple(word for word in words if word not in ranges)


def _options(*, sort: bool, revisions: bool) -> list[Callable[[_F], _F]]:
    found: list[Callable[[_F], _F]] = [
        click.option(
            "-w",
            "--where",
            multiple=True,
            metavar="FILTER",
            help="Only runs that meet it: \"metrics.acc > 0.9 and params.model = 'tree'\".",
        ),
        click.option(
            "-n", "--max-count", "count", metavar="N", type=click.IntRange(min=0), help="At most N runs; also -N."
        ),
        click.option("--since", "--after", metavar="TIME", help="Started at TIME or later: '2 days ago', 2026-01-31."),
        click.option("--until", "--before", metavar="TIME", help="Started at TIME or earlier."),
        click.option("--author", metavar="TEXT", help="The author's name or e-mail address holds TEXT."),
        click.option("--experiment", metavar="NAME", shell_complete=complete_experiment, help="Of this experiment."),
        click.option("--status", type=click.Choice(STATUSES), help="Of this status."),
        click.option("--deleted", is_flag=True, help="Runs marked as deleted as well."),
    ]
    if sort:
        order = click.option(
            "--sort", multiple=True, metavar="KEY", help="By a field, as acc or metrics.acc; -acc: the greatest first."
        )
        found.insert(1, order)
    if revisions:
        found.append(click.argument("revisions", metavar="[REVISION...]", nargs=-1))
    return found


def _filter(text: str, now: float, bare: Bare) -> Condition:
    from gittrack.query.parse import parse_filter

    return parse_filter(text, now, bare)


def _order(text: str, bare: Bare) -> Order:
    from gittrack.query.parse import parse_order

    return parse_order(text, bare)


def _time(text: str, sign: str, now: float) -> Condition:
    from gittrack.query.moments import moment
    from gittrack.query.terms import Comparison, Field, Literal, Mode, Source, Type

    start = Field(Source.ATTRIBUTE, "start_time", Type.TIME)
    return Comparison(start, sign, Literal(moment(text, now)), Mode.NUMBER)


def _author(text: str) -> Condition:
    from gittrack.query.terms import Field, Like, Or, Source, Type

    fields = (Field(Source.ATTRIBUTE, key, Type.TEXT) for key in ("author", "author.email"))
    # What a pattern would take for a sign of its own stands for any character: good enough for a name.
    pattern = f"%{text.replace('%', '_')}%"
    return Or(tuple(Like(field, pattern, ignore_case=True) for field in fields))


def _paths(catalog: Catalog, paths: Sequence[str]) -> tuple[str, ...]:
    """The paths from the top of the working tree on; UsageError for those outside of it."""
    top = catalog.project.repo.worktree
    found = []
    for path in paths:
        folder, name = os.path.split(path.rstrip(os.sep) or os.curdir)
        whole = os.path.normpath(os.path.join(os.path.realpath(folder or os.curdir), name))
        below = os.path.relpath(whole, top) if top else os.path.normpath(path)
        if below.split(os.sep)[0] == os.pardir:
            raise UsageError(f"the path {path!r:.200} is not in this working tree")
        if "\n" in below:
            raise UsageError(f"the path {path!r:.200} holds a line break; name the folder that it is in")
        found.append("" if below == os.curdir else below.replace(os.sep, "/"))
    return tuple(found)
