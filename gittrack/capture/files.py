"""The params files and metrics files that a program left: YAML, JSON, TOML, CSV and TSV."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from gittrack.capture.points import MetricPoint, mapping_points, row_points
from gittrack.capture.redact import redact_mapping
from gittrack.errors import GittrackError, InvalidValue
from gittrack.values import plain_value

if TYPE_CHECKING:
    from typing import IO

    from gittrack.model import Key, Value

__all__ = ["MetricPoint", "iter_metrics", "parse_metric_line", "read_metrics", "read_params"]

_TABLES: Final = (".csv", ".tsv")
_LINES: Final = (".jsonl", ".ndjson")
_DOCUMENTS: Final = (".yaml", ".yml", ".json", ".toml")


def read_params(path: str | os.PathLike[str]) -> dict[str, Value]:
    """Return the params in a file, secrets `[redacted]`; GittrackError says what is wrong, and where.

    YAML, JSON and TOML hold one mapping; CSV and TSV one line of values below their names, or two
    columns name,value. Dates are kept as their text.
    """
    name = os.fspath(path)
    kind = _kind(name, _DOCUMENTS + _TABLES)
    data = _read_table_params(name) if kind in _TABLES else _read_document(name, kind)
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise InvalidValue(f"{name} holds {_what(data)}; a params file is one mapping of names to values")
    try:
        params: dict[Key, Value] = {str(key): plain_value(str(key), _plain(value)) for key, value in data.items()}
    except RecursionError:
        raise InvalidValue(f"{name} refers to itself and cannot be written down") from None
    except InvalidValue as error:
        raise InvalidValue(f"{name}: {error}") from None
    return {str(key): value for key, value in redact_mapping(params).items()}


def read_metrics(path: str | os.PathLike[str]) -> list[MetricPoint]:
    """Return the points in a metrics file, in its order; GittrackError says what is wrong, and where.

    YAML, JSON and TOML: a mapping of names to numbers (nested names are joined with '.') or to lists of
    numbers (steps 0, 1, …). A JSON list, JSON Lines, CSV and TSV: rows, where `step`, `iteration` or
    `epoch` gives the step. What is no number is left out; a file that has content but no number is an error.
    """
    return list(iter_metrics(path))


def iter_metrics(path: str | os.PathLike[str]) -> Iterator[MetricPoint]:
    """Yield what read_metrics returns; tables and JSON Lines of any length are read a line at a time."""
    name = os.fspath(path)
    kind = _kind(name, _DOCUMENTS + _TABLES + _LINES)
    if kind in _TABLES:
        points = _table_metrics(name)
    elif kind in _LINES:
        points = _line_metrics(name)
    else:
        points = _document_metrics(name, kind)
    first = next(points, None)
    if first is not None:
        yield first
        yield from points
    elif _has_rows(name, kind):
        raise InvalidValue(f"{name} holds no numbers; a metrics file has names and numbers, such as step,loss")


def parse_metric_line(line: str) -> list[MetricPoint]:
    """Return the points of one line of JSON such as {"step": 3, "loss": 0.1}; none for a blank line."""
    return _parse_line(line, "a line of metrics")


def _parse_line(line: str, where: str) -> list[MetricPoint]:
    text = line.strip().removeprefix("\ufeff")
    if not text:
        return []
    row = _load_json(text, where)
    if not isinstance(row, dict):
        raise InvalidValue(f'{where} holds {_what(row)}; write an object such as {{"step": 3, "loss": 0.1}}')
    return row_points(row, where)


def _kind(path: str, kinds: tuple[str, ...]) -> str:
    kind = os.path.splitext(path)[1].lower()
    if kind not in kinds:
        raise GittrackError(f"{path} is of no kind that can be read; its name must end in {', '.join(kinds)}")
    return kind


def _open(path: str) -> IO[str]:
    """Open a text file; the byte-order marks that Windows programs write tell its encoding."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - handed to the caller below
        with file:
            mark = file.read(2)
        encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return open(path, encoding=encoding, newline="")
    except OSError as error:
        raise GittrackError(f"{path} cannot be read: {error.strerror or error}") from None


def _not_text(path: str) -> InvalidValue:
    return InvalidValue(f"{path} is not UTF-8 text; save it as UTF-8")


def _read_document(path: str, kind: str) -> object:
    with _open(path) as file:
        try:
            text = file.read()
        except UnicodeError:
            raise _not_text(path) from None
    if not text.strip():
        return None
    try:
        if kind == ".json":
            return _load_json(text, path)
        if kind == ".toml":
            return _load_toml(text, path)
        from gittrack.capture.yaml_text import load_yaml

        return load_yaml(text, path)
    except RecursionError:
        raise InvalidValue(f"{path} is nested too deeply to be read") from None


def _load_json(text: str, where: str) -> object:
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if "\n" in text else ""
        raise InvalidValue(f"{where}{line}: this is no JSON ({error.msg}, column {error.colno})") from None
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"{where}: this JSON cannot be read ({error})") from None


def _load_toml(text: str, path: str) -> object:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        # TOML knows two line ends, and a lone carriage return is none of them.
        return tomllib.loads(text.replace("\r\n", "\n"))
    except ValueError as error:
        raise InvalidValue(f"{path}: this is no TOML ({error})") from None


def _plain(value: object) -> object:
    """The value with dates and times as text: a param has no type for them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    written = getattr(value, "isoformat", None)
    return written() if callable(written) else value


def _what(value: object) -> str:
    names = {list: "a list", str: "a text", int: "one number", float: "one number", bool: "one truth value"}
    return names.get(type(value), "nothing" if value is None else f"a {type(value).__name__}")


def _read_table_params(path: str) -> dict[str, Value]:
    from gittrack.capture.tables import read_rows, table_params

    with _open(path) as file:
        try:
            return table_params(read_rows(file, path), path)
        except UnicodeError:
            raise _not_text(path) from None


def _table_metrics(path: str) -> Iterator[MetricPoint]:
    from gittrack.capture.tables import read_rows, table_points

    with _open(path) as file:
        try:
            yield from table_points(read_rows(file, path), path)
        except UnicodeError:
            raise _not_text(path) from None


def _line_metrics(path: str) -> Iterator[MetricPoint]:
    with _open(path) as file:
        try:
            for number, line in enumerate(file, 1):
                yield from _parse_line(line, f"{path}, line {number}")
        except UnicodeError:
            raise _not_text(path) from None


def _document_metrics(path: str, kind: str) -> Iterator[MetricPoint]:
    if kind == ".json" and _is_json_lines(path):
        yield from _line_metrics(path)
        return
    data = _read_document(path, kind)
    if isinstance(data, Mapping):
        yield from mapping_points(data, path)
    elif isinstance(data, list):
        for place, row in enumerate(data):
            if not isinstance(row, Mapping):
                raise InvalidValue(f"{path}: entry {place} of the list is {_what(row)}; each must be an object")
            yield from row_points({str(key): value for key, value in row.items()}, f"{path}, entry {place}")
    elif data is not None:
        raise InvalidValue(f"{path} holds {_what(data)}; a metrics file is a mapping of names to numbers")


def _is_json_lines(path: str) -> bool:
    """Whether the first two lines are an object each: many programs name such a file .json."""
    with _open(path) as file:
        try:
            lines = [line.strip() for _, line in zip(range(2), file, strict=False)]
        except UnicodeError:
            raise _not_text(path) from None
    return len(lines) == 2 and all(line.startswith("{") and line.endswith("}") for line in lines)


def _has_rows(path: str, kind: str) -> bool:
    """Whether a file without points says anything; a table may so far have only its header."""
    with _open(path) as file:
        lines = [line for _, line in zip(range(2), file, strict=False) if line.strip(" \t\r\n{}[]")]
    return len(lines) > (1 if kind in _TABLES else 0)
