"""What gittrack thinks with: frozen facts about runs, free of any I/O and of any storage format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, Union

if TYPE_CHECKING:
    from collections.abc import Mapping

Scalar: TypeAlias = str | int | float | bool | None
Key: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Union[Scalar, "list[Value]", "dict[Key, Value]"]
Number: TypeAlias = int | float

RUNNING: Final = "running"
FINISHED: Final = "finished"
FAILED: Final = "failed"
KILLED: Final = "killed"
CRASHED: Final = "crashed"
STATUSES: Final = (RUNNING, FINISHED, FAILED, KILLED, CRASHED)
ENDED: Final = (FINISHED, FAILED, KILLED, CRASHED)

DEFAULT_EXPERIMENT: Final = "default"
IMPORTED_FROM: Final = "imported_from"  # the tag that names the file of an imported run

IN_GIT: Final = "git"
IN_LFS: Final = "lfs"
IN_DVC: Final = "dvc"


@dataclass(frozen=True, slots=True)
class Author:
    """A git identity."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A changed file that is not in the snapshot of a run: `why`, and its size in bytes."""

    path: str
    why: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Code:
    """The code that a run was made with; `commit` is HEAD, None on an unborn branch.

    `snapshot` is the commit of the working tree where that differed from HEAD, `tree` what was in it, or in HEAD.
    """

    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    tree: str | None = None
    snapshot: str | None = None
    left_out: tuple[LeftOut, ...] = ()
    remote: str | None = None
    entry: str | None = None
    directory: str = "."


@dataclass(frozen=True, slots=True)
class Environment:
    """The machine and the interpreter; `packages` are exact requirement lines, sorted.

    `locks` are the lock files of the repository that were there, path -> id of the blob in git.
    """

    python: str | None = None
    implementation: str | None = None
    platform: str = ""
    machine: str = ""
    cpu: str | None = None
    cpu_count: int | None = None
    gpus: tuple[str, ...] = ()
    cuda: str | None = None
    driver: str | None = None
    locks: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Input:
    """Data that a run read: `sha256` of the bytes, or of the sorted list of files of a directory.

    `stored` tells what else keeps it: IN_GIT (in the run's code), IN_LFS or IN_DVC; `object` is its id there: a blob or
    tree, an LFS oid, the MD5 of a .dvc file.
    """

    name: str
    path: str
    kind: str
    size: int
    sha256: str
    files: int = 1
    stored: str | None = None
    object: str | None = None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a run left; `large` ones are an LFS pointer on the branch.

    `prefix` is where its part of the run lies below the run's folder ('' or 'later/…/'), `file` its place
    below artifacts/ where that is not its path: of two paths that differ in case alone, one has another name.
    """

    path: str
    size: int
    sha256: str
    large: bool = False
    prefix: str = ""
    file: str = ""


class Point(NamedTuple):
    """One value of a metric: `seconds` since the start of the run, `step` None when none was given.

    A named tuple because histories hold millions of them.
    """

    step: int | None
    seconds: float
    value: Number


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric in one line; NaN counts for `min` and `max` only when there is nothing else.

    `last` is the value logged last, `step` its step; `files` are the histories below the run's folder.
    """

    last: Number
    step: int | None
    min: Number
    min_step: int | None
    max: Number
    max_step: int | None
    count: int
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """A remark that somebody made about a run; `time` in seconds since the epoch."""

    text: str
    time: float
    author: Author | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """How a run came to be, so that it can be done again.

    `wrapped`: by `gittrack run`, which read `params` and `inputs` before and `metrics` and `artifacts` after. Otherwise
    by a process that started it as its run number `ordinal`, from 0 on: the one whose command was recorded, or a
    `worker` that this one forked or started by multiprocessing.
    """

    wrapped: bool = False
    params: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    ordinal: int = 0
    worker: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """What is known when a run starts; `time` in seconds since the epoch, to the millisecond.

    `reproduces` is the id of the run that this one is meant to do again.
    """

    id: str
    name: str
    time: float
    experiment: str = DEFAULT_EXPERIMENT
    parent: str | None = None
    author: Author | None = None
    host: str = ""
    user: str = ""
    command: tuple[str, ...] = ()
    launch: Launch = field(default_factory=Launch)
    reproduces: str | None = None
    code: Code = field(default_factory=Code)
    environment: Environment = field(default_factory=Environment)


@dataclass(frozen=True, slots=True)
class Record:
    """One write-once file of a run: `run.yaml` (with `start`) or a file below `later/` (without).

    `part` tells where a resumed run went on. A record holds only what it adds: None, or an empty
    collection, says nothing. `lamport` orders the records of a run, `digest` breaks ties. In `tags` None
    removes a tag. `journal` names the segments whose points it holds, so that none is published twice. `purged` are
    snapshots whose bytes were removed for good.
    """

    lamport: int = 0
    digest: str = ""
    start: Start | None = None
    part: Start | None = None
    time: float | None = None
    author: Author | None = None
    status: str | None = None
    end: float | None = None
    error: str | None = None
    name: str | None = None
    experiment: str | None = None
    description: str | None = None
    deleted: bool | None = None
    params: Mapping[str, Value] = field(default_factory=dict)
    tags: Mapping[str, str | None] = field(default_factory=dict)
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    notes: tuple[Note, ...] = ()
    output: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    journal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """The state of a run: the pure fold over its records (replay.fold).

    `metrics` are summaries; the full histories are read from their `files` when asked for. `output`
    names the files of what the command printed, in order; `parts` tells of each time that the run was
    resumed, `purged` which snapshots are gone for good. Times are seconds since the epoch.
    """

    id: str
    name: str
    experiment: str
    status: str
    start: float
    end: float | None = None
    parent: str | None = None
    description: str = ""
    author: Author | None = None
    host: str = ""
    user: str = ""
    command: tuple[str, ...] = ()
    launch: Launch = field(default_factory=Launch)
    reproduces: str | None = None
    code: Code = field(default_factory=Code)
    environment: Environment = field(default_factory=Environment)
    params: Mapping[str, Value] = field(default_factory=dict)
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    notes: tuple[Note, ...] = ()
    output: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    parts: tuple[Start, ...] = ()
    error: str | None = None
    deleted: bool = False

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, None while the run is running."""
        return None if self.end is None else max(0.0, self.end - self.start)
