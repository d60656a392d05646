"""Which keys and values can be recorded, and in which plain form: checked where they are logged."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import SupportsFloat, SupportsIndex, TypeVar

from gittrack.errors import InvalidValue, ParamConflict
from gittrack.model import Key, Number, Value

K = TypeVar("K", bound=Key)

KEY_LIMIT = 250
TAG_LIMIT = 10_000
PATH_LIMIT = 4096
DEPTH_LIMIT = 64
# Lists that share their items stand for any number of them; a record is for people.
VALUES_LIMIT = 100_000
# Python itself refuses to write or read an integer of more than 4,300 digits.
INT_BITS = 14_000
STEP_BITS = 1_000

# C0 and C1 controls, line separators, and the characters that turn the direction of text around.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Some file systems pass over these in a name, so that git refuses a '.git' that is made with them.
_JOINERS = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])
_ODD_IN_PART = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"|?*\\\u2028\u2029\u061c\u200c-\u200f\u202a-\u202e\u2066-\u206f\ufeff]+'
)
_TAKEN_NAME = re.compile(r"latest(~\d*)?|[0-9a-f]{8,40}")
# The names of devices; the superscript digits, and spaces before the ending, count there too.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\..*)?", re.IGNORECASE)


def check_key(kind: str, key: object) -> str:
    """Return `key` when it can name a param, metric, tag, …; raise InvalidValue otherwise."""
    if not isinstance(key, str):
        raise InvalidValue(f"a {kind} name must be text, not {_type(key)} ({shown(key)})")
    if not key or key.isspace():
        raise InvalidValue(f"a {kind} name must not be empty")
    if len(key) > KEY_LIMIT:
        raise InvalidValue(f"{kind} name {key[:40]!r}… has {len(key)} characters; at most {KEY_LIMIT} are allowed")
    if _UNPRINTABLE.search(key) or _SURROGATE.search(key):
        raise InvalidValue(f"{kind} name {key!r:.80} holds a line break or a control character; remove it")
    return str.__str__(key)


def check_text(kind: str, text: object, *, limit: int | None = None, lines: bool = False) -> str:
    """Return `text` when it can be kept as a name (`lines=False`) or as free text (`lines=True`)."""
    if not isinstance(text, str):
        raise InvalidValue(f"{kind} must be text, not {_type(text)} ({shown(text)})")
    if _SURROGATE.search(text):
        raise InvalidValue(f"{kind} holds half of a UTF-16 pair and cannot be written as UTF-8")
    if not lines and (not text.strip() or _UNPRINTABLE.search(text)):
        raise InvalidValue(f"{kind} {text!r:.80} must not be empty or hold line breaks or control characters")
    if limit is not None and len(text) > limit:
        raise InvalidValue(f"{kind} has {len(text)} characters; at most {limit} are allowed")
    # Not by str(), which gives the name of a member of an Enum and not the text that it is.
    return str.__str__(text)


def check_run_name(name: object) -> str:
    """Return `name` when it can name a run: printable, and not what stands for another run already."""
    text = check_text("a run's name", name, limit=KEY_LIMIT)
    if _TAKEN_NAME.fullmatch(text):
        raise InvalidValue(f"a run cannot be named {text!r}: that stands for the newest run, or for a run's id")
    return text


def plain_value(name: str, value: object, *, what: str = "param") -> Value:
    """Return `value` in plain Python types: numpy scalars unwrapped, tuples as lists, paths as text.

    A dataclass stands for its fields. InvalidValue for what cannot be kept exactly, is nested too deep or is too much.
    """
    return _Plain(what).value(name, value, 0)


class _Plain:
    """Makes one value plain, and counts what is in it."""

    __slots__ = ("_count", "_what")

    def __init__(self, what: str) -> None:
        self._what, self._count = what, 0

    def value(self, name: str, value: object, depth: int) -> Value:
        self._count += 1
        if self._count > VALUES_LIMIT:
            raise InvalidValue(f"{self._what} {name!r:.80} and those before it are more than {VALUES_LIMIT:,} values")
        if value is None or isinstance(value, (bool, int, float)):
            return _plain_number(f"{self._what} {name!r}", value)
        if isinstance(value, str):
            return check_text(f"{self._what} {name!r}", value, lines=True)
        if depth > DEPTH_LIMIT:
            raise InvalidValue(f"{self._what} {name!r:.80} is nested more than {DEPTH_LIMIT} levels deep")
        return self._collection(name, _unwrapped(value), value, depth + 1)

    def _collection(self, name: str, item: object, value: object, depth: int) -> Value:
        if item is not value:
            return self.value(name, item, depth)
        if isinstance(value, Mapping) or _is_dataclass(value):
            mapping = value if isinstance(value, Mapping) else _fields_of(value)
            return {_plain_key(name, k): self.value(f"{name}.{k}", v, depth) for k, v in mapping.items()}
        if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
            return [self.value(f"{name}[{i}]", v, depth) for i, v in enumerate(value)]
        if hasattr(value, "__fspath__") and not isinstance(value, type):
            return check_text(f"{self._what} {name!r}", str(value), lines=True)
        raise InvalidValue(f"{self._what} {name!r:.80} of type {_type(value)} cannot be kept exactly; log str(value)")


def plain_params(params: object) -> dict[str, Value]:
    """Return what log_params takes as plain values under checked names; InvalidValue when it cannot be."""
    mapping = params if isinstance(params, Mapping) else _mapping_of(params)
    return {check_key("param", key): plain_value(key, value) for key, value in mapping.items()}


def plain_tags(tags: object) -> dict[str, str]:
    """Return what set_tags takes as text under checked names; InvalidValue when it cannot be."""
    if not isinstance(tags, Mapping):
        raise InvalidValue(f"set_tags takes a mapping of names to texts, not {_type(tags)}")
    return {check_key("tag", key): tag_value(key, value) for key, value in tags.items()}


def _mapping_of(params: object) -> Mapping[str, object]:
    """The fields of an argparse.Namespace or a dataclass."""
    if _is_dataclass(params):
        return _fields_of(params)
    if hasattr(params, "__dict__") and not callable(params):
        return vars(params)
    raise InvalidValue(f"log_params takes a mapping of names to values, not {type(params).__name__}")


def _is_dataclass(value: object) -> bool:
    return hasattr(value, "__dataclass_fields__") and not isinstance(value, type)


def _fields_of(value: object) -> dict[str, object]:
    """The fields of a dataclass; dataclasses.asdict would follow one that holds itself without end."""
    names = [field.name for field in dataclasses.fields(value)]  # type: ignore[arg-type]
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def _plain_number(what: str, value: float | None) -> Number | None:
    # Subclasses (an IntEnum, numpy.float64) would not be read back as what they were.
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, int):
        return float(value)
    if value.bit_length() > INT_BITS:
        raise InvalidValue(f"{what} is an integer of {value.bit_length()} bits; log it as text")
    return int(value)


def _plain_key(name: str, key: object) -> Key:
    key = _unwrapped(key)
    if key is None or isinstance(key, (bool, int, float)):
        return _plain_number(f"a key of param {name!r}", key)
    return check_key(f"param {name!r} nested", key)


def _unwrapped(value: object) -> object:
    """A numpy, torch or jax scalar or array as Python numbers and lists; anything else as it is."""
    if isinstance(value, (str, bytes, Mapping)) or not (hasattr(value, "dtype") and hasattr(value, "tolist")):
        return value
    try:
        plain: object = value.tolist()
    except Exception:  # noqa: BLE001 - a class, or a tensor without a value here: no number, whatever it says
        return value
    # numpy.longdouble gives itself back: it has no exact Python counterpart.
    return value if type(plain) is type(value) else plain


def metric_value(name: str, value: object) -> Number:
    """Return the number that `value` is; bool counts as 0 or 1; raise InvalidValue for anything else."""
    if isinstance(value, (int, float)):
        number = _plain_number(f"metric {name!r}", value)
        return 0 if number is None else number + 0 if isinstance(number, bool) else number
    item = _unwrapped(value)
    while item is not value and isinstance(item, list) and len(item) == 1:
        item = item[0]
    if item is not value and isinstance(item, (bool, int, float)):
        return metric_value(name, item)
    if isinstance(value, SupportsFloat) and not isinstance(value, (str, bytes)) and item is value:
        with contextlib.suppress(Exception):  # whatever a stranger's __float__ says, it is no number
            return float(value)
    raise InvalidValue(f"metric {name!r:.80} must be one number, not {_type(value)} ({shown(value)})")


def metric_step(name: str, step: object) -> int | None:
    """Return `step` as an int, or None; a float is fine when it is whole."""
    if step is None:
        return None
    item = _unwrapped(step)
    whole = int(item) if isinstance(item, float) and item.is_integer() else _index(item)
    if whole is None:
        raise InvalidValue(f"the step of metric {name!r:.80} must be a whole number, not {shown(step)}")
    if whole.bit_length() > STEP_BITS:
        raise InvalidValue(f"the step of metric {name!r:.80} has {whole.bit_length()} bits")
    return whole


def _index(value: object) -> int | None:
    if not isinstance(value, SupportsIndex) or isinstance(value, type):
        return None
    try:
        return int(value.__index__())
    except Exception:  # noqa: BLE001 - an array of several, or a stranger's refusal
        return None


def tag_value(name: str, value: object) -> str:
    """Return a tag's value as text; numbers and booleans are written out."""
    if isinstance(value, (bool, int, float)):
        return str(_plain_number(f"tag {name!r}", value))
    return check_text(f"tag {name!r}", value, limit=TAG_LIMIT, lines=True)


def merge_params(present: Mapping[K, Value], new: Mapping[K, Value], _at: str = "") -> dict[K, Value]:
    """Return both together; ParamConflict names both values where one would change.

    Nested mappings are merged leaf by leaf, so that parts of one configuration may be logged apart.
    """
    result = dict(present)
    for key, value in new.items():
        old = result.get(key)
        if key not in result:
            result[key] = value
        elif isinstance(old, dict) and isinstance(value, dict):
            result[key] = merge_params(old, value, f"{_at}{key}.")
        elif not same_value(old, value):
            raise ParamConflict(
                f"param '{_at}{key}' is already {shown(old)} and cannot become {shown(value)}; "
                "use another name or start another run"
            )
    return result


def flatten(params: Mapping[K, Value]) -> Iterator[tuple[str, Value]]:
    """Yield (dotted name, value) for each leaf; lists and empty mappings are leaves."""
    for key, value in params.items():
        if isinstance(value, dict) and value:
            for path, leaf in flatten(value):
                yield f"{key}.{path}", leaf
        else:
            yield str(key), value


def same_value(a: Value, b: Value) -> bool:
    """Equal as a person means it: NaN equals NaN, 1 equals 1.0, but True is not 1."""
    if isinstance(a, bool) is not isinstance(b, bool):
        return False
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    return a == b or (a != a and b != b)


def check_artifact_path(path: object) -> str:
    """Return `path` with forward slashes when it may stand below artifacts/; InvalidValue otherwise."""
    if not isinstance(path, str):
        raise InvalidValue(f"an artifact path must be text, not {_type(path)} ({shown(path)})")
    posix = path.replace("\\", "/") if "\\" in path else path
    if not posix or posix.startswith("/") or re.match(r"[A-Za-z]:", posix):
        raise InvalidValue(f"artifact path {path!r:.120} must be relative, such as 'plots/roc.png'")
    if len(posix) > PATH_LIMIT:
        raise InvalidValue(
            f"artifact path {path[:40]!r}… has {len(posix)} characters; at most {PATH_LIMIT} are allowed"
        )
    for part in posix.split("/"):
        problem = _part_problem(part)
        if problem:
            raise InvalidValue(f"artifact path {path!r:.120} {problem}; give another artifact path")
    return posix


def storable_path(path: str) -> str:
    """Return a path that came from the disk with what an artifact's path may not hold as %XX."""
    raw = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") if not path.isascii() else path
    raw = re.sub(r"\\x([0-9a-f]{2})", lambda m: "%" + m[1].upper(), raw) if raw != path else raw
    parts = [_ODD_IN_PART.sub(_escaped, part) for part in raw.split("/")]
    return "/".join(_escaped_ends(part) for part in parts)


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def _escaped_ends(part: str) -> str:
    if part[-1:] in (".", " ") and part not in (".", ".."):
        part = f"{part[:-1]}%{ord(part[-1]):02X}"
    return f"%{ord(part[0]):02X}{part[1:]}" if _RESERVED.fullmatch(part) else part


class PathSet:
    """Paths of files that can lie in one folder together: none of them is needed as a folder."""

    __slots__ = ("_files", "_folders")

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: dict[str, str] = {}

    def clash(self, path: str) -> str | None:
        """Return a path that cannot be there together with `path`, None when there is none."""
        return self._folders.get(path) or next((p for p in _parents(path) if p in self._files), None)

    def add(self, path: str) -> None:
        """Take a path that does not clash."""
        self._files.add(path)
        self._folders.update(dict.fromkeys(_parents(path), path))


def _parents(path: str) -> list[str]:
    return [path[:i] for i, char in enumerate(path) if char == "/"]


def _part_problem(part: str) -> str | None:
    stem = part.rstrip(". ").lower()
    invisible = _SURROGATE.search(part) or _UNPRINTABLE.search(part)
    problems = {
        f"has an empty or relative part {part!r}": part in ("", ".", ".."),
        "holds a control character or is not valid Unicode": invisible,
        "has a part of more than 255 bytes": not invisible and len(part.encode()) > 255,
        "holds a part that git reserves (.git)": stem.translate(_JOINERS) in (".git", "git~1"),
        "has a part that ends in a dot or a space": stem != part.lower(),
        f"has a part that Windows cannot store ({part!r})": _RESERVED.fullmatch(part) or re.search(r'[<>:"|?*]', part),
    }
    return next((sentence for sentence, found in problems.items() if found), None)


def shown(value: object) -> str:
    """Return the beginning of `value` as Python writes it, for the sentence of an error: whatever it is."""
    try:
        return _SHORT.repr(value)
    except Exception:  # noqa: BLE001 - an integer of too many digits, or a stranger's __repr__
        return f"<{_type(value)}>"


# Lists that share their items would be written out without end.
_SHORT = reprlib.Repr()
_SHORT.maxlevel = 3
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80


def _type(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def full_value(value: Value) -> str:
    """Return a param's value as run.yaml would write it on one line, with every digit."""
    if isinstance(value, str):
        return value or "''"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(full_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {full_value(item)}' for key, item in value.items())}}}"
    return repr(value)
