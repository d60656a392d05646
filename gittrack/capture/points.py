"""Points of metrics in rows, mappings and lists of plain values: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.capture.scalars import as_number
from gittrack.errors import InvalidValue

if TYPE_CHECKING:
    from gittrack.model import Number

# The first that a row has tells its step; the others are metrics. Compared in lower case.
STEP_NAMES = ("step", "_step", "global_step", "trainer/global_step", "iteration", "iter", "epoch")
SECONDS_NAMES = ("seconds", "_runtime")
_NAME_NAMES = ("metric", "name", "key")
# JSON has no word for these, and writers put them as text.
_NOT_FINITE = {
    "nan": float("nan"), "inf": float("inf"), "infinity": float("inf"),
    "-inf": float("-inf"), "-infinity": float("-inf"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One value in a metrics file; `seconds` since the start of the run where the file tells them."""

    name: str
    step: int | None
    value: Number
    seconds: float | None = None


def as_metric(value: object) -> Number | None:
    """Return the number that a value of a file is; None for text, truth values and nothing."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return _NOT_FINITE.get(value.lower()) if isinstance(value, str) else None


def as_step(value: object, where: str) -> int | None:
    """Return a row's step; nothing is None; InvalidValue for what is no whole number."""
    if isinstance(value, str):
        value = value.strip()
        value = None if not value else as_number(value) if as_number(value) is not None else value
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise InvalidValue(f"{where}: the step {value!r:.40} is not a whole number")


def row_points(row: Mapping[str, object], where: str) -> list[MetricPoint]:
    """Return the points of {"step": 3, "loss": 0.1}, or of {"metric": "loss", "value": 0.1}."""
    names: dict[str, str] = {}
    for column in row:
        names.setdefault(column.lower(), column)
    step_name = next((names[n] for n in STEP_NAMES if n in names), None)
    seconds_name = next((names[n] for n in SECONDS_NAMES if n in names), None)
    step = as_step(row[step_name], where) if step_name is not None else None
    elapsed = as_metric(row[seconds_name]) if seconds_name is not None else None
    seconds = None if elapsed is None else float(elapsed)
    named = next((row[names[n]] for n in _NAME_NAMES if n in names), None)
    if isinstance(named, str) and "value" in names:
        value = as_metric(row[names["value"]])
        return [] if value is None else [MetricPoint(named, step, value, seconds)]
    rest = {name: value for name, value in row.items() if name not in (step_name, seconds_name)}
    return [MetricPoint(name, step, value, seconds) for name, value in leaves(rest)]


def leaves(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, Number]]:
    """Yield (dotted name, number) for each number, however deep; what is no number is left out."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            number = as_metric(value)
            if number is not None:
                yield f"{prefix}{key}", number


def mapping_points(values: Mapping[object, object], where: str, prefix: str = "") -> Iterator[MetricPoint]:
    """Yield the points of a mapping of names: numbers without a step, a list of numbers with steps 0, 1, ….

    A list of objects is a history of its own, as `log_history` in a trainer's state.
    """
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from mapping_points(value, where, f"{name}.")
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from row_points({str(k): v for k, v in item.items()}, f"{where}: {name}[{place}]")
                elif (number := as_metric(item)) is not None:
                    yield MetricPoint(name, place, number)
        elif (number := as_metric(value)) is not None:
            yield MetricPoint(name, None, number)
