"""A cell of a table as a param, metric, tag or attribute of a run, InvalidValue for what it cannot be: pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, cast

from gittrack.capture.points import as_metric
from gittrack.capture.scalars import as_number, typed_value
from gittrack.codec.paths import is_id
from gittrack.errors import InvalidValue, UsageError
from gittrack.exchange.tables import Word, as_text
from gittrack.model import CRASHED, FAILED, FINISHED, KILLED
from gittrack.query.moments import MILLISECONDS_FROM, duration, moment
from gittrack.values import check_run_name, check_text, plain_value, shown, tag_value

if TYPE_CHECKING:
    from gittrack.model import Number, Value

_EMPTY: Final = frozenset(("", "-", "na", "n/a", "none", "null", "#n/a"))
_DAY: Final = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(.*)", re.DOTALL)
_EARLIEST: Final = 315_532_800.0  # 1980: a number before it is no time, but a day of a sheet, or a year
_LATEST: Final = 253_402_300_799.0
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_PERSON: Final = re.compile(r"\s*(.*?)\s*<([^<>]*)>\s*")
_STATUSES: Final = {
    FINISHED: ("finished", "done", "completed", "complete", "success", "succeeded", "ok"),
    FAILED: ("failed", "failure", "error"),
    KILLED: ("killed", "cancelled", "canceled", "stopped", "aborted"),
    # Nobody is running it here: what was not at its end when the table was made has none.
    CRASHED: ("crashed", "running", "scheduled"),
}
STATUS_OF: Final = {word: status for status, words in _STATUSES.items() for word in words}
_TRUE: Final = ("true", "yes", "1")
_FALSE: Final = ("false", "no", "0")


def is_empty(value: object) -> bool:
    """Whether a cell says nothing as a number."""
    return value is None or (isinstance(value, (Word, str)) and _text(value).strip().lower() in _EMPTY)


def param_of(name: str, value: object) -> Value:
    """Return a cell as a param: text of a file without types as the number or truth value that it is beyond doubt."""
    return plain_value(name, typed_value(value.text.strip()) if isinstance(value, Word) else as_text(value))


def metric_of(name: str, value: object) -> Number | None:
    """Return a cell as the value of a metric, None for nothing: empty, -, NA, N/A, none, null."""
    if is_empty(value):
        return None
    text = _text(value).strip() if isinstance(value, (Word, str)) else ""
    number = as_metric(value) if not text else as_number(text.removeprefix("+"))
    if number is None and text:
        number = as_metric(text)
    if number is None:
        raise InvalidValue(f"{shown(as_text(value))} in the column {name!r:.80} is no number")
    return number


def tag_of(name: str, value: object) -> str:
    """Return a cell as a tag."""
    plain = as_text(value)
    return tag_value(name, plain if isinstance(plain, (str, int, float)) else str(plain))


def attribute_of(name: str, value: object) -> object:
    """Return a cell as the attribute `name` of a run."""
    reader = _READERS.get(name)
    return _words(name, value) if reader is None else reader(name, value)


def _words(name: str, value: object) -> str:
    return check_text(f"the {name}", str(as_text(value)), lines=name == "description")


def _plain(value: object) -> str:
    return str(as_text(value)).strip()


def _text(value: Word | str) -> str:
    return value.text if isinstance(value, Word) else value


def time_of(value: object) -> float:
    """Return the time that a cell is, in seconds since the epoch; a time without a zone is a local one."""
    if isinstance(value, datetime):
        return _within(value.timestamp(), value)
    if isinstance(value, date):
        return _within(datetime(value.year, value.month, value.day).timestamp(), value)  # noqa: DTZ001 - a local day
    text = _plain(value)
    number = as_number(text)
    if number is not None:
        return _within(number / 1000 if number >= MILLISECONDS_FROM else float(number), text)
    day = _DAY.fullmatch(text)
    if day is not None:
        try:
            return _within(moment(f"{day[1]}-{day[2]:0>2}-{day[3]:0>2}{day[4]}", 0.0), text)
        except UsageError:
            pass
    raise InvalidValue(f"{text!r:.80} is no time such as 2024-01-31 or 2024-01-31T14:00:00Z")


def _within(seconds: float, value: object) -> float:
    if not _EARLIEST <= seconds <= _LATEST:
        raise InvalidValue(f"{shown(value)} lies before 1980 or after 9999; write a time as 2024-01-31T14:00:00Z")
    return seconds


def _duration(_: str, value: object) -> float:
    plain = as_text(value)
    try:
        seconds = float(plain) if isinstance(plain, (int, float)) else duration(str(plain))
    except UsageError as error:
        raise InvalidValue(str(error)) from None
    if not 0 <= seconds < _LATEST:
        raise InvalidValue(f"{shown(plain)} is no duration; write seconds, or '1h30m'")
    return seconds


def _status(_: str, value: object) -> str:
    text = _plain(value)
    status = STATUS_OF.get(text.lower())
    if status is None:
        raise InvalidValue(f"{text!r:.80} is no status; a run is one of {', '.join(_STATUSES)}")
    return status


def _flag(name: str, value: object) -> bool:
    text = _plain(value)
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise InvalidValue(f"{name} is true or false, not {text!r:.80}")


def _id(name: str, value: object) -> str:
    text = _plain(value)
    if not is_id(text):
        raise InvalidValue(f"the {name} of a run is 32 hexadecimal characters, not {text!r:.80}")
    return text


def _commit(_: str, value: object) -> str:
    text = _plain(value).lower()
    if not _COMMIT.fullmatch(text):
        raise InvalidValue(f"{text!r:.80} is no commit, which has 7 to 64 hexadecimal characters")
    return text


_READERS: Final[dict[str, Callable[[str, object], object]]] = {
    "run_id": _id,
    "name": lambda _, value: check_run_name(_plain(value)),
    "status": _status,
    "start_time": lambda _, value: time_of(value),
    "end_time": lambda _, value: time_of(value),
    "duration": _duration,
    "parent": _id,
    "code.commit": _commit,
    "code.dirty": _flag,
    "deleted": _flag,
}


def person_of(name: str, email: str) -> tuple[str, str]:
    """Return name and address of 'Ada Example <ada@example.com>', or of the two apart."""
    both = _PERSON.fullmatch(name)
    return (both[1] or both[2], email or both[2]) if both else (name, email)


def nested(value: object) -> Mapping[str, object] | None:
    """Return the mapping that a cell of JSON Lines is, None for any other."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return cast("Mapping[str, object]", value)
    return None
