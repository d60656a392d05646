"""Runs as they were fetched, which are hostile until checked: names, modes, sizes before contents, records.

A run is admitted whole or not at all. Whether its histories and artifacts are those that its records tell of is not
asked here but by `gittrack check`: a file that nobody opens harms nobody.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from gittrack.codec.paths import ARTIFACTS, OUTPUT, POINTER_SIZE, RECORD, folded_path, parse_conflict, parse_later
from gittrack.errors import DamagedRecord
from gittrack.git.tree import DIRECTORY, Entry, parse_tree
from gittrack.verify import is_record, path_problem, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gittrack.git.reader import BlobReader
    from gittrack.git.repository import Repository

Files: TypeAlias = "dict[str, Entry]"  # by the path below the run's folder

_AT_ONCE: Final = 500  # runs
_MOST_FILES: Final = 100_000  # of one run; a few small trees can stand for more than any memory holds
_LONGEST: Final = 4096 + 200  # characters: those of an artifact, and of the folders above it
_MIB: Final = 1 << 20
LARGEST: Final = {
    "tree": 16 * _MIB,
    "record": 16 * _MIB,
    "output": 2 * _MIB,
    "artifact": POINTER_SIZE,
    "frame": _MIB,
    "other": 1024 * _MIB,
}
_AHEAD: Final = 1000  # logical times that may be missing: of records that were damaged and left out


class Admission(NamedTuple):
    """A run's folder: the id, the tree, and why it is not admitted, '' where it is."""

    run: str
    tree: str
    reason: str


def admissions(repo: Repository, reader: BlobReader, runs: Sequence[tuple[str, str]]) -> Iterator[Admission]:
    """Yield what is to be said of each (run, tree of its folder), in their order."""
    for start in range(0, len(runs), _AT_ONCE):
        yield from _judged(repo, reader, runs[start : start + _AT_ONCE])


def _judged(repo: Repository, reader: BlobReader, runs: Sequence[tuple[str, str]]) -> Iterator[Admission]:
    found = folders(repo, reader, runs)
    oids = {entry.oid for files, _ in found for entry in files.values() if not entry.is_directory}
    known = reader.sizes.of(sorted(oids))
    reasons = [reason or _files_problem(files, known) for files, reason in found]
    sound = [files for (files, _), reason in zip(found, reasons, strict=True) if not reason]
    records = {entry.oid for files in sound for path, entry in files.items() if is_record(path)}
    contents = dict(reader.read_many(sorted(records)))
    for (run_id, tree), (files, _), reason in zip(runs, found, reasons, strict=True):
        yield Admission(run_id, tree, reason or _records_problem(run_id, files, contents))


def folders(repo: Repository, reader: BlobReader, runs: Sequence[tuple[str, str]]) -> list[tuple[Files, str]]:
    """Return the files of each run's folder, and why it cannot be listed, '' where it can."""
    files: list[Files] = [{} for _ in runs]
    reasons = [""] * len(runs)
    known: dict[str, list[Entry] | None] = {}
    todo = [(place, "", tree) for place, (_, tree) in enumerate(runs)]
    while todo:
        new = sorted({tree for _, _, tree in todo} - known.keys())
        known |= dict.fromkeys(new) | read_trees(repo, reader, new)
        below: list[tuple[int, str, str]] = []
        for place, prefix, tree in todo:
            entries = known[tree]
            reasons[place] = reasons[place] or _listed(files[place], prefix, entries)
            if not reasons[place] and entries is not None:
                below += [(place, f"{prefix}{_name(e)}/", e.oid) for e in entries if e.is_directory]
        todo = below
    return list(zip(files, reasons, strict=True))


def read_trees(repo: Repository, reader: BlobReader, oids: Sequence[str]) -> dict[str, list[Entry] | None]:
    """The entries of each of the trees that is one, and not too large; None for one that does not parse."""
    sizes = reader.sizes.of(oids)
    fine = [oid for oid, (kind, size) in sizes.items() if kind == "tree" and size <= LARGEST["tree"]]
    return {oid: _parsed(data, repo.hash_len) for oid, data in reader.read_many(fine)}


def _parsed(data: bytes, hash_len: int) -> list[Entry] | None:
    try:
        return parse_tree(data, hash_len)
    except DamagedRecord:
        return None


def _name(entry: Entry) -> str:
    return entry.name.decode("utf-8", "surrogateescape")


def _listed(files: Files, prefix: str, entries: list[Entry] | None) -> str:
    """Put the entries of a folder into `files`; return why they cannot be."""
    if entries is None:
        return f"the folder {prefix!r:.100} is missing or is no folder"
    if not _is_ordered(entries):
        return f"the folder {prefix!r:.100} has two entries of one name, or is not in git's order"
    if len(files) + len(entries) > _MOST_FILES:
        return f"it has more than {_MOST_FILES} files"
    if not entries:
        return f"the folder {prefix!r:.100} is empty"
    for entry in entries:
        path = prefix + _name(entry)
        if len(path) > _LONGEST or b"/" in entry.name:
            return f"the name {path!r:.100} is too long, or holds a slash"
        files[f"{path}/" if entry.is_directory else path] = entry
    return ""


def _is_ordered(entries: list[Entry]) -> bool:
    names = {entry.name for entry in entries}
    return len(names) == len(entries) and all(one.key < other.key for one, other in pairwise(entries))


def _files_problem(files: Files, known: Mapping[str, tuple[str, int]]) -> str:
    """What is wrong with names, modes, kinds and sizes; folders count for their names."""
    folded: dict[str, str] = {}
    for path, entry in files.items():
        other = folded.setdefault(folded_path(path.removesuffix("/")), path)
        if other != path:
            return f"{path!r:.100} and {other!r:.100} would be one file on some disks"
        if entry.mode == DIRECTORY:
            continue
        conflict = parse_conflict(path)
        name = conflict[1] if conflict else path
        problem = path_problem(name, entry.mode) if not conflict or conflict[0] == entry.oid else "it is another blob"
        problem = problem or _size_problem(name, known.get(entry.oid))
        if problem:
            return f"{path!r:.100}: {problem}"
    return ""


def _size_problem(path: str, known: tuple[str, int] | None) -> str:
    if known is None or known[0] != "blob":
        return "it is missing, or is no file"
    limit = LARGEST[_sort(path)]
    return f"it has {known[1]} bytes, and at most {limit} are allowed" if known[1] > limit else ""


def _sort(path: str) -> str:
    if is_record(path):
        return "record"
    parts = path.split("/")
    below = parts[2:] if parts[0] == "later" else parts
    return "artifact" if below[0] == ARTIFACTS else "output" if below[0] == OUTPUT else "other"


def _records_problem(run_id: str, files: Files, contents: Mapping[str, bytes]) -> str:
    paths = [path for path in files if is_record(path)]
    verdict = read_records(run_id, {path: contents[files[path].oid] for path in paths if files[path].oid in contents})
    for problem in verdict.problems:
        if problem.path or verdict.run is None:
            return f"{problem.path}: {problem.sentence}" if problem.path else problem.sentence
    return _clock_problem(path for path in paths if path != RECORD)


def _clock_problem(later: Iterable[str]) -> str:
    """Each record is one later than another of the run, so a number far beyond how many there are is made up.

    The next record would have to be later still, until no number is left.
    """
    keys = [key for path in later if (key := parse_later(path.rpartition("/")[2])) is not None]
    last = max((lamport for lamport, _ in keys), default=0)
    return f"its clock says {last}, and it has {len(keys)} later records" if last > len(keys) + _AHEAD else ""
