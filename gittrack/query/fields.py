"""The names of the facts of a run, as a filter, an order or a column gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from gittrack.query.terms import SUMMARIES, Field, Source, Type
from gittrack.query.tokens import segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # What a name that is no built-in field means, None where it means nothing.
    Bare: TypeAlias = Callable[[str], Field | None]

_SOURCES: Final = {
    "metric": Source.METRIC,
    "metrics": Source.METRIC,
    "param": Source.PARAM,
    "params": Source.PARAM,
    "parameter": Source.PARAM,
    "parameters": Source.PARAM,
    "tag": Source.TAG,
    "tags": Source.TAG,
    "input": Source.INPUT,
    "inputs": Source.INPUT,
    "dataset": Source.INPUT,
    "datasets": Source.INPUT,
    "attribute": Source.ATTRIBUTE,
    "attributes": Source.ATTRIBUTE,
    "attr": Source.ATTRIBUTE,
    "run": Source.ATTRIBUTE,
}
# The first name of each is ours, the others are those of MLflow and of habit.
ATTRIBUTES: Final = {
    ("id", "run_id"): Type.HEX,
    ("name", "run_name"): Type.TEXT,
    ("experiment", "experiment_name", "experiment_id"): Type.TEXT,
    ("status",): Type.STATUS,
    ("start_time", "start", "created"): Type.TIME,
    ("end_time", "end"): Type.TIME,
    ("duration",): Type.DURATION,
    ("author", "author.name"): Type.TEXT,
    ("author.email", "email"): Type.TEXT,
    ("host",): Type.TEXT,
    ("user", "user_id"): Type.TEXT,
    ("parent", "parent_run_id"): Type.HEX,
    ("reproduces",): Type.HEX,
    ("description",): Type.TEXT,
    ("deleted", "lifecycle_stage"): Type.FLAG,
    ("code.commit", "commit"): Type.HEX,
    ("code.branch", "branch"): Type.TEXT,
    ("code.dirty", "dirty"): Type.FLAG,
    ("code.tree", "tree"): Type.HEX,
}
_ATTRIBUTES: Final = {name: (names[0], kind) for names, kind in ATTRIBUTES.items() for name in names}
# What MLflow keeps in tags of its own stands in a run itself.
_MLFLOW_TAGS: Final = {
    "mlflow.parentRunId": "parent",
    "mlflow.runName": "name",
    "mlflow.user": "user",
    "mlflow.note.content": "description",
    "mlflow.source.git.commit": "code.commit",
    "mlflow.source.git.branch": "code.branch",
}
_INPUT_PARTS: Final = {
    "name": ("name", Type.TEXT),
    "path": ("path", Type.TEXT),
    "sha256": ("sha256", Type.HEX),
    "digest": ("sha256", Type.HEX),
    "context": ("name", Type.TEXT),
}


_EXAMPLES: Final = {
    Source.METRIC: "acc",
    Source.PARAM: "lr",
    Source.TAG: "stage",
    Source.INPUT: "name",
    Source.ATTRIBUTE: "status",
}


class UnknownFieldError(Exception):
    """A name that means no fact of a run; the message says what was expected."""


def field_of(name: str, bare: Bare | None = None) -> Field:
    """Return the fact that `name`, such as metrics.loss.min or code.branch, means; UnknownFieldError for none.

    `bare` tells what a name means that begins with no source and is no built-in field.
    """
    parts = segments(name)
    source = None if parts[0][1] else _SOURCES.get(parts[0][0].lower())
    rest = parts[1:]
    if source is None:
        plain = ".".join(part for part, _ in parts)
        found = None if bare is None or plain.lower() in _ATTRIBUTES else bare(name)
        return found or _attribute(plain)
    if not rest:
        raise UnknownFieldError(f"{name} needs a key, as in {source.value}.{_EXAMPLES[source]}")
    if source is Source.METRIC:
        return _metric(rest)
    key = ".".join(part for part, _ in rest)
    if source is Source.PARAM:
        return Field(Source.PARAM, key, Type.VARIANT)
    if source is Source.TAG:
        own = _MLFLOW_TAGS.get(key)
        return _attribute(own) if own else Field(Source.TAG, key, Type.TEXT)
    if source is Source.INPUT:
        return _input(key)
    return _attribute(key)


def bare_field(name: str, has: Callable[[Field], bool]) -> Field | None:
    """Return the metric, or the param, of that name that `has` knows, None for neither; UnknownFieldError for both."""
    metric, param = field_of(f"metrics.{name}"), field_of(f"params.{name}")
    found = [field for field in (metric, param) if has(field)]
    if len(found) > 1:
        raise UnknownFieldError(f"{name!r:.80} is a metric and a param; write metrics.{name:.80} or params.{name:.80}")
    return found[0] if found else None


def check_typo(name: str, known: Iterable[tuple[Source, str]]) -> None:
    """Raise UnknownFieldError with a suggestion where `name` is nearly, or as a tag, what runs have by these keys."""
    from difflib import get_close_matches

    spelled = {key: f"{source.value}.{key}" for source, key in known}
    close = get_close_matches(name, [*spelled, *_ATTRIBUTES], n=1, cutoff=0.75)
    if close and close[0] in spelled:
        raise UnknownFieldError(f"unknown name {name!r:.80}; did you mean {spelled[close[0]]:.80}?")


def _metric(parts: list[tuple[str, bool]]) -> Field:
    """A metric; the last part may name its summary, unless it is quoted."""
    names = [text for text, _ in parts]
    last, quoted = parts[-1]
    if len(parts) > 1 and last in SUMMARIES and not quoted:
        return Field(Source.METRIC, ".".join(names[:-1]), Type.NUMBER, last)
    return Field(Source.METRIC, ".".join(names), Type.NUMBER, "last")


def _input(key: str) -> Field:
    if key.lower() not in _INPUT_PARTS:
        raise UnknownFieldError(f"an input has no {key!r:.80}; it has {', '.join(_INPUT_PARTS)}")
    part, kind = _INPUT_PARTS[key.lower()]
    return Field(Source.INPUT, part, kind, part)


def _attribute(name: str) -> Field:
    found = _ATTRIBUTES.get(name.lower())
    if found is None:
        raise UnknownFieldError(_unknown(name))
    return Field(Source.ATTRIBUTE, *found)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), _ATTRIBUTES, n=1, cutoff=0.75)
    if close:
        return f"unknown name {name!r:.80}; did you mean {close[0]}?"
    plain = name if len(name) <= 40 and name.isprintable() else "acc"
    return (
        f"unknown name {name!r:.80}; a metric is metrics.{plain}, a param params.{plain}, a tag tags.{plain}, "
        f"and text stands in quotes, '{plain}'"
    )
