"""Where each file of a run lies on the branch (docs/format.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gittrack.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from gittrack.model import Artifact

FORMAT_VERSION: Final = 1
FORMAT_FILE: Final = "format.yaml"
README_FILE: Final = "README.md"
RUNS: Final = "runs"
REWRITES: Final = "rewrites"
PURGED: Final = "purged"
RECORD: Final = "run.yaml"
LATER: Final = "later"
METRICS: Final = "metrics"
ARTIFACTS: Final = "artifacts"
CONFLICTS: Final = "conflicts"
OUTPUT: Final = "output.log"
PACKAGES: Final = "environment/packages.txt"
POINTER_SIZE: Final = 100 * 1024

STEM_LIMIT: Final = 200
_ID = re.compile(r"[0-9a-f]{32}")
_LATER = re.compile(r"([0-9]{1,15})-([0-9a-f]{16})")
_REWRITE = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})-([0-9a-f]{40}|[0-9a-f]{64})")
_PURGED = re.compile(rf"{PURGED}/([0-9a-f]{{2}})/(\1[0-9a-f]{{30}})")
_CONFLICT = re.compile(rf"{CONFLICTS}/([0-9a-f]{{40}}|[0-9a-f]{{64}})/[0-9]{{1,4}}/(.+)", re.DOTALL)
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+= ")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def check_id(text: object) -> str:
    """Return `text` when it is a run id, 32 lower-case hexadecimal characters; InvalidValue otherwise."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise InvalidValue(f"a run id is 32 hexadecimal characters, not {text!r:.80}")
    return text


def is_id(text: str) -> bool:
    """Whether `text` is a whole run id."""
    return _ID.fullmatch(text) is not None


def run_directory(run_id: str) -> str:
    """Return the folder of a run: 'runs/3f/3fa2…'."""
    return f"{RUNS}/{run_id[:2]}/{run_id}"


def rewrite_file(old: str, new: str) -> tuple[str, bytes]:
    """Return where it stands that a commit was rewritten into another one, and the content of that file."""
    return f"{REWRITES}/{old[:2]}/{old}-{new}", f"{old} {new}\n".encode()


def parse_rewrite(name: str) -> tuple[str, str] | None:
    """Return (old commit, new commit) of the name of such a file, None for another name."""
    match = _REWRITE.fullmatch(name)
    return (match[1], match[2]) if match else None


def purged_file(run_id: str) -> tuple[str, bytes]:
    """Return where it stands that a run was purged, and the content of that file."""
    return f"{PURGED}/{run_id[:2]}/{run_id}", f"{run_id}\n".encode()


def parse_purged(path: str) -> str | None:
    """Return the id of the run that a file below 'purged/' tells of, None for any other path."""
    match = _PURGED.fullmatch(path)
    return match[2] if match else None


def reworded(message: bytes, runs: Iterable[str]) -> bytes:
    """Return the message of a commit that stays for something else, without the name of a purged run."""
    for run_id in runs:
        if f"\nRun: {run_id}\n".encode() in message:
            return f"purge {run_id[:8]}\n".encode()
    return message


def conflict_place(path: str, oid: str) -> str:
    """Return where the blob `oid` lies below a run's folder when another one has its place, `path` below that folder.

    The number of the path's parts keeps a file and what lies below a folder of that name apart.
    """
    return f"{CONFLICTS}/{oid}/{path.count('/') + 1}/{path}"


def parse_conflict(path: str) -> tuple[str, str] | None:
    """Return (blob, path that it was committed at) of such a path below a run's folder, None for any other."""
    match = _CONFLICT.fullmatch(path)
    return (match[1], match[2]) if match and path == conflict_place(match[2], match[1]) else None


def later_stem(lamport: int, data: bytes) -> str:
    """Return 'later/<lamport>-<hash>' for a later record whose file holds `data`."""
    return f"{LATER}/{lamport:08d}-{_hash(data)}"


def _hash(data: bytes) -> str:
    import hashlib  # 3 ms, which listing runs need not pay

    return hashlib.sha256(data).hexdigest()[:16]


def parse_later(name: str) -> tuple[int, str] | None:
    """Return (lamport, hash) of the name '<lamport>-<hash>' with or without '.yaml', None for another."""
    match = _LATER.fullmatch(name.removesuffix(".yaml"))
    return (int(match[1]), match[2]) if match else None


def metric_stem(name: str, taken: Container[str] = ()) -> str:
    """Return the file name, without '.tsv', for the metric `name`.

    Bytes outside of letters, digits and '_-.+= ' are percent-encoded, so that urllib.parse.unquote gives
    the name back. `taken` holds the stems that are in use, in lower case: a second name that differs
    in case alone has its capitals encoded too, because some file systems fold case. A stem over 200
    bytes is cut and ends in '~' and a hash; run.yaml tells its true name.
    """
    raw = name.encode()
    stem = "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in raw)
    if stem[0] in ". -" or _RESERVED.fullmatch(stem):
        stem = f"%{ord(stem[0]):02X}{stem[1:]}"
    if stem[-1] in ". ":
        stem = f"{stem[:-1]}%{ord(stem[-1]):02X}"
    if stem.lower() in taken:
        stem = "".join(f"%{ord(c):02X}" if c.isupper() and not _in_escape(stem, i) else c for i, c in enumerate(stem))
    if len(stem) > STEM_LIMIT or stem.lower() in taken:
        stem = f"{stem[: STEM_LIMIT // 2]}~{_hash(raw)}"
    return stem


def artifact_place(artifact: Artifact) -> str:
    """Return where an artifact lies below its run's folder."""
    return f"{artifact.prefix}{ARTIFACTS}/{artifact.file or artifact.path}"


def artifact_files(paths: Iterable[str]) -> dict[str, str]:
    """Return path -> place below artifacts/ for those of `paths` that cannot lie at their own path.

    Some file systems fold case, and two ways to write one letter: where the paths of two files, or of a file
    and a folder, would be one there, the second file lies at the top, named after the hash of its path.
    """
    files: set[str] = set()
    folders: set[str] = set()
    moved: dict[str, str] = {}
    for path in paths:
        folded = folded_path(path)
        above = {folded[:end] for end, char in enumerate(folded) if char == "/"}
        if folded in files | folders or above & files:
            moved[path] = _renamed(path)
        else:
            files.add(folded)
            folders |= above
    return moved


def folded_path(path: str) -> str:
    """Return what is one text for all paths that some file system takes for one."""
    if path.isascii():
        return path.lower()
    from unicodedata import normalize

    return normalize("NFD", normalize("NFD", path).casefold())


def _renamed(path: str) -> str:
    stem, dot, ending = path.rpartition("/")[2].rpartition(".")
    if not stem or len(ending) > STEM_LIMIT // 10:
        stem, dot, ending = stem + dot + ending, "", ""
    short = stem.encode()[: STEM_LIMIT // 2].decode(errors="ignore")
    return f"{short}~{_hash(path.encode())}{dot}{ending}"


def _in_escape(stem: str, index: int) -> bool:
    return "%" in stem[max(0, index - 2) : index]


def pointer(sha256: str, size: int) -> bytes:
    """Return the LFS pointer for a file (git-lfs specification, version 1)."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def format_file() -> bytes:
    """Return the content of format.yaml."""
    return f"# The format of this branch: see README.md\nformat: gittrack\nversion: {FORMAT_VERSION}\n".encode()


def readme_file() -> bytes:
    """Return the README of the branch, for somebody who meets it on a git host."""
    return _README.encode()


_README = """# Runs of this project

This branch holds machine-learning experiments, one folder a run, written by
[gittrack](https://pypi.org/project/gittrack/). It shares no history with the code. Do not edit it by hand and
do not merge it into a branch of code: each run names the commit that it was made with.

    runs/<first two characters of the id>/<id>/
        run.yaml              the whole run: who, when, where, command, code, params, metrics, tags, artifacts
        metrics/<name>.tsv    every logged value: step, seconds since the start, value
        environment/          the exact packages
        output.log            what the command printed
        artifacts/            files that the run left; large ones are Git LFS pointers
        later/                what came after: tags, notes, a new name, deletion, a resumed part
    rewrites/<two characters>/<old>-<new>
                              a commit of the code that was amended or rebased into another one
    purged/<two characters>/<id>
                              a run whose files were removed for good: it must not come back

With gittrack installed: `gittrack log`, `gittrack show RUN`. Without it: `git log gittrack/runs`, and
`git show gittrack/runs:runs/3f/3fa2…/run.yaml`.
"""
