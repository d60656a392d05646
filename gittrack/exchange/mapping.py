"""What each column of a table becomes: by its prefix, as asked, by its name, or guessed from its values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from gittrack.errors import InvalidValue, UsageError
from gittrack.exchange.cells import attribute_of, is_empty, metric_of, nested
from gittrack.exchange.table import ATTRIBUTES, METRICS, PARAMS, TAGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.exchange.tables import Line


class Role(Enum):
    """What the cells of a column become."""

    PARAM = "param"
    METRIC = "metric"
    TAG = "tag"
    ATTRIBUTE = "attribute"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the file, what it becomes under which name, and why."""

    name: str
    role: Role
    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for: the columns of each role; `attributes` maps an attribute to its column."""

    params: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


_PREFIXES: Final = {PARAMS: Role.PARAM, METRICS: Role.METRIC, TAGS: Role.TAG}
_MLFLOW: Final = {
    "tags.mlflow.runName": "name",
    "tags.mlflow.user": "author",
    "tags.mlflow.note.content": "description",
    "tags.mlflow.parentRunId": "parent",
    "tags.mlflow.source.git.commit": "code.commit",
    "tags.mlflow.source.git.branch": "code.branch",
}
# What people call them; taken at their word only where every cell fits.
_SYNONYMS: Final = {
    "run_id": ("id", "runid", "run_uuid"),
    "name": ("run_name", "run", "title"),
    "experiment": ("experiment_name", "experiment_id"),
    "status": ("state",),
    "start_time": ("start", "started", "started_at", "date", "datetime", "timestamp", "created", "created_at", "day"),
    "end_time": ("end", "ended", "ended_at", "finished", "finished_at"),
    "duration": ("runtime", "elapsed", "wall_time"),
    "author": ("user", "who", "by", "owner"),
    "author.email": ("email", "author_email"),
    "parent": ("parent_run_id",),
    "description": ("note", "notes", "comment", "comments", "remark", "remarks"),
    "code.commit": ("commit", "sha", "git_commit", "revision"),
    "code.branch": ("branch", "git_branch"),
    "code.dirty": ("dirty",),
}
# Where they do not fit they are those of another tool, and say which run it was.
_OF_OTHERS: Final = ("run_id", "id", "parent", "parent_run_id", "artifact_uri", "rev")
_ATTRIBUTE_OF: Final = {name: attribute for attribute, names in _SYNONYMS.items() for name in names}
_METRIC_WORDS: Final = frozenset(
    "acc accuracy loss f1 auc auroc precision recall rmse mae mse r2 iou map bleu rouge perplexity ppl error score "
    "top1 top5 wer cer reward dice kappa mcc ndcg mrr logloss".split()
)
_PARAM_WORDS: Final = frozenset(
    "lr rate batch size epochs epoch seed dropout layers hidden width depth decay momentum warmup optimizer fold "
    "heads dim units steps beta gamma alpha lambda temperature k n".split()
)


def columns_of(lines: Sequence[Line], wishes: Wishes) -> list[Column]:
    """Return what each column becomes, in the order of the file; UsageError where a wish names none."""
    cells: dict[str, list[object]] = {}
    for line in lines:
        for name, value in line.row.items():
            cells.setdefault(name, []).append(value)
    asked = _asked(wishes, cells)
    columns: list[Column] = []
    for name, values in cells.items():
        taken = {column.target for column in columns if column.role is Role.ATTRIBUTE}
        taken |= {column.target for column in asked.values() if column.role is Role.ATTRIBUTE}
        columns.append(asked.get(name) or _named(name, values, taken) or _guessed(name, values))
    return columns


def _asked(wishes: Wishes, cells: Mapping[str, object]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    roles = {
        Role.PARAM: wishes.params,
        Role.METRIC: wishes.metrics,
        Role.TAG: wishes.tags,
        Role.NOTHING: wishes.ignored,
    }
    wanted = [(name, role, _stripped(name, role)) for role, names in roles.items() for name in names]
    wanted += [(name, Role.ATTRIBUTE, attribute) for attribute, name in wishes.attributes.items()]
    for name, role, target in wanted:
        if name not in cells:
            raise UsageError(f"there is no column {name!r:.80}; the columns are {', '.join(map(repr, cells))[:300]}")
        if name in found:
            raise UsageError(f"the column {name!r:.80} is asked to become two things; name it once")
        if role is Role.ATTRIBUTE and target not in ATTRIBUTES:
            raise UsageError(f"{target!r:.80} is no attribute of a run; there are {', '.join(ATTRIBUTES)}")
        found[name] = Column(name, role, target, "asked for")
    return found


def _stripped(name: str, role: Role) -> str:
    prefix = next((prefix for prefix, of in _PREFIXES.items() if of is role), "")
    return (name.removeprefix(prefix) if prefix else name) or name


def _named(name: str, values: Sequence[object], taken: set[str]) -> Column | None:
    """What the name alone tells."""
    own = _MLFLOW.get(name)
    if own is not None and own not in taken and _fits(own, values):
        return Column(name, Role.ATTRIBUTE, own, "its name")
    for prefix, role in _PREFIXES.items():
        if name.startswith(prefix) and name != prefix:
            return Column(name, role, name.removeprefix(prefix), "its prefix")
        if name == prefix[:-1] and all(nested(value) is not None for value in values):
            return Column(name, role, "", "its name")
    plain = re.sub(r"[\s-]+", "_", name.strip().lower()).removeprefix("attributes.")
    if plain in ATTRIBUTES and plain not in taken and (plain not in _OF_OTHERS or _fits(plain, values)):
        return Column(name, Role.ATTRIBUTE, plain, "its name")
    attribute = _ATTRIBUTE_OF.get(plain)
    if attribute is not None and attribute not in taken and _fits(attribute, values):
        return Column(name, Role.ATTRIBUTE, attribute, "its name")
    return Column(name, Role.TAG, name, "its name") if plain in _OF_OTHERS else None


def _fits(attribute: str, values: Sequence[object]) -> bool:
    try:
        for value in values:
            attribute_of(attribute, value)
    except InvalidValue:
        return False
    return True


def _guessed(name: str, values: Sequence[object]) -> Column:
    numbers = _numbers(name, values)
    if numbers is None:
        return Column(name, Role.PARAM, name, "guess: not numbers")
    words = set(re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name.strip().lower()))
    if words & _METRIC_WORDS:
        return Column(name, Role.METRIC, name, "guess: named as metrics are")
    if words & _PARAM_WORDS:
        return Column(name, Role.PARAM, name, "guess: named as params are")
    fractions = any(isinstance(number, float) for number in numbers)
    if fractions and len(set(numbers)) * 2 > len(numbers):
        return Column(name, Role.METRIC, name, "guess: fractions that differ")
    return Column(name, Role.PARAM, name, "guess: numbers that are chosen")


def _numbers(name: str, values: Sequence[object]) -> list[float] | None:
    """The numbers that all the cells are, None where one is none."""
    try:
        numbers = [metric_of(name, value) for value in values if not is_empty(value)]
    except InvalidValue:
        return None
    return [number for number in numbers if number is not None] or None
