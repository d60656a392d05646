"""Fields of runs as columns and as text, where somebody names them: --columns, --format, --group-by, CSV."""

from __future__ import annotations

import re
import string
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.cli.render import visible
from gittrack.cli.wording import duration, local_time, short_age, short_value
from gittrack.codec.times import write_time
from gittrack.errors import UsageError
from gittrack.query.parse import parse_field
from gittrack.query.problem import QueryError
from gittrack.query.terms import Field, Source, Type
from gittrack.query.values import params_of, value_of
from gittrack.values import full_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.model import Run, Value
    from gittrack.query.fields import Bare

AGE: Final = "age"
_ALWAYS: Final = (
    "id",
    "name",
    "experiment",
    "status",
    "start_time",
    "duration",
    "author",
    "code.commit",
    "code.branch",
    "code.dirty",
)
_SHORT_IDS: Final = 8
# As Python has it for numbers, with a bound for the width.
_SPECIFICATION: Final = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?[ +-]?#?0?(?P<width>\d{1,3})?[,_]?(?:\.\d{1,2})?[eEfFgGdn%]?"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A field under the name that it was asked for by; no field is the age of a run."""

    name: str
    field: Field | None

    def value(self, run: Run) -> Value:
        """Return what `run` has there."""
        return time.time() - run.start if self.field is None else value_of(run, self.field)

    def short(self, run: Run) -> str:
        """Return it for a table of a person."""
        if self.field is None:
            return short_age(run.start, time.time())
        value = value_of(run, self.field)
        if value is None:
            return "" if self.field.source is not Source.PARAM else self._param(run)
        return short_text(self.field, value)

    def exact(self, run: Run) -> str:
        """Return it with every digit, for a program; '' where there is nothing."""
        value = self.value(run)
        if value is None:
            return "" if self.field is None or self.field.source is not Source.PARAM else self._param(run)
        if self.field is not None and self.field.type is Type.TIME and isinstance(value, float):
            return write_time(value)
        if self.field is None or self.field.type is Type.DURATION:
            return f"{value:.3f}" if isinstance(value, float) else str(value)
        return value if isinstance(value, str) else full_value(value)

    def _param(self, run: Run) -> str:
        """A param that is null is there all the same."""
        assert self.field is not None
        return "null" if self.field.key in params_of(run) else ""

    @staticmethod
    def is_number(value: Value) -> bool:
        """Whether a value stands to the right in its column."""
        return isinstance(value, (int, float)) and not isinstance(value, bool)


def short_text(field: Field, value: Value) -> str:
    """Return a value of a field, not None, for a table of a person."""
    if field.type is Type.HEX and isinstance(value, str):
        return value[:_SHORT_IDS]
    if field.type is Type.TIME and isinstance(value, float):
        return local_time(value)
    if field.type is Type.DURATION and isinstance(value, float):
        return duration(value)
    return short_value(value)


def named(text: str, bare: Bare | None = None) -> Named:
    """Return the field of that name, `bare` as for a filter; UsageError where there is none."""
    name = text.strip()
    return Named(name, None if name.lower() == AGE else parse_field(name, bare))


def named_list(texts: Sequence[str], bare: Bare) -> list[Named]:
    """Return the fields of lists with commas; a comma inside of quotes is part of a name."""
    return [named(part, bare) for text in texts for part in _parts(text)]


def _parts(text: str) -> Iterator[str]:
    quote, start = "", 0
    for place, char in enumerate(text):
        if char in '"`' and quote in ("", char):
            quote = "" if quote else char
        elif char == "," and not quote:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def all_columns(runs: Iterable[Run]) -> list[Named]:
    """Return every column that `runs` fill: what each run has, then their params, metrics and tags by name."""
    from gittrack.values import flatten

    keys: dict[Source, dict[str, None]] = {Source.PARAM: {}, Source.METRIC: {}, Source.TAG: {}}
    for run in runs:
        keys[Source.PARAM].update((key, None) for key, _ in flatten(run.params))
        keys[Source.METRIC].update(dict.fromkeys(run.metrics))
        keys[Source.TAG].update(dict.fromkeys(run.tags))
    return [named(name) for name in _ALWAYS] + [of_key(source, key) for source in keys for key in sorted(keys[source])]


def of_key(source: Source, key: str) -> Named:
    """Return the column of a param, metric or tag."""
    kinds = {Source.PARAM: Type.VARIANT, Source.METRIC: Type.NUMBER, Source.TAG: Type.TEXT}
    field = Field(source, key, kinds[source], "last" if source is Source.METRIC else "")
    name = f"{source.value}.{key}"
    return Named(name if _means(name, field) else f"{source.value}.`{key.replace('`', '``')}`", field)


def _means(name: str, field: Field) -> bool:
    try:
        return parse_field(name) == field
    except QueryError:
        return False


def formatter(template: str, bare: Bare) -> Formatter:
    """Return what writes runs by a template such as '{id} {metrics.acc:.3f}'; UsageError for what is none."""
    try:
        pieces = [
            (text, None if name is None else named(name, bare), spec or "", conversion)
            for text, name, spec, conversion in string.Formatter().parse(template)
        ]
    except QueryError:
        raise
    except ValueError as error:
        raise UsageError(f"--format {template!r:.100}: {error}; braces are written twice, {{{{ and }}}}") from None
    for _, field, spec, conversion in pieces:
        if field is not None and (conversion or not _SPECIFICATION.fullmatch(spec)):
            what = f"{field.name}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}"
            raise UsageError(
                f"--format {{{what}}}: a width and digits may follow, as in :>8 or :.3f; a key with : in it "
                "stands in --columns"
            )
    return Formatter(tuple((text, field, spec) for text, field, spec, _ in pieces))


@dataclass(frozen=True, slots=True)
class Formatter:
    """Text with fields in it, each with a specification as Python's format has it."""

    pieces: tuple[tuple[str, Named | None, str], ...]

    def line(self, run: Run) -> str:
        """Return the text for one run, its values harmless; UsageError where a specification does not fit."""
        return "".join(
            text + (visible(_formatted(run, field, spec)) if field else "") for text, field, spec in self.pieces
        )


def _formatted(run: Run, field: Named, spec: str) -> str:
    value = field.value(run)
    if spec and value is not None and Named.is_number(value):
        try:
            return format(value, spec)
        except OverflowError:  # an integer beyond all floats
            pass
        except ValueError as error:
            raise UsageError(f"--format {{{field.name}:{spec}}}: {error}") from None
    # Digits mean nothing for what is no number; the width still holds.
    found = _SPECIFICATION.fullmatch(spec)
    assert found is not None
    fill, align, width = found["fill"] or "", (found["align"] or "").replace("=", ">"), found["width"] or ""
    return format(field.exact(run), f"{fill}{align}{width}")
