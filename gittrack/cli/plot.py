"""`gittrack plot`: metrics of runs as curves, against a param, or beside params."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from gittrack.cli.judging import are_metrics, metric_field, metric_names
from gittrack.cli.lazy import unknown
from gittrack.cli.render import fit, screen, visible
from gittrack.cli.selection import SelectingCommand, Selection, selecting, with_ranges
from gittrack.cli.source import (
    color_option,
    complete_any_metric,
    complete_run,
    is_run,
    json_option,
    open_runs,
    print_json,
    say,
    tell_problems,
)
from gittrack.cli.wording import counted, short_value
from gittrack.errors import GittrackError, UsageError
from gittrack.model import FINISHED
from gittrack.plot.series import ALONG, CLOCK, STEP, Series, coordinates, real, remarked, smoothed
from gittrack.query.terms import Missing, Not, Or, both
from gittrack.query.values import params_of
from gittrack.values import flatten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.model import Run, Value
    from gittrack.plot.figure import Figure, Panel, Parallel, Scatter

EPILOG = """\b
Examples:
  gittrack plot loss                                   the newest runs that have it, in the terminal
  gittrack plot loss,accuracy fast slow                two metrics of two runs; also: loss accuracy fast slow
  gittrack plot loss --smooth 0.9 --log-y --x time     smoothed, on a log axis, over the time of day
  gittrack plot loss -o loss.html                      one file that a browser opens; also .png and .svg
  gittrack plot loss --where "params.lr < 0.1" --sort metrics.loss -n 5
  gittrack plot accuracy --scatter lr --log-x          a param against a metric, a dot for each run
  gittrack plot accuracy --parallel lr,model.depth -o grid.html

\b
A long history is thinned to what the picture can show: no extreme is lost. NaN interrupts a curve. --smooth is the
exponential average of TensorBoard, the raw values stay behind it. Without RUN the newest runs that have the metric are
plotted, 10 for curves, 100 for --scatter and --parallel. PNG and SVG need: pip install 'gittrack[plot]'.
"""
_CURVES, _DOTS = 10, 100
_SUGGESTED: Final = 300  # runs whose metrics are suggested
_LONGEST_LABEL: Final = 48


class Options(NamedTuple):
    """What is asked of the picture."""

    along: str
    smooth: float
    log_x: bool
    log_y: bool


@click.command("plot", cls=SelectingCommand, epilog=EPILOG)
@click.argument("metrics", metavar="METRIC[,METRIC...]", shell_complete=complete_any_metric)
@click.argument("words", metavar="[METRIC|RUN|A..B]...", nargs=-1, shell_complete=complete_run)
@click.option("--x", "along", type=click.Choice(ALONG), help="Curves over this; by default the step.")
@click.option("--smooth", type=float, metavar="W", help="Smooth curves, from 0 to below 1; raw values stay faint.")
@click.option("--log-x", is_flag=True, help="A logarithmic axis for steps, times or params.")
@click.option("--log-y", is_flag=True, help="A logarithmic axis for metrics.")
@click.option("--scatter", metavar="PARAM", help="A param against the last value of the metric.")
@click.option("--parallel", metavar="PARAM,...", help="Parallel coordinates of params and metrics; with -o.")
@selecting(revisions=False)
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write FILE.png, .svg or .html.")
@json_option
@color_option
def command(
    metrics: str,
    words: tuple[str, ...],
    along: str | None,
    smooth: float | None,
    log_x: bool,
    log_y: bool,
    scatter: str | None,
    parallel: str | None,
    output: str | None,
    as_json: bool,
    color: str,
    *,
    selection: Selection,
) -> None:
    """Plot metrics of runs, in the terminal or into a file."""
    _check(along, smooth, scatter, parallel, output, log_x=log_x, as_json=as_json)
    options = Options(along or STEP, smooth or 0.0, log_x, log_y)
    catalog = open_runs()
    selection, words = with_ranges(selection, words, lambda word: is_run(catalog, word) or are_metrics(catalog, word))
    asked, specs = _sorted_out(catalog, metrics, words)
    if specs and (selection.narrows or selection.sort):
        raise UsageError("the runs are either named or chosen by options such as --where; not both")
    count = selection.count or (_DOTS if scatter or parallel else _CURVES)
    runs = _chosen(catalog, specs, asked, selection, count)
    tell_problems(catalog)
    names = _known(catalog, asked, runs)
    if scatter is not None:
        figure, data = _scatter(scatter, names, runs, options)
    elif parallel is not None:
        figure, data = _parallel(parallel, names, runs, options)
    else:
        figure, data = _curves(catalog, names, runs, options)
    if as_json:
        print_json(data, indent=None)
    elif output is not None:
        _write(output, figure, ", ".join(map(visible, names)))
    else:
        _show(catalog, figure, color)


def _check(
    along: str | None,
    smooth: float | None,
    scatter: str | None,
    parallel: str | None,
    output: str | None,
    *,
    log_x: bool,
    as_json: bool,
) -> None:
    if scatter is not None and parallel is not None:
        raise UsageError("--scatter and --parallel are two pictures; ask for one of them")
    other = "--scatter" if scatter is not None else "--parallel"
    if (scatter is not None or parallel is not None) and (along is not None or smooth is not None):
        raise UsageError(f"{other} cannot be combined with --x or --smooth, which are for curves")
    if smooth is not None and not 0 <= smooth < 1:
        raise UsageError(f"--smooth is a weight from 0 to below 1, such as 0.9, not {smooth:g}")
    if along == CLOCK and log_x:
        raise UsageError("--log-x has no meaning for --x time; --x relative counts from the start of each run")
    if as_json and output is not None:
        raise UsageError("--json prints the data and cannot be combined with -o")
    if parallel is not None and output is None and not as_json:
        raise UsageError("parallel coordinates have no room in a terminal; write them with -o FILE.html, .png or .svg")
    if output is not None and _ending(output) not in (".png", ".svg", ".html"):
        raise UsageError(f"{visible(output)!r:.200} ends with none of .png, .svg and .html, which tell what to write")


def _sorted_out(catalog: Catalog, first: str, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The metrics and the runs that were typed: a word behind the first is a metric where no run answers to it."""
    specs = [word for word in words if not are_metrics(catalog, word) or is_run(catalog, word)]
    return metric_names(catalog, [first, *(word for word in words if word not in specs)]), specs


def _chosen(
    catalog: Catalog, specs: Sequence[str], metrics: Sequence[str], selection: Selection, count: int
) -> list[Run]:
    """Return the runs that are named, or else those first `count` of the selection that have one of the metrics."""
    if specs:
        return list({run.id: run for run in map(catalog.find, specs)}.values())
    has_one = Or(tuple(Not(Missing(metric_field(name, "last"))) for name in metrics))
    query = selection.query(catalog, limit=count)
    return list(catalog.search(replace(query, where=both(query.where, has_one))))


def _known(catalog: Catalog, names: Sequence[str], runs: Sequence[Run]) -> Sequence[str]:
    """The metrics again; GittrackError for one that none of the runs has."""
    for name in names:
        if not any(name in run.metrics for run in runs):
            known = dict.fromkeys(metric for run in runs or catalog.runs(_SUGGESTED) for metric in run.metrics)
            if not known and not catalog.runs(1):
                raise GittrackError("no runs here yet; record the first one with: gittrack run -- python train.py")
            whose = "none of these runs has" if runs else "no run has"
            raise GittrackError(unknown(f"{whose} a metric", name, list(known)))
    return names


def _curves(catalog: Catalog, names: Sequence[str], runs: Sequence[Run], options: Options) -> tuple[Figure, object]:
    _tell_without(names, [run for run in runs if not any(name in run.metrics for name in names)])
    series = list(_series(catalog, names, runs, options))
    if not series:
        raise GittrackError("none of these histories can be read; 'gittrack check' tells what is wrong with them")
    panels = tuple(_panel(name, [one for one in series if one.metric == name], options) for name in names)
    _tell_lost(options, [x for one in series for x in one.xs], [y for one in series for y in one.values])
    return panels, {"x": options.along, "smooth": options.smooth, "series": [_series_document(one) for one in series]}


def _panel(name: str, series: Sequence[Series], options: Options) -> Panel:
    """The curves of a metric; where each is a single point, the runs beside each other."""
    from gittrack.plot.figure import curves, single_values

    if options.along == STEP and series and all(len(one.values) <= 1 for one in series):
        return single_values(visible(name), series, _text, log_y=options.log_y)
    return curves(visible(name), remarked(series), options.along, log_x=options.log_x, log_y=options.log_y)


def _series(catalog: Catalog, names: Sequence[str], runs: Sequence[Run], options: Options) -> Iterator[Series]:
    """Each metric of each run; one that cannot be read hides no other."""
    for name in names:
        for number, run in enumerate(runs):
            if name not in run.metrics:
                continue
            try:
                points = catalog.history(run, name)
            except GittrackError as error:
                say(f"warning: {error}")
                continue
            xs, values = coordinates(points, options.along, run.start)
            drawn = smoothed(values, options.smooth) if options.smooth else values
            yield Series(number, run.id, run.name, _label(run), name, xs, values, drawn)


def _series_document(one: Series) -> dict[str, object]:
    document: dict[str, object] = {"run": one.run, "name": one.name, "metric": one.metric}
    document |= {"x": one.xs, "value": one.values}
    return document | ({"smoothed": one.smooth} if one.smoothed else {})


def _scatter(param: str, names: Sequence[str], runs: Sequence[Run], options: Options) -> tuple[Figure, object]:
    from gittrack.plot.figure import scatter

    param = _param_name(param, runs)
    panels: list[Scatter] = []
    document: list[object] = []
    for name in names:
        known = _with_params([param], [name], runs)
        rows = [(_label(run), params[param], real(run.metrics[name].last)) for run, params in known]
        _tell_lost(options, [], [value for *_, value in rows])
        panel = scatter(visible(param), visible(name), rows, _text, log_x=options.log_x, log_y=options.log_y)
        panels.append(panel)
        document += [
            {"run": run.id, "name": run.name, "param": params[param], "metric": name, "value": run.metrics[name].last}
            for run, params in known
        ]
    return tuple(panels), {"param": param, "points": document}


def _parallel(text: str, names: Sequence[str], runs: Sequence[Run], options: Options) -> tuple[Parallel, object]:
    from gittrack.plot.figure import parallel

    params = list(dict.fromkeys(_param_name(name, runs) for name in text.split(",")))
    known = _with_params(params, names, runs)
    columns: list[tuple[str, list[Value], bool]] = [
        (name, [values[name] for _, values in known], options.log_x) for name in params
    ]
    columns += [(name, [run.metrics[name].last for run, _ in known], options.log_y) for name in names]
    # Params are of many kinds: here the options mean those axes that can be logarithmic.
    shown = [(visible(name), values, log and all(map(_above_zero, values))) for name, values, log in columns]
    figure = parallel(shown, [_label(run) for run, _ in known], _text)
    rows = [
        {"run": run.id, "name": run.name, "values": {name: values[number] for name, values, _ in columns}}
        for number, (run, _) in enumerate(known)
    ]
    return figure, {"axes": [name for name, *_ in columns], "runs": rows}


def _param_name(text: str, runs: Sequence[Run]) -> str:
    """The param that was typed; params.lr, as in a filter, is lr unless one is called so."""
    prefix, _, name = text.partition(".")
    return name if prefix in ("param", "params") and not any(text in params_of(run) for run in runs) else text


def _with_params(
    params: Sequence[str], metrics: Sequence[str], runs: Sequence[Run]
) -> list[tuple[Run, dict[str, Value]]]:
    """The runs that have all of these, each with its params; it is told how many have not."""
    flat = [(run, dict(flatten(run.params)) | dict(run.params)) for run in runs]
    for param in params:
        if not any(param in values for _, values in flat):
            known = dict.fromkeys(name for _, values in flat for name in values)
            raise GittrackError(unknown("none of these runs has a param", param, list(known)))
    found = [
        (run, values)
        for run, values in flat
        if all(param in values for param in params) and all(metric in run.metrics for metric in metrics)
    ]
    if not found:
        raise GittrackError(f"no run has all of {', '.join(map(repr, (*params, *metrics)))}; name fewer of them")
    kept = {run.id for run, _ in found}
    _tell_without((*params, *metrics), [run for run in runs if run.id not in kept])
    return found


def _tell_without(names: Sequence[str], runs: Sequence[Run]) -> None:
    if runs:
        say(f"left out: {counted(len(runs), 'run')} without {' or '.join(map(repr, names))}")


def _above_zero(value: Value) -> bool:
    return isinstance(value, (int, float)) and value > 0


def _tell_lost(options: Options, xs: Sequence[float], ys: Sequence[float]) -> None:
    for log, values, option in ((options.log_x, xs, "--log-x"), (options.log_y, ys, "--log-y")):
        lost = sum(1 for value in values if value <= 0) if log else 0
        if lost:
            say(f"left out: {counted(lost, 'point')} not above 0, for which {option} has no place")


def _label(run: Run) -> str:
    status = "" if run.status == FINISHED else f" ({run.status})"
    return f"{run.id[:8]} {fit(visible(run.name), _LONGEST_LABEL)}{status}"


def _text(value: Value) -> str:
    return fit(visible(short_value(value)), _LONGEST_LABEL)


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _show(catalog: Catalog, figure: Figure, color: str) -> None:
    from gittrack.cli.chart import chart
    from gittrack.cli.pager import show_page

    lines = chart(figure, screen(color), sys.stdout.encoding)
    show_page("".join(f"{line}\n" for line in lines), catalog.project)


def _write(path: str, figure: Figure, title: str) -> None:
    """Draw first and write then: a picture that failed leaves the file as it was."""
    if _ending(path) == ".html":
        from gittrack.plot.page import page

        data = page(figure, title).encode()
    else:
        data = _picture(figure, _ending(path)[1:])
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise GittrackError(f"cannot write {visible(path)}: {error.strerror or error}") from None
    say(f"wrote {path}")


def _picture(figure: Figure, kind: str) -> bytes:
    import io
    import logging

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its caches
    os.environ["MPLBACKEND"] = "agg"  # one that is not installed would end the import
    try:
        from gittrack.plot.picture import draw
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "gittrack":
            raise
        raise GittrackError(
            f"drawing {kind.upper()} needs matplotlib, which is not installed here; run: pip install 'gittrack[plot]'"
        ) from None
    file = io.BytesIO()
    draw(figure, file, kind)
    return file.getvalue()
