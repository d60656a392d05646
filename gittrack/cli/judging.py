"""The options by which a command is told what is better, and which of the logged values of a metric counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import click

from gittrack.cli.source import say
from gittrack.errors import GittrackError, UsageError
from gittrack.judge.direction import Direction, guess

if TYPE_CHECKING:
    from gittrack.catalog import Catalog
    from gittrack.query.terms import Condition, Field

_F = TypeVar("_F", bound=Callable[..., object])
Directions: TypeAlias = Callable[[str], "Direction | None"]

SUMMARIES: Final = ("last", "min", "max")
_NAMED: Final = 8  # params


def summary_option(command: _F) -> _F:
    """Add the option --summary."""
    return click.option(
        "--summary",
        type=click.Choice(SUMMARIES),
        default="last",
        help="Which of the values logged in a run counts: the last (unless given), the least or the greatest.",
    )(command)


def statuses_option(command: _F) -> _F:
    """Add the option --all-statuses."""
    return click.option(
        "--all-statuses", is_flag=True, help="Runs that are running, failed, killed or crashed count as well."
    )(command)


def metric_field(metric: str, summary: str) -> Field:
    """Return the field of a metric's value that counts."""
    from gittrack.query.terms import Field, Source, Type

    return Field(Source.METRIC, metric, Type.NUMBER, summary)


def metric_name(catalog: Catalog, text: str) -> str:
    """Return the name of the metric that somebody typed; metrics.loss, as in a filter, is loss where that is one."""
    prefix, _, name = text.partition(".")
    if prefix not in ("metric", "metrics") or catalog.has(metric_field(text, "last")):
        return text
    return name if catalog.has(metric_field(name, "last")) else text


def metric_names(catalog: Catalog, texts: Sequence[str]) -> list[str]:
    """Return the names of metrics that were typed, some with commas between them: a name may itself hold commas."""
    found: dict[str, None] = {}
    for text in texts:
        whole = metric_name(catalog, text)
        parts = [] if catalog.has(metric_field(whole, "last")) else list(filter(None, text.split(",")))
        found |= dict.fromkeys(metric_name(catalog, part) for part in parts or [text])
    return list(found)


def are_metrics(catalog: Catalog, word: str) -> bool:
    """Tell whether a word is a metric, or several with commas between them."""
    return all(catalog.has(metric_field(name, "last")) for name in metric_names(catalog, [word]))


def tell_params(names: Sequence[str], where: str) -> None:
    """Warn of params that differ where only the code was to differ."""
    if names:
        listed = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
        say(f"warning: params differ between the runs {where}, so it may not be the code: {listed}")


def is_number(metric: Field) -> Condition:
    """Return the condition that a run has that value of a metric, and that it is not NaN."""
    from gittrack.query.terms import Comparison, Literal, Mode

    # Said so, it is a bound by which the index finds them.
    return Comparison(metric, ">=", Literal(-inf), Mode.NUMBER)


def counting(chosen: Condition | None, *, all_statuses: bool) -> Condition | None:
    """Return the condition on the runs that count of those that are `chosen`: finished, and none done again.

    A run that was reproduced would count twice. Where `chosen` speaks of status, or of reproduces, it decides.
    """
    from gittrack.model import FINISHED
    from gittrack.query.terms import Field, Missing, Source, Type, both, equals
    from gittrack.query.values import fields_in

    asked = {field.key for field in fields_in(chosen) if field.source is Source.ATTRIBUTE}
    done = None if all_statuses or "status" in asked else equals("status", FINISHED)
    original = None if "reproduces" in asked else Missing(Field(Source.ATTRIBUTE, "reproduces", Type.HEX))
    return both(done, original)


def direction_in(catalog: Catalog, metric: str, *, least: bool, most: bool) -> Direction:
    """As `direction_of`; for a metric that no run has, GittrackError with the nearest one."""
    try:
        return direction_of(metric, least=least, most=most)
    except UsageError:
        unknown = catalog.unknown_field([metric_field(metric, "last")])
        if unknown is not None and not (least and most):
            raise GittrackError(unknown) from None
        raise


def direction_of(metric: str, *, least: bool, most: bool) -> Direction:
    """Return which way a metric is better, as told, else by its name; UsageError where neither says it."""
    if least and most:
        raise UsageError("--min and --max exclude each other; give one of them")
    direction = Direction.MIN if least else Direction.MAX if most else guess(metric)
    if direction is None:
        raise UsageError(f"the name {metric!r:.100} does not say whether less or more is better; add --min or --max")
    return direction


def directions(least: Sequence[str], most: Sequence[str]) -> Directions:
    """Return the direction of each metric: as told, else by its name. UsageError for a metric that is in both."""
    told = {**dict.fromkeys(least, Direction.MIN), **dict.fromkeys(most, Direction.MAX)}
    for metric in set(least) & set(most):
        raise UsageError(f"--min and --max were both given for {metric!r:.100}")
    return lambda metric: told[metric] if metric in told else guess(metric)
